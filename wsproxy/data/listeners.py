"""Every port the gateway accepts traffic on: one per circuit in port mode, shared ones besides.

Implements ``circuits.ListenerHost``. What happens on an accepted connection is decided by the
factories given here; this file binds, keeps track of who is connected, closes, and drains.
"""

import asyncio
import contextlib
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from ssl import SSLContext
from uuid import UUID

from wsproxy.core.circuit import Alpn, Circuit, CloseReason, PortListener, Transport
from wsproxy.core.problem import Problem
from wsproxy.core.wire import Version
from wsproxy.data.arrivals import Arrival, Arrivals
from wsproxy.data.draining import drain
from wsproxy.data.engine import Engine
from wsproxy.data.lanes import key_of
from wsproxy.net.binding import BACKLOG, PortTaken, listen
from wsproxy.net.connect import UNIX, Factory
from wsproxy.net.sockets import accepts


@dataclass(frozen=True, slots=True)
class Factories:
    """How to serve a circuit's port: HTTP exchanges, raw TCP, or a v1 tunnel.

    The circuit is the one that was opened; its routes may have changed by the time of a request.
    """

    http: Callable[[Circuit], Factory]
    tcp: Callable[[Circuit], Factory]
    v1: Callable[[Circuit], Factory]

    def of(self, circuit: Circuit) -> Factory:
        if circuit.version is Version.V1:
            return self.v1(circuit)
        return self.tcp(circuit) if circuit.transport is Transport.TCP else self.http(circuit)


@dataclass(slots=True)
class _Port:
    """One bound listener."""

    servers: list[asyncio.Server]
    sockets: list[socket.socket]
    accepted: Arrivals

    @property
    def alive(self) -> bool:
        """Whether the kernel still accepts connections on every socket."""
        return all(accepts(sock) for sock in self.sockets) and all(
            server.is_serving() for server in self.servers
        )

    def stop(self) -> None:
        """Accept no more."""
        for server in self.servers:
            server.close()


class Listeners:
    """All listeners of a node. ``tls``: for the ports of v2 circuits, by what they offer."""

    def __init__(
        self, engine: Engine, factories: Factories, *, tls: Mapping[Alpn, SSLContext] | None = None
    ) -> None:
        self._engine = engine
        self._factories = factories
        self._tls = tls or {}
        self._ports: dict[UUID, _Port] = {}
        self._shared: list[_Port] = []
        self._unix: list[Path] = []

    def __repr__(self) -> str:
        return f"Listeners(circuits={len(self._ports)}, shared={len(self._shared)})"

    # -- circuits.ListenerHost

    async def open(self, circuit: Circuit) -> Circuit | Problem:
        """Bind the port a circuit asks for; it comes back with the real one.

        A circuit of the wildcard domain needs no port of its own. Problem:
        ``appproxy/port-not-available``.
        """
        wanted = circuit.listener
        if not isinstance(wanted, PortListener):
            return circuit
        if self._engine.draining:
            return Problem("shutting-down", retry_after=5)
        try:
            sockets = await listen(wanted.host, wanted.port)
        except PortTaken as taken:
            return Problem("appproxy/port-not-available", msg=str(taken))
        port: int = sockets[0].getsockname()[1]
        opened = replace(circuit, listener=replace(wanted, port=port))
        factory = self._factories.of(opened)
        tls = self._tls.get(circuit.alpn) if circuit.alpn else None
        self._ports[circuit.id] = await self._accept(sockets, factory, tls)
        return opened

    async def close(self, circuit: Circuit, reason: CloseReason) -> None:
        """End a circuit's listener and exactly its connections. Idempotent."""
        port = self._ports.pop(circuit.id, None)
        if port is not None:
            port.stop()
        self._engine.open.end_circuit(circuit.id, reason)
        if port is not None:
            port.accepted.close()
        for route in circuit.routes:
            self._engine.pool.forget(key_of(route))
        self._engine.activity.drop(circuit.id)

    def alive(self, circuit: Circuit) -> bool:
        """Whether connections to the circuit are still accepted."""
        if isinstance(circuit.listener, PortListener):
            port = self._ports.get(circuit.id)
            return port is not None and port.alive
        return any(port.alive for port in self._shared)

    # -- listeners that belong to no circuit

    def sites(self) -> list[tuple[str, int]]:
        """Where the shared listeners are bound, with their real ports."""
        return [
            (sock.getsockname()[0], sock.getsockname()[1])
            for port in self._shared
            for sock in port.sockets
            if sock.fileno() >= 0 and sock.family != getattr(socket, "AF_UNIX", None)
        ]

    async def serve_site(
        self, host: str, port: int, factory: Factory, *, tls: SSLContext | None = None
    ) -> int | Problem:
        """Accept on a shared address (the wildcard domain, a front, the API); the real port.

        ``host`` may be ``unix:/path``; then the port is 0.
        """
        if host.startswith(UNIX):
            return await self._serve_path(host.removeprefix(UNIX), factory)
        try:
            sockets = await listen(host, port)
        except PortTaken as taken:
            return Problem("appproxy/port-not-available", msg=str(taken))
        real: int = sockets[0].getsockname()[1]
        self._shared.append(await self._accept(sockets, factory, tls))
        return real

    async def _serve_path(self, path: str, factory: Factory) -> int | Problem:
        accepted = Arrivals()
        loop = asyncio.get_running_loop()
        try:
            server = await loop.create_unix_server(lambda: Arrival(accepted, factory), path)
        except OSError as error:
            return Problem("appproxy/port-not-available", msg=f"{path}: {error.strerror}.")
        self._shared.append(_Port([server], [], accepted))
        self._unix.append(Path(path))
        return 0

    async def _accept(
        self,
        sockets: list[socket.socket],
        factory: Factory,
        tls: SSLContext | None,
    ) -> _Port:
        accepted = Arrivals()
        loop = asyncio.get_running_loop()
        servers = [
            await loop.create_server(
                lambda: Arrival(accepted, factory),
                sock=sock,
                ssl=tls,
                ssl_handshake_timeout=self._engine.rules.head_seconds if tls else None,
                backlog=BACKLOG,
            )
            for sock in sockets
        ]
        return _Port(servers, sockets, accepted)

    # -- the end

    async def drain(self, grace: float) -> None:
        """Stop accepting, let requests finish, end tunnels last and one by one (design 5.11).

        Requests get all of ``grace`` seconds, tunnels are ended within the second half of it.
        What is open after that is aborted.
        """
        self._engine.draining = True
        for port in self._all_ports():
            port.stop()
        await drain(self._engine, grace)
        await self.close_all()

    async def close_all(self) -> None:
        """Abort everything that is still open. Idempotent."""
        self._engine.draining = True
        ports = self._all_ports()
        self._ports.clear()
        self._shared.clear()
        for port in ports:
            port.stop()
        for tunnel in list(self._engine.open.tunnels):
            tunnel.abort()
        for client in list(self._engine.open.clients):
            client.abort()
        for port in ports:
            port.accepted.abort()
        await self._engine.close()
        for path in self._unix:
            with contextlib.suppress(OSError):
                path.unlink()
        self._unix.clear()

    def _all_ports(self) -> list[_Port]:
        return [*self._ports.values(), *self._shared]
