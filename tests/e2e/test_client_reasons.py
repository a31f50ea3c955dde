"""On the demo's stage: why an app is opened in v1, and what a deletion without a token may do."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
from aiohttp import ClientSession, CookieJar
from pydantic import SecretStr

from tests.sim.fakes import FakeLab
from wsproxy import app
from wsproxy.cli.demo import settings_of
from wsproxy.client import Client, Configuration, Fate, ListenerNeeded, Opened, credentials
from wsproxy.config.settings import Settings
from wsproxy.core.configuration import Mode
from wsproxy.core.wire import Version
from wsproxy.sim import stage as staging
from wsproxy.sim import transfer
from wsproxy.sim.stage import Stage, free_port, staged


@dataclass
class Place:
    stage: Stage
    gateway: str

    def who(self, mode: Mode = Mode.API) -> Configuration:
        installation, user = self.stage.installation, self.stage.user
        keys = {"BACKEND_ACCESS_KEY": user.access_key, "BACKEND_SECRET_KEY": user.secret_key}
        if mode is Mode.SESSION:
            login = installation.world.log_in(user.access_key)
            return credentials({"BACKEND_SESSION": login}, installation.webserver)
        return credentials(keys, installation.endpoint)

    def client(self, mode: Mode = Mode.API, gateway: str | None = None) -> Client:
        return Client(self.who(mode), self.gateway if gateway is None else gateway)


def with_credentials(settings: Settings, stage: Stage) -> Settings:
    """A gateway that may ask the manager with the keys of the sessions' owner."""
    keys = {
        "access_key": stage.user.access_key,
        "secret_key": SecretStr(stage.user.secret_key),
    }
    return settings.model_copy(update={"manager": settings.manager.model_copy(update=keys)})


@pytest.fixture
async def place(monkeypatch) -> AsyncIterator[Place]:
    monkeypatch.setattr(staging, "JupyterLab", FakeLab)
    port = free_port()
    base = f"http://127.0.0.1:{port}"
    async with staged(base) as stage, app.running(settings_of(stage, port)):
        yield Place(stage, base)


async def fetched(url: str) -> int:
    """What a browser gets at the end of a URL; it keeps cookies."""
    async with ClientSession(cookie_jar=CookieJar(unsafe=True)) as http, http.get(url) as answer:
        return answer.status


@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize(
    ("session", "group", "reason"),
    [
        ("alpha", "local", "address-not-set"),
        ("alpha", "", "address-not-set"),
        ("gamma", "broken", "address-refused"),
        ("gamma", "", "manager-cannot-reach-address"),
    ],
)
async def test_a_v1_app_opens(place: Place, mode, session, group, reason):
    async with place.client(mode) as client:
        web = await client.open_app(session, "files", group=group)
        tcp = await client.open_app(session, "sshd", group=group)
    assert isinstance(web, Opened) and isinstance(tcp, Opened)
    assert (web.version, web.reason) == (tcp.version, tcp.reason) == (Version.V1, reason)
    assert await fetched(web.url) in (200, 404)  # the app's own, at its root
    await transfer.echo(tcp.host, tcp.port, b"x" * 1000)


async def test_without_a_gateway_v1_needs_a_listener(place: Place):
    async with place.client(gateway="") as client:
        found = await client.open_app("alpha", "files")
    assert isinstance(found, ListenerNeeded) and found.reason == "address-not-set"


async def test_a_session_is_deleted_whatever_its_token_may_do(place: Place):
    """Without a token the request is a hint: the gateway asks whether the session is there."""
    async with place.client() as client:
        opened = await client.open_app("alpha", "sshd")
        result = await client.terminate("alpha")
    assert isinstance(opened, Opened)
    assert (result.session.fate, result.circuits.fate) == (Fate.DELETED, Fate.CLOSED)
    assert place.stage.alpha.id not in place.stage.installation.world.sessions


async def test_a_delete_without_the_right_is_a_hint(monkeypatch):
    """The gateway asks with the owner's keys, so the manager's 404 is about the session."""
    monkeypatch.setattr(staging, "JupyterLab", FakeLab)
    port = free_port()
    base = f"http://127.0.0.1:{port}"
    async with staged(base) as stage:
        settings = with_credentials(settings_of(stage, port), stage)
        async with app.running(settings), Place(stage, base).client() as client:
            opened = await client.open_app("beta", "sshd")
            result = await client.terminate("beta")
            assert isinstance(opened, Opened)
            assert (result.session.fate, result.circuits.fate) == (Fate.DELETED, Fate.CLOSED)
            with pytest.raises(OSError):
                await transfer.echo(opened.host, opened.port, b"gone")
