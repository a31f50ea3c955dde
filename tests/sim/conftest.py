"""A small installation: two users, three groups, one session with a talking and a dead app."""

from collections.abc import Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest
from aiohttp import ClientSession
from yarl import URL

from wsproxy.core import signing
from wsproxy.sim.echo import Echo
from wsproxy.sim.installation import Installation, installation
from wsproxy.sim.stage import free_port
from wsproxy.sim.traits import Era
from wsproxy.sim.world import App, Keypair, Session, World

USER = Keypair("AKIAUSER", "secret-of-the-user", email="user@example.com", password="pw")
OTHER = Keypair("AKIAOTHER", "secret-of-the-other", email="other@example.com")
ADMIN = Keypair("AKIAADMIN", "secret-of-the-admin", email="admin@example.com", admin=True)


@dataclass
class Sim:
    """A running installation and what tests say to it."""

    running: Installation
    session: Session
    echo: Echo
    ended: list[str]
    http: ClientSession

    async def login(self, keypair: Keypair = USER) -> Mapping[str, str]:
        return {"X-BackendAI-SessionID": self.running.world.log_in(keypair.access_key)}

    @property
    def world(self) -> World:
        return self.running.world


def signed(sim: Sim, user: Keypair, method: str, target: str) -> Mapping[str, str]:
    """The fields of a request that ``user`` signs now."""
    keypair = signing.Keypair(user.access_key, user.secret_key)
    host = URL(sim.running.endpoint).authority
    version = sim.running.era.api_version
    now = datetime.now(UTC)
    return dict(signing.signed_fields(keypair, method, target, host, now, version))


@asynccontextmanager
async def simulated(era: Era = Era.M26_8, **options):
    world = World()
    for user in (USER, OTHER, ADMIN):
        world.add_user(user)
    world.add_group("local")
    world.add_group("broken", f"http://127.0.0.1:{free_port()}")
    echo = await Echo().start()
    session = world.add_session(
        "work",
        "local",
        USER.access_key,
        App("echo", "127.0.0.1", echo.port, protocol="tcp"),
        App("dead", "127.0.0.1", free_port()),
        App("remote", "no-such-host.invalid", 1),
        App("desktop", "127.0.0.1", echo.port, protocol="vnc"),
    )
    ended: list[str] = []

    async def note(session: Session) -> None:
        ended.append(session.name)

    async with installation(world, era, ended=note, **options) as running, ClientSession() as http:
        yield Sim(running, session, echo, ended, http)
    await echo.close()


@pytest.fixture
async def sim():
    async with simulated() as running:
        yield running


@pytest.fixture
async def old_sim():
    async with simulated(Era.M23_09) as running:
        yield running
