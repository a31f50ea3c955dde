"""Deletions that pass a front: circuits go exactly when the session does (protocol 8.3)."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from uuid import uuid4

import pytest

from tests.support.apps import WAIT, AppLink, RawApp, RawClient, eventually, raw_app, raw_client
from tests.support.node import SECRETS, Node, node, settings
from wsproxy.sim.echo import Echo
from wsproxy.sim.installation import Installation, installation
from wsproxy.sim.world import App, Keypair, Session, World

SESSION = "2715a7f5-34c7-41c5-b32a-6519c545cb4f"
OTHER = str(uuid4())


@dataclass(frozen=True, slots=True)
class Before:
    """A front before a manager that answers as the test says, and circuits of two sessions."""

    node: Node
    manager: RawApp

    @property
    def port(self) -> int:
        return int(self.node.api.rpartition(":")[2])

    def open(self, session: str = SESSION) -> bool:
        return bool(self.node.gateway.traffic.circuits.find(session))

    async def answered(self, request: bytes, size: int) -> bytes:
        async with raw_client(self.port) as client:
            await client.send(request)
            return await client.size(size)


@contextlib.asynccontextmanager
async def before(answer: bytes) -> AsyncIterator[Before]:
    async def script(link: AppLink) -> None:
        """The same answer to every request, as long as there is one."""
        heads = 0
        while True:
            while link.received.count(b"\r\n\r\n") == heads:
                if not await link._more():
                    return
            heads += 1
            await link.send(answer)

    async with raw_app() as app, raw_app(script) as manager:
        endpoint = f"http://127.0.0.1:{manager.port}"
        config = settings(manager={"endpoint": endpoint, "forward": True}, v2={**SECRETS})
        async with node(config) as gateway:
            for session in (SESSION, OTHER):
                await gateway.open(app.port, session)
            yield Before(gateway, manager)


def delete(target: str, method: bytes = b"DELETE") -> bytes:
    return method + b" " + target.encode() + b" HTTP/1.1\r\nHost: ui\r\n\r\n"


def says(line: bytes, body: bytes = b'{"stats":{}}') -> bytes:
    return b"HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n%s" % (line, len(body), body)


GOOD = says(b"200 OK")
NAMED = [
    f"/session/{SESSION}",
    f"/session/{SESSION}/",
    f"/session/{SESSION.upper()}",
    f"/session/{SESSION}?forced=true",
    f"/session/{SESSION}?recursive=true&forced=true",
    f"/session/{SESSION}?owner_access_key=AKIAOTHER",
    f"/session/{SESSION.replace('-', '%2D')}",
    f"/func/session/{SESSION}?forced=true",
    f"/v6/session/{SESSION}",
    f"/func/v4/session/{SESSION}?owner_access_key=AK",
]


@pytest.mark.parametrize("target", NAMED)
async def test_a_good_answer_closes_the_circuits_of_that_session(target):
    async with before(GOOD) as b:
        await b.answered(delete(target), len(GOOD))
        await eventually(lambda: not b.open(), "the circuits to be closed")
        assert b.open(OTHER)


ANSWERS = [
    says(b"200 OK", b'[{"stats":{}}]'),
    says(b"202 Accepted", b""),
    b"HTTP/1.1 204 No Content\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\n" + GOOD,
]


@pytest.mark.parametrize("answer", ANSWERS)
async def test_every_success_counts(answer):
    async with before(answer) as b:
        await b.answered(delete(f"/session/{SESSION}?forced=true"), len(answer))
        await eventually(lambda: not b.open(), "the circuits to be closed")
        assert b.open(OTHER)


REFUSALS = [
    says(line)
    for line in (
        b"301 Moved",
        b"302 Found",
        b"308 Moved",
        b"400 Bad",
        b"401 Who",
        b"403 No",
        b"404 None",
        b"409 Later",
        b"500 Oh",
        b"502 Oh",
        b"503 Oh",
    )
]


@pytest.mark.parametrize("answer", REFUSALS)
async def test_every_other_answer_closes_nothing(answer):
    async with before(answer) as b:
        await b.answered(delete(f"/session/{SESSION}"), len(answer))
        # the outcome of a request is known before the next one is answered
        await b.answered(delete("/", b"GET"), len(answer))
        assert b.open() and b.open(OTHER)


OTHERS = [
    (b"GET", f"/session/{SESSION}"),
    (b"HEAD", f"/session/{SESSION}"),
    (b"PATCH", f"/session/{SESSION}"),
    (b"POST", f"/session/{SESSION}"),
    (b"DELETE", f"/session/{SESSION}/files"),
    (b"DELETE", f"/session/x/{SESSION}"),
    (b"DELETE", f"/folders/{SESSION}"),
    (b"DELETE", f"/session//{SESSION}"),
    (b"DELETE", f"/?/session/{SESSION}"),
    (b"DELETE", "/session"),
    (b"DELETE", "/session/"),
    (b"delete", f"/session/{SESSION}"),
]


@pytest.mark.parametrize(("method", "target"), OTHERS)
async def test_no_other_request_closes_anything(method, target):
    async with before(GOOD) as b:
        await b.answered(delete(target, method), len(b"HTTP/1.1 200 OK\r\n"))
        await b.answered(delete("/", b"GET"), len(GOOD))
        assert b.open() and b.open(OTHER)


async def test_a_manager_that_is_silent_closes_nothing_when_the_client_leaves():
    async with before(b"") as b:
        async with raw_client(b.port) as client:
            await client.send(delete(f"/session/{SESSION}"))
            link = await b.manager.link()
            await eventually(lambda: b"DELETE" in link.received, "the request to arrive")
        await asyncio.wait_for(link.ended.wait(), WAIT)
        assert b.open() and b.open(OTHER)


async def test_a_manager_that_hangs_up_closes_nothing():
    async with before(GOOD) as b:

        async def hangs_up(link: AppLink) -> None:
            await link.head()

        b.manager.script = hangs_up
        said = await b.answered(delete(f"/session/{SESSION}"), 15)
        assert said.startswith(b"HTTP/1.1 502")
        assert b.open()


async def test_a_client_that_left_in_the_middle_of_the_answer_has_deleted_all_the_same():
    async with before(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nonly") as b:
        async with raw_client(b.port) as client:
            await client.send(delete(f"/session/{SESSION}"))
            await client.until(b"only")
        await eventually(lambda: not b.open(), "the circuits to be closed")


# by name: only a manager can say which session that was


@dataclass(frozen=True, slots=True)
class Two:
    """Two users, each with a session called "work" whose app is open over v1."""

    node: Node
    running: Installation
    sessions: tuple[Session, Session]
    clients: tuple[RawClient, RawClient]


USERS = (Keypair("AKONE", "secret-one"), Keypair("AKTWO", "secret-two", email="two@example.com"))


@contextlib.asynccontextmanager
async def two(named: str) -> AsyncIterator[Two]:
    """``named``: how the circuits' requests name the session, by "id" or by "name"."""
    world = World()
    world.add_group("local")
    async with contextlib.AsyncExitStack() as stack:
        echo = await Echo().start()
        stack.push_async_callback(echo.close)
        app = App("sshd", "127.0.0.1", echo.port, "tcp")
        sessions = []
        for user in USERS:
            world.add_user(user)
            sessions.append(world.add_session("work", "local", user.access_key, app))
        running = await stack.enter_async_context(installation(world))
        manager = {"endpoint": running.webserver, "forward": True}
        gateway = await stack.enter_async_context(node(settings(manager=manager, v2={**SECRETS})))
        clients = []
        for user, session in zip(USERS, sessions, strict=True):
            conf = {
                "endpoint": running.endpoint,
                "access_key": user.access_key,
                "secret_key": user.secret_key,
                "api_version": "9.",
            }
            token = (await gateway.ask("PUT", "/conf", json=conf)).json["token"]
            name = "work" if named == "name" else str(session.id)
            added = await gateway.get(f"/proxy/{token}/{name}/add?app=sshd&protocol=tcp")
            client = await stack.enter_async_context(raw_client(added.json["port"]))
            assert (await client.until(b"\n")).endswith(b"echo\r\n")
            clients.append(client)
        yield Two(gateway, running, (sessions[0], sessions[1]), (clients[0], clients[1]))


@pytest.mark.parametrize("named", ["id", "name"])
async def test_a_deletion_by_name_closes_the_circuits_of_its_owner_only(named):
    async with two(named) as t:
        login = t.running.world.log_in(USERS[0].access_key)
        cookie = {"Cookie": f"AIOHTTP_SESSION={login}"}
        said = await t.node.ask("DELETE", "/func/session/work?forced=true", headers=cookie)
        assert said.status == 200
        mine, theirs = t.clients
        assert await mine.end() == b""
        await eventually(
            lambda: len(t.node.gateway.traffic.circuits.table.all()) == 1, "one circuit to be left"
        )
        await theirs.send(b"still here")
        assert await theirs.size(10) == b"still here"


async def test_a_session_that_is_still_terminating_counts_as_ended():
    """Managers answer a deletion before the container is gone, and know the session until then."""
    async with two("name") as t:
        session = t.sessions[0]
        session.status = "TERMINATING"
        await t.node.gateway.sessions_ended()
        assert len(t.node.gateway.traffic.circuits.table.all()) == 1
