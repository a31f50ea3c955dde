"""A v1 listener in this process, for one app: what ``wsproxy open`` runs without a gateway.

The same parts as the gateway's, composed for one circuit (protocol 3).
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import uuid4

from wsproxy.core.circuit import Circuit, CloseReason, PortListener, Protocol, ThroughManager
from wsproxy.core.configuration import Configuration
from wsproxy.core.wire import Version
from wsproxy.data.accepted import Plane
from wsproxy.data.activity import Activity
from wsproxy.data.connections import Connections
from wsproxy.data.dial import Dialer, DialRules
from wsproxy.data.v1 import V1Listener
from wsproxy.manager.stream import ManagerStreams, StreamRules
from wsproxy.net.binding import listen
from wsproxy.net.tasks import Tasks


@dataclass(frozen=True, slots=True)
class Local:
    """A running listener. ``gone`` is set when the manager no longer knows the session or app."""

    host: str
    port: int
    gone: asyncio.Event


@asynccontextmanager
async def run_local_v1(
    who: Configuration,
    session: str,
    app: str,
    host: str = "127.0.0.1",
    port: int = 0,
    rules: StreamRules | None = None,
) -> AsyncIterator[Local]:
    """Listen until the block ends; then every tunnel is closed too. Clients of this machine only.

    ``port`` 0 is any free one. Raises ``net.binding.PortTaken``.
    """
    gone = asyncio.Event()

    async def ended(circuit: Circuit, reason: CloseReason) -> None:
        gone.set()

    circuit = Circuit(
        id=uuid4(),
        version=Version.V1,
        app=app,
        protocol=Protocol.TCP,
        session_id=session,
        listener=PortListener(host, port),
        routes=(ThroughManager(session, app, ""),),
    )
    sockets = await listen(host, port)
    streams, tasks, connections = ManagerStreams(lambda _: who, rules), Tasks("open"), Connections()
    plane = Plane(Dialer(DialRules(), streams), connections, Activity(), tasks)
    factory = V1Listener(plane, circuit, who.mode, ended)
    loop = asyncio.get_running_loop()
    servers = [await loop.create_server(factory, sock=sock) for sock in sockets]
    try:
        yield Local(host, sockets[0].getsockname()[1], gone)
    finally:
        for server in servers:
            server.close()
        connections.end_circuit(circuit.id, CloseReason.SHUTDOWN)
        await streams.close()
        for tunnel in list(connections.tunnels):
            tunnel.abort()
        await tasks.close()
