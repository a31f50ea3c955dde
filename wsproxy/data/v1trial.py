"""A tunnel that has not brought a byte of its app yet.

Until then it may turn out that there is no app, so what the client said is kept, bounded, to be
said again on the next tunnel. From the first byte on a relay carries both directions.
"""

import asyncio
from enum import Enum, auto
from typing import cast

from wsproxy.core.wire import Buffer
from wsproxy.manager.tunnel import TunnelClosed

REPEAT_LIMIT = 64 * 1024
"""Bytes that can be said again; a client that said more is not retried."""


class First(Enum):
    """What came first."""

    BYTES = auto()  # of the app
    CLOSE = auto()  # the tunnel ended without one
    SILENCE = auto()  # longer than a dead app deserves, or after the client's end
    GIVEN_UP = auto()  # the client left


class Trial(asyncio.Protocol):
    """The tunnel's protocol; ``client`` is paused while the tunnel takes no more."""

    def __init__(self, client: asyncio.Transport) -> None:
        self.first: asyncio.Future[First] = asyncio.get_running_loop().create_future()
        self.from_app = b""
        self.close_code = 0
        self.error: Exception | None = None
        self.said = b""
        self.repeatable = True
        self._client = client
        self._tunnel: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport = cast(asyncio.Transport, transport)  # uvloop's is no subclass
        self._tunnel = transport

    def data_received(self, data: bytes) -> None:
        assert self._tunnel is not None
        self.from_app += data
        self._tunnel.pause_reading()
        self._decide(First.BYTES)

    def connection_lost(self, error: Exception | None) -> None:
        """The code is the tunnel's own; a clean end without a code counts as 1000."""
        self.error = error
        code = error.code if isinstance(error, TunnelClosed) else None
        self.close_code = code or getattr(self._tunnel, "close_code", None) or 1000
        quiet = getattr(self._tunnel, "app_silent", False)
        self._decide(First.SILENCE if quiet else First.CLOSE)

    def pause_writing(self) -> None:
        if not self._client.is_closing():
            self._client.pause_reading()

    def resume_writing(self) -> None:
        if not self._client.is_closing():
            self._client.resume_reading()

    def say(self, data: Buffer) -> None:
        """The client's bytes. The tunnel comes last: it may change them."""
        if self.repeatable:
            self.said += data
            if len(self.said) > REPEAT_LIMIT:
                self.said, self.repeatable = b"", False
        if self._tunnel is not None and not self._tunnel.is_closing():
            self._tunnel.write(data)

    def finish(self) -> None:
        """The client says no more."""
        if self._tunnel is not None and not self._tunnel.is_closing():
            self._tunnel.write_eof()

    def silent(self) -> None:
        """The deadline for the first byte passed."""
        if self._decide(First.SILENCE) and self._tunnel is not None:
            self._tunnel.abort()

    def give_up(self) -> None:
        """The client left, or the gateway stops."""
        self._decide(First.GIVEN_UP)
        if self._tunnel is not None:
            self._tunnel.close()

    def _decide(self, first: First) -> bool:
        if self.first.done():
            return False
        self.first.set_result(first)
        return True
