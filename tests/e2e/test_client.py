"""The client library against a real gateway and the simulated installation: open, use, delete."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest

from tests.support.apps import RawApp, answering, raw_app
from tests.support.node import SECRETS, Node, node, settings
from wsproxy.client import Client, ClientRules, DeletionRules, Fate, Opened
from wsproxy.compat.zoo.table import ANIMALS
from wsproxy.core.configuration import Configuration, Mode
from wsproxy.core.wire import Version
from wsproxy.sim.echo import GREETING, Echo
from wsproxy.sim.installation import Installation, installation
from wsproxy.sim.world import App, Keypair, Session, World

USER = Keypair("AKIAUSER", "secret-of-the-user")
ADMIN = Keypair("AKIAADMIN", "secret-of-the-admin", admin=True)
LOOPBACK = ["127.0.0.0/8", "::1/128"]


@dataclass(slots=True)
class Place:
    """A gateway that is the proxy of group ``v2``, its manager, and a session in each group."""

    node: Node
    running: Installation
    app: RawApp

    def who(self, user: Keypair = USER) -> Configuration:
        endpoint = self.running.endpoint
        return Configuration(endpoint, Mode.API, user.access_key, user.secret_key, api_version=8)

    def login(self, user: Keypair = USER) -> Configuration:
        session = self.running.world.log_in(user.access_key)
        return Configuration(self.running.webserver, Mode.SESSION, session=session, api_version=8)

    def client(self, who: Configuration | None = None, gateway: str = "", token: str = ""):
        rules = ClientRules(deletion=DeletionRules(cleanup=5.0))
        return Client(who or self.who(), gateway or self.node.api, token, rules=rules)

    def session(self, name: str) -> Session | None:
        world = self.running.world
        return next((one for one in world.sessions.values() if one.name == name), None)


@contextlib.asynccontextmanager
async def place(**sections: Mapping[str, Any]) -> AsyncIterator[Place]:
    world = World()
    for user in (USER, ADMIN):
        world.add_user(user)
    for group in ("v1", "v2"):
        world.add_group(group)
    async with raw_app(answering()) as app:
        echo = await Echo().start()
        for group in ("v1", "v2"):
            apps = (App("jupyter", app.host, app.port), App("sshd", "127.0.0.1", echo.port, "tcp"))
            world.add_session(f"in-{group}", group, USER.access_key, *apps)
        try:
            async with installation(world) as running:
                manager = {
                    "endpoint": running.endpoint,
                    "access-key": ADMIN.access_key,
                    "secret-key": ADMIN.secret_key,
                }
                v2 = {**SECRETS, "ports": "20000-29999", "targets": LOOPBACK}
                config = settings(manager=manager, v2=v2, **sections)
                async with node(config) as gateway:
                    world.groups["v2"].address = gateway.api
                    yield Place(gateway, running, app)
        finally:
            await echo.close()


async def visit(opened: Opened) -> bytes:
    """As a browser does: redirects are followed, cookies kept."""
    jar = aiohttp.CookieJar(unsafe=True)
    async with aiohttp.ClientSession(cookie_jar=jar) as http, http.get(opened.url) as answer:
        assert answer.status == 200, await answer.text()
        return await answer.read()


async def greeting(opened: Opened) -> bytes:
    reader, writer = await asyncio.open_connection(opened.host, opened.port)
    try:
        return await asyncio.wait_for(reader.readexactly(len(GREETING)), 10)
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def is_open(opened: Opened) -> bool:
    try:
        return await greeting(opened) == GREETING
    except (OSError, EOFError):
        return False


async def open_app(client: Client, session: str, app: str, group: str = "") -> Opened:
    opened = await client.open_app(session, app, group=group)
    assert isinstance(opened, Opened), opened
    return opened


@pytest.mark.parametrize("mode", ["api", "session"])
async def test_an_http_app_is_opened_in_v2_by_name(mode):
    async with place() as at:
        who = at.who() if mode == "api" else at.login()
        async with at.client(who) as client:
            opened = await open_app(client, "in-v2", "jupyter")
        assert (opened.version, opened.reason) == (Version.V2, "confirmed")
        assert await visit(opened) == b"ok"
        assert at.app.links


async def test_a_tcp_app_is_opened_in_v2():
    async with place() as at, at.client() as client:
        opened = await open_app(client, "in-v2", "sshd")
        assert (opened.version, opened.url) == (Version.V2, "")
        assert await is_open(opened)


@pytest.mark.parametrize("mode", ["api", "session"])
async def test_apps_of_a_group_without_address_are_opened_in_v1(mode):
    async with place() as at:
        who = at.who() if mode == "api" else at.login()
        async with at.client(who) as client:
            page = await open_app(client, "in-v1", "jupyter")
            terminal = await open_app(client, "in-v1", "sshd", group="v1")
        assert {page.version, terminal.version} == {Version.V1}
        assert await visit(page) == b"ok"
        assert await is_open(terminal)


@pytest.mark.parametrize("name", ["refuse", "404", "html", "no-version"])
async def test_a_wrong_address_degrades_to_v1_and_never_stands_in_the_way(name):
    async with place() as at, ANIMALS[name]() as address, at.client() as client:
        at.running.world.groups["v2"].address = address
        opened = await open_app(client, "in-v2", "sshd")
        assert opened.version is Version.V1 and opened.reason.startswith("manager-")
        assert await is_open(opened)
        result = await client.terminate("in-v2")
    assert result.session.fate is Fate.DELETED


async def test_deleting_closes_the_circuits_of_v2_with_the_access_key_alone():
    """The key may not close what is in use; once the session is gone the gateway sees that."""
    async with place() as at, at.client() as client:
        opened = await open_app(client, "in-v2", "sshd")
        other = await open_app(client, "in-v1", "sshd")
        result = await client.terminate("in-v2")
        assert (result.session.fate, result.circuits.fate) == (Fate.DELETED, Fate.CLOSED)
        assert at.session("in-v2") is None
        assert not await is_open(opened)
        assert await is_open(other)


async def test_deleting_closes_both_dialects_of_one_session():
    async with place(v1={"legacy-tokens": True}) as at, at.client() as client:
        direct = await open_app(client, "in-v2", "sshd")
        at.running.world.groups["v2"].address = None
        through = await open_app(client, "in-v2", "sshd")
        assert (direct.version, through.version) == (Version.V2, Version.V1)
        result = await client.terminate("in-v2")
        assert (result.session.fate, result.circuits.fate) == (Fate.DELETED, Fate.CLOSED)
        assert not await is_open(direct)
        assert not await is_open(through)


async def test_deleting_closes_v1_listeners_with_an_access_key_where_those_count():
    async with place(v1={"legacy-tokens": True}) as at, at.client() as client:
        opened = await open_app(client, "in-v1", "sshd")
        result = await client.terminate("in-v1")
        assert (result.session.fate, result.circuits.fate) == (Fate.DELETED, Fate.CLOSED)
        assert not await is_open(opened)


async def test_deleting_closes_v1_listeners_with_the_access_key_alone():
    """The key is not accepted; once the session is gone the gateway sees that."""
    async with place() as at, at.client() as client:
        opened = await open_app(client, "in-v1", "sshd")
        other = await open_app(client, "in-v2", "sshd")
        result = await client.terminate("in-v1")
        assert (result.session.fate, result.circuits.fate) == (Fate.DELETED, Fate.CLOSED)
        assert not await is_open(opened)
        assert await is_open(other)


async def test_deleting_in_session_mode():
    async with place() as at, at.client(at.login()) as client:
        opened = await open_app(client, "in-v2", "sshd")
        result = await client.terminate("in-v2", forced=True)
        assert (result.session.fate, result.circuits.fate) == (Fate.DELETED, Fate.CLOSED)
        assert not await is_open(opened)


async def test_an_administrator_deletes_for_the_owner():
    async with place() as at:
        async with at.client() as client:
            opened = await open_app(client, "in-v2", "sshd")
        session = at.session("in-v2")
        assert session is not None
        async with at.client(at.who(ADMIN)) as client:
            mine = await client.terminate(str(session.id))
            assert mine.session.fate is Fate.ALREADY_GONE and at.session("in-v2") is not None
            assert await is_open(opened)
            result = await client.terminate(
                str(session.id), owner_access_key=USER.access_key, forced=True
            )
        assert (result.session.fate, result.circuits.fate) == (Fate.DELETED, Fate.CLOSED)
        assert not await is_open(opened)


async def test_a_session_without_circuits():
    async with place(v1={"legacy-tokens": True}) as at, at.client() as client:
        result = await client.terminate("in-v2")
    assert (result.session.fate, result.circuits.fate) == (Fate.DELETED, Fate.NONE)
