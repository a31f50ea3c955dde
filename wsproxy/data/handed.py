"""Connections that another process has accepted: served here, on listeners that are not ours."""

import asyncio
import logging
import socket
from collections.abc import Mapping
from ssl import SSLContext
from uuid import UUID

from wsproxy.core.circuit import Alpn, Circuit, CloseReason
from wsproxy.data.arrivals import Arrival, Arrivals
from wsproxy.data.draining import drain
from wsproxy.data.engine import Engine
from wsproxy.data.lanes import key_of
from wsproxy.data.listeners import Factories
from wsproxy.net.connect import Factory
from wsproxy.net.tasks import Tasks

log = logging.getLogger(__name__)


class _Place:
    """What serves one listener's connections."""

    def __init__(self, factory: Factory, tls: SSLContext | None) -> None:
        self.factory = factory
        self.tls = tls
        self.arrivals = Arrivals()


class Handed:
    """The counterpart of ``data.listeners`` in a process that does not listen itself.

    ``domain`` serves the wildcard domain. ``tls``: by what is offered.
    """

    def __init__(
        self,
        engine: Engine,
        factories: Factories,
        domain: Factory | None = None,
        tls: Mapping[Alpn, SSLContext] | None = None,
    ) -> None:
        self._engine = engine
        self._factories = factories
        self._tls = tls or {}
        self._places: dict[UUID | None, _Place] = {}
        if domain is not None:
            self._places[None] = _Place(domain, self._tls.get(Alpn.HTTP1))
        self._tasks = Tasks("handed")
        self.taken = 0

    def __repr__(self) -> str:
        return f"Handed({len(self._places)} places, {self.open} open)"

    @property
    def open(self) -> int:
        """Connections of clients now, those in a TLS handshake included."""
        opened = self._engine.open
        return len(opened.clients) + len(opened.tunnels) + len(self._tasks)

    def listen(self, circuit: Circuit) -> None:
        """The circuit's port is bound: its connections may come."""
        tls = self._tls.get(circuit.alpn) if circuit.alpn else None
        self._places[circuit.id] = _Place(self._factories.of(circuit), tls)

    def take(self, sock: socket.socket | None, circuit_id: UUID | None) -> None:
        """Serve a connection; it is closed when its circuit has ended, or is not known.

        None for a connection that was lost on the way.
        """
        self.taken += 1
        if sock is None:
            return
        place = self._places.get(circuit_id)
        if place is None or self._engine.draining:
            sock.close()
            return
        sock.setblocking(False)
        self._tasks.start(self._serve(sock, place), "connection")

    async def _serve(self, sock: socket.socket, place: _Place) -> None:
        loop = asyncio.get_running_loop()
        seconds = self._engine.rules.head_seconds
        try:
            await loop.connect_accepted_socket(
                lambda: Arrival(place.arrivals, place.factory),
                sock,
                ssl=place.tls,
                ssl_handshake_timeout=seconds if place.tls else None,
            )
        except OSError as error:  # gone already, or no TLS
            log.debug("a connection did not begin: %s", error)
            sock.close()

    def close(self, circuit: Circuit, reason: CloseReason) -> None:
        """End exactly the circuit's connections. Idempotent."""
        place = self._places.pop(circuit.id, None)
        self._engine.open.end_circuit(circuit.id, reason)
        if place is not None:
            place.arrivals.close()
        for route in circuit.routes:
            self._engine.pool.forget(key_of(route))

    async def drain(self, grace: float) -> None:
        """Let requests finish, end tunnels, abort what is open after ``grace`` seconds."""
        await drain(self._engine, grace)
        await self.close_all()

    async def close_all(self) -> None:
        """Abort everything that is still open. Idempotent."""
        self._engine.draining = True
        await self._tasks.close()
        opened = self._engine.open
        for tunnel in list(opened.tunnels):
            tunnel.abort()
        for client in list(opened.clients):
            client.abort()
        for place in self._places.values():
            place.arrivals.abort()
        await self._engine.close()
