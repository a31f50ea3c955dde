"""Manager and web server together, on ports of their own."""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aiohttp import ClientSession, ClientTimeout
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
) -> AsyncIterator[Installation]:
    """Serve ``world`` until the block ends. ``ended`` is called for each deleted session."""
    record = Record()
    authenticator = Authenticator(world, era, clock)
    async with ClientSession(trust_env=False, timeout=ClientTimeout(total=patience)) as http:
        status = StatusClient(http, era, patience)
        services = Services(world, era, status, http, ended)
        manager = Site(Manager(world, era, record, authenticator, services, status).application())
        await manager.start()
        signer = authenticator.signer(URL(manager.url))
        front = WebServer(world, era, record, http, URL(manager.url), signer)
        webserver = Site(front.application())
        try:
            await webserver.start()
            yield Installation(world, era, record, manager.url, webserver.url)
        finally:
            for session in world.sessions.values():
                session.cut()
            await webserver.close()
            await manager.close()
