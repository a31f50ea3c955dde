"""A connection after its 101: bytes both ways until one side ends (design 5.2)."""

import asyncio
from dataclasses import dataclass

from wsproxy.core.circuit import CloseReason
from wsproxy.core.failure import Failure, FailureKind, Side
from wsproxy.core.meter import Meter
from wsproxy.core.relay import Party, RelayEnd
from wsproxy.core.wstrail import FrameTrail, close_frame
from wsproxy.data.engine import Engine, record
from wsproxy.data.site import Outcome, Site
from wsproxy.net.pump import LONG, Relay


@dataclass(frozen=True, slots=True)
class Ends:
    """The two transports of a tunnel, and what was read from them before it began.

    ``websocket``: the client can be told why a tunnel ends.
    """

    client: asyncio.Transport
    app: asyncio.Transport
    from_client: bytes = b""
    from_app: bytes = b""
    websocket: bool = False


class Tunnel:
    """One upgraded connection; ``address`` is its client's, for the count of connections."""

    def __init__(
        self, engine: Engine, site: Site, outcome: Outcome, meter: Meter, address: str
    ) -> None:
        self._engine = engine
        self._site = site
        self._outcome = outcome
        self._meter = meter
        self._address = address
        self._users = engine.open.users(outcome.forward.circuit_id)
        self._relay: Relay | None = None
        self._client: asyncio.Transport | None = None
        self._trail: FrameTrail | None = None

    def __repr__(self) -> str:
        return f"Tunnel({self._outcome.forward.circuit_id}, {self._relay!r})"

    def run(self, ends: Ends) -> None:
        """Take both transports over; ends by itself."""
        self._client = ends.client
        self._trail = FrameTrail() if ends.websocket else None
        self._relay = Relay(
            ends.client,
            ends.app,
            self._meter,
            self._ended,
            early_to_upstream=ends.from_client,
            early_to_client=ends.from_app,
            long=0 if ends.websocket else LONG,
            trail=self._trail,
        )
        self._engine.open.tunnels.add(self)
        self._users.add(self)
        self._relay.start()

    def end(self, reason: CloseReason) -> None:
        """The circuit ends: both sides are closed, what was written still leaves."""
        self._say_goodbye(reason)
        if self._relay is not None:
            self._relay.close()

    def _say_goodbye(self, reason: CloseReason) -> None:
        """A WebSocket is closed with a reason, if no frame is half sent (design 5.10)."""
        client, trail = self._client, self._trail
        if client is None or trail is None or client.is_closing():
            return
        if trail.between and not trail.closed:
            client.write(close_frame(reason))

    def abort(self) -> None:
        if self._relay is not None:
            self._relay.abort()

    def _ended(self, end: RelayEnd) -> None:
        engine = self._engine
        engine.open.gone(self)
        self._users.discard(self)
        engine.open.departed(self._address)
        now = engine.wall()
        self._meter.connection_closed(now)
        if end.error is not None and end.first is Party.UPSTREAM:
            self._outcome.failure = Failure(FailureKind.CUT, Side.APP, "The app cut the tunnel.")
        record(self._site, self._outcome, now)
