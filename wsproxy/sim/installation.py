"""Manager and web server together, on ports of their own."""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from aiohttp import ClientSession, ClientTimeout, TCPConnector
from yarl import URL

from wsproxy.sim.authentication import Authenticator
from wsproxy.sim.manager import Manager
from wsproxy.sim.record import Record
from wsproxy.sim.services import Ended, Services
from wsproxy.sim.site import Site
from wsproxy.sim.traits import ManagerTraits
from wsproxy.sim.versions import StatusClient
from wsproxy.sim.webserver import WebServer
from wsproxy.sim.world import Session, World

MANAGER_PATIENCE = 300.0
"""Seconds a manager waits for ``/status`` of a group's proxy (observed 1)."""


@dataclass(frozen=True, slots=True)
class Installation:
    """``endpoint`` is the manager (HMAC), ``webserver`` the web server (login sessions)."""

    world: World
    era: ManagerTraits
    record: Record
    endpoint: str
    webserver: str


async def _nothing(session: Session) -> None:
    """What ends with a session when there are no containers."""


@asynccontextmanager
async def installation(
    world: World,
    era: ManagerTraits = ManagerTraits.M26_8,
    *,
    ended: Ended = _nothing,
    clock: Callable[[], float] = time.time,
    patience: float = MANAGER_PATIENCE,
    proxy_token: str = "",
    at: URL | None = None,
) -> AsyncIterator[Installation]:
    """Serve ``world`` until the block ends. ``ended`` is called for each deleted session.

    ``proxy_token`` is shown to proxies that demand one (no real manager does). With ``at`` both
    servers are at that address, and nowhere else.
    """
    record = Record()
    authenticator = Authenticator(world, era, clock)
    # no limit: questions that hang must not make others wait
    connections, limit = TCPConnector(limit=0), ClientTimeout(total=patience)
    async with ClientSession(connector=connections, trust_env=False, timeout=limit) as http:
        status = StatusClient(http, era, patience)
        services = Services(world, era, status, http, ended, proxy_token)
        manager = Manager(world, era, record, authenticator, services, status)

        def webserver(behind: URL) -> WebServer:
            return WebServer(world, era, record, http, behind, authenticator.signer(behind))

        async with AsyncExitStack() as stack:
            if at is not None:
                app = manager.application(webserver(at).routes())
                site = Site(app, at.host or "127.0.0.1", at.port or 80)
                endpoint = front = await _site(stack, site)
            else:
                endpoint = await _site(stack, Site(manager.application()))
                front = await _site(stack, Site(webserver(URL(endpoint)).application()))
            stack.callback(_cut, world)
            yield Installation(world, era, record, endpoint, front)


def _cut(world: World) -> None:
    """Streams end before their servers do."""
    for session in world.sessions.values():
        session.cut()


async def _site(stack: AsyncExitStack, site: Site) -> str:
    stack.push_async_callback(site.close)
    await site.start()
    return site.url
