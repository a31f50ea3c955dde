"""A data plane for raw listeners in tests: real dialer, real sockets."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

from tests.support.apps import eventually
from wsproxy.data.accepted import Plane
from wsproxy.data.activity import Activity
from wsproxy.data.connections import Connections
from wsproxy.data.dial import Dialer, DialRules, StreamOpener
from wsproxy.net.tasks import Tasks


@contextlib.asynccontextmanager
async def raw_plane(
    streams: StreamOpener | None = None, *, connect: float = 5.0, per_client: int = 0
) -> AsyncIterator[Plane]:
    """When it ends, nothing may be left open."""
    dialer = Dialer(DialRules(connect=connect), streams)
    tasks = Tasks("raw")
    plane = Plane(dialer, Connections(), Activity(), tasks, lambda: 50.0, per_client)
    try:
        yield plane
    finally:
        for one in list(plane.open.tunnels):
            one.abort()
        await eventually(lambda: not plane.open.tunnels, "all connections have left")
        await tasks.close()
        await eventually(lambda: not plane.open.wheel.waiting, "no deadline is left")
        assert all(meter.connections == 0 for meter in plane.activity.meters.values())


@contextlib.asynccontextmanager
async def listening(
    factory: Callable[[], asyncio.Protocol], host: str = "127.0.0.1"
) -> AsyncIterator[int]:
    """Serve the factory on a free port; yields the port."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(factory, host, 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await server.wait_closed()
