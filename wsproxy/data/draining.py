"""How traffic ends in order: requests may finish, tunnels go one by one (design 5.11)."""

import asyncio
from collections.abc import Callable

from wsproxy.core.circuit import CloseReason
from wsproxy.data.connections import Connections
from wsproxy.data.engine import Engine

_LOOK = 0.1
"""Seconds between two looks at what is still open."""


async def drain(engine: Engine, grace: float) -> None:
    """Let requests finish, end tunnels last. Nothing new may be accepted any more.

    Requests get all of ``grace`` seconds, tunnels are ended within the second half of it.
    """
    end = asyncio.get_running_loop().time() + grace
    opened = engine.open
    engine.draining = True
    for client in list(opened.clients):
        client.drain()
    await _until(opened, lambda: not opened.clients, end - grace / 2)
    await _end_tunnels(opened, end)
    await _until(opened, lambda: not (opened.clients or opened.tunnels), end)


async def _end_tunnels(opened: Connections, end: float) -> None:
    """Upgraded and raw ones; spread, so that not all clients come back at one moment."""
    tunnels = list(opened.tunnels)
    left = end - asyncio.get_running_loop().time()
    for tunnel in tunnels:
        tunnel.end(CloseReason.SHUTDOWN)
        await asyncio.sleep(min(0.05, max(0.0, left) * 0.5 / len(tunnels)))


async def _until(opened: Connections, condition: Callable[[], bool], deadline: float) -> None:
    loop = asyncio.get_running_loop()
    while not condition() and loop.time() < deadline:
        await opened.something_gone(min(deadline - loop.time(), _LOOK))
