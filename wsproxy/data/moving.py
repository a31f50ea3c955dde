"""The long bodies of one exchange, moved by the kernel while nobody reads them (``net.splice``)."""

from typing import Protocol

from wsproxy.core.meter import Meter
from wsproxy.data.clientside import Client
from wsproxy.data.upload import NoUpload, Upload
from wsproxy.net.http1 import AppConnection
from wsproxy.net.splice import End, Splice


class Mover(Protocol):
    """The exchange, as far as it has a say in this."""

    def upload_moved(self) -> None: ...
    def answer_broke(self) -> None: ...
    def client_gone(self) -> None: ...


class Moving:
    """``down``: the answer's body is moved; ``up``: the request's. Each is tried once."""

    def __init__(self, mover: Mover, client: Client, meter: Meter) -> None:
        self._mover = mover
        self._client = client
        self._meter = meter
        self._tried: set[str] = set()
        self.down: Splice | None = None
        self.up: Splice | None = None

    def __repr__(self) -> str:
        return f"Moving(down={self.down}, up={self.up})"

    def stop(self) -> None:
        """The exchange is over, or has lost its app."""
        for splice in (self.down, self.up):
            if splice is not None:
                splice.cancel()
        self.down = self.up = None

    def answer(self, app: AppConnection) -> None:
        """Move what is still to come of a counted answer."""
        client = self._client.transport
        if "down" in self._tried or app.transport is None or client is None:
            return
        self._tried.add("down")
        app.pause()

        def moved(count: int) -> None:
            self._meter.bytes_out += count
            if app.rest == count:
                self.down = None
            app.passed_by(count)

        self.down = Splice(
            app.transport, client, app.rest, moved, self._answer_ended, stall=self._client.stall
        )
        if not self.down.start():
            self.down = None
            if not self._client.full:
                app.resume()

    def _answer_ended(self, end: End) -> None:
        self.down = None
        if end is End.SINK_BROKE:
            self._mover.client_gone()
            self._client.cut(hard=True)
        elif end is not End.COMPLETE:
            self._mover.answer_broke()

    def upload(self, app: AppConnection, upload: Upload | NoUpload) -> None:
        """Move what is still to come of a counted request."""
        client = self._client.transport
        if "up" in self._tried or app.transport is None or client is None:
            return
        self._tried.add("up")
        self._client.hold_app(True)

        def moved(count: int) -> None:
            self._meter.bytes_in += count
            upload.passed_by(count)
            self._mover.upload_moved()

        def ended(end: End) -> None:
            self.up = None
            if end in (End.SOURCE_ENDED, End.SOURCE_BROKE):
                self._mover.client_gone()
                self._client.cut(hard=True)
            elif end is End.COMPLETE and not app.writing_paused:
                self._client.hold_app(False)
            # an app that takes no more may have said why: its own end tells

        self.up = Splice(client, app.transport, upload.rest, moved, ended)
        if not self.up.start():
            self.up = None
            if not app.writing_paused:
                self._client.hold_app(False)
