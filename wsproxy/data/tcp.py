"""TCP circuits: bytes between a port and an app, nothing else (protocol 7.5).

Not admitted, or no route that can be connected: the connection is closed without a byte, because
there is no word that every protocol would understand.
"""

import asyncio
import logging
import random
from collections.abc import Callable
from typing import cast

from wsproxy.core.circuit import Circuit, Route
from wsproxy.core.failure import Failure
from wsproxy.core.selection import Standing, in_order
from wsproxy.data.accepted import Accepted, Admit, Plane
from wsproxy.net.sockets import close

log = logging.getLogger(__name__)


def serve_tcp(
    plane: Plane,
    circuit: Circuit,
    admit: Admit,
    current: Callable[[], Circuit | None] = lambda: None,
) -> Callable[[], asyncio.Protocol]:
    """A protocol factory for the circuit's port.

    ``admit`` decides by the client's address. ``current`` is the circuit as the route table has it
    now: its routes may have moved since the port was opened.
    """
    return lambda: TcpConnection(plane, current() or circuit, admit)


class TcpConnection(Accepted):
    """One client of a TCP app."""

    async def serve(self) -> None:
        for route in in_order(self.circuit.routes, _good, random.random):
            if self.gone:
                return
            if await self._reach(route):
                self._tried(True)
                return
        self._tried(False)
        close(self.transport)

    def _tried(self, connected: bool) -> None:
        if self.plane.tried is not None:
            self.plane.tried(self.circuit, connected)

    async def _reach(self, route: Route) -> bool:
        held = Held()
        try:
            outcome = await self.plane.dialer.dial(route, lambda: held)
        except BaseException:
            held.abort()
            raise
        if isinstance(outcome, Failure):
            log.info("app %s: %s %s", self.circuit.app, outcome.kind, outcome.detail)
            return False
        self.carry(outcome[0], held.early, app_ended=held.ended)
        return True


def _good(route: Route) -> Standing:
    return Standing.GOOD


class Held(asyncio.Protocol):
    """The app's side until the relay takes it: keeps what comes early, and reads no more then."""

    def __init__(self) -> None:
        self.early = b""
        self.ended = False
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport = cast(asyncio.Transport, transport)  # uvloop's is no subclass
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        assert self._transport is not None
        self.early += data
        self._transport.pause_reading()

    def eof_received(self) -> bool:
        assert self._transport is not None
        self.ended = True
        return self._transport.can_write_eof()

    def abort(self) -> None:
        """Whoever opened the connection was cancelled just as it opened."""
        if self._transport is not None:
            self._transport.abort()
