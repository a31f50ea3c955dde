"""An accepted connection whose bytes pass untouched: until its way to the app is open, and after.

    accept → admit → serve (a subclass opens the way) → relay → leave

What the client sends meanwhile waits, bounded; a client that leaves is noticed at once. Nothing is
cancelled when it does: a way that opens too late is closed by who opened it.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, cast

from wsproxy.core.circuit import Circuit, CloseReason, Route
from wsproxy.core.failure import Failure
from wsproxy.core.heads import Peer
from wsproxy.core.relay import RelayEnd
from wsproxy.core.wire import Buffer
from wsproxy.data.activity import Activity
from wsproxy.data.client import peer_of
from wsproxy.data.connections import Connections, Ending
from wsproxy.net.connect import Connected, Factory
from wsproxy.net.pump import Relay
from wsproxy.net.sockets import close, tune
from wsproxy.net.tasks import Tasks

log = logging.getLogger(__name__)

EARLY_LIMIT = 64 * 1024
"""Bytes of a client that are kept before the way is open; above it the client is not read."""

Admit = Callable[[Circuit, Peer], bool]


class Dials(Protocol):
    """Opens routes (``data.dial``)."""

    async def dial(self, route: Route, factory: Factory) -> Connected | Failure: ...


@dataclass(frozen=True, slots=True)
class Plane:
    """What raw connections share with the rest of the data plane.

    ``per_client``: connections at once from one address; 0: no limit.
    """

    dialer: Dials
    open: Connections
    activity: Activity
    tasks: Tasks
    wall: Callable[[], float] = time.time
    per_client: int = 0
    left: Callable[[Circuit, float], None] | None = None  # one has ended; seconds it lasted
    tried: Callable[[Circuit, bool], None] | None = None  # whether its app could be connected


class Accepted(asyncio.Protocol):
    """One accepted connection. Subclasses say in ``serve`` how it gets to its app."""

    transport: asyncio.Transport

    def __init__(self, plane: Plane, circuit: Circuit, admit: Admit) -> None:
        self.plane = plane
        self.circuit = circuit
        self.meter = plane.activity.meter(circuit.id)
        self.early = bytearray()
        self.ended = False  # the client's end of stream was read
        self.gone = False
        self._admit = admit
        self._address = ""
        self._inside = False
        self._users: set[Ending] = set()
        self._began = 0.0
        self._relay: Relay | None = None

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.circuit.app!r}, {self._relay!r})"

    async def serve(self) -> None:
        """Open the way and call ``carry``, or end the connection."""
        raise NotImplementedError

    # from the client's transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport = cast(asyncio.Transport, transport)  # uvloop's is no subclass
        self.transport = transport
        peer = peer_of(transport)
        self._address = peer.host
        tune(transport)
        if not self._admit(self.circuit, peer) or not self._enter():
            self.gone = True
            close(transport)
            return
        self.plane.tasks.start(self._serve(), f"serve {self.circuit.id}")

    def data_received(self, data: Buffer) -> None:
        self.early += data
        if len(self.early) > EARLY_LIMIT:
            self.transport.pause_reading()

    def eof_received(self) -> bool:
        self.ended = True
        return self.transport.can_write_eof()

    def connection_lost(self, error: Exception | None) -> None:
        self.gone = True
        self._leave()

    # from the circuit

    def end(self, reason: CloseReason) -> None:
        """The circuit ends: what was written still leaves."""
        if self._relay is not None:
            self._relay.close()
        elif not self.gone:
            self.gone = True
            close(self.transport)

    def abort(self) -> None:
        if self._relay is not None:
            self._relay.abort()
        elif not self.transport.is_closing():
            self.gone = True
            self.transport.abort()

    # for subclasses

    def carry(
        self, upstream: asyncio.Transport, from_app: bytes, *, app_ended: bool = False
    ) -> None:
        """Hand both transports to a relay, with what was read from them before."""
        if self.gone:
            upstream.abort()
            return
        early, self.early = bytes(self.early), bytearray()
        self._relay = Relay(
            self.transport,
            upstream,
            self.meter,
            self._carried,
            early_to_upstream=early,
            early_to_client=from_app,
            now=self.plane.wall,
        )
        self._relay.start(client_ended=self.ended, upstream_ended=app_ended)

    def _carried(self, end: RelayEnd) -> None:
        self.gone = True
        self._leave()

    # accounts

    def _enter(self) -> bool:
        opened = self.plane.open
        self._inside = True
        opened.tunnels.add(self)
        self._users = opened.users(self.circuit.id)
        self._users.add(self)
        self._began = self.plane.wall()
        self.meter.connection_opened(self._began)
        most = self.plane.per_client
        return not most or opened.arrived(self._address) <= most

    def _leave(self) -> None:
        if self._inside:
            self._inside = False
            opened = self.plane.open
            opened.tunnels.discard(self)
            self._users.discard(self)
            if self.plane.per_client:
                opened.departed(self._address)
            now = self.plane.wall()
            self.meter.connection_closed(now)
            if self.plane.left is not None:
                self.plane.left(self.circuit, now - self._began)

    async def _serve(self) -> None:
        try:
            await self.serve()
        except BaseException:
            self.abort()
            raise
