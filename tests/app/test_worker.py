"""One worker, here in the process of the test, which plays the main one."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from tests.support.apps import (
    OK,
    RawApp,
    RawClient,
    answering,
    eventually,
    just_read,
    raw_app,
    unused_port,
)
from tests.support.circuits import circuit
from tests.support.node import settings
from tests.support.streams import KEYS, status, stream_manager
from wsproxy.app import worker as module
from wsproxy.app.messages import (
    Ask,
    Begin,
    Close,
    Configured,
    Drain,
    Gone,
    Listen,
    Put,
    Serve,
    Stop,
    Take,
    pack,
    unpack_told,
)
from wsproxy.app.worker import Worker
from wsproxy.config.settings import Settings
from wsproxy.core.circuit import Circuit, CloseReason, Direct, Protocol, ThroughManager
from wsproxy.core.configuration import Configuration, Mode
from wsproxy.core.setup import Places
from wsproxy.core.targets import Listening
from wsproxy.core.told import Answered, Closed, Ready, Report, SessionGone
from wsproxy.core.wire import Version
from wsproxy.net.channel import Channel
from wsproxy.observe import logs

GET = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"
DEADLINE = 30.0


class Main:
    """Speaks for the main process."""

    def __init__(self, sock: socket.socket) -> None:
        self.told: list[Any] = []
        self.ended = asyncio.Event()
        self.channel = Channel(sock, self._received, self.ended.set)

    def _received(self, data: bytes, sock: socket.socket | None) -> None:
        assert sock is None
        self.told.append(unpack_told(data))

    def say(self, *messages: object) -> None:
        for message in messages:
            self.channel.send(pack(message))

    def opened(self, one: Circuit) -> Circuit:
        self.say(Listen((one,)), Put((one,)))
        return one

    async def client(self, one: Circuit) -> RawClient:
        """A connection that the worker gets."""
        with socket.create_server(("127.0.0.1", 0)) as server:
            made = await asyncio.open_connection(*server.getsockname())
            sock, _ = server.accept()
        sock.setblocking(False)
        self.channel.send(pack(Take(one.id)), sock)
        return RawClient(*made)

    @property
    def reports(self) -> list[Report]:
        return [told for told in self.told if isinstance(told, Report)]

    async def heard(self, kind: type) -> Any:
        await eventually(lambda: any(isinstance(one, kind) for one in self.told), kind.__name__)
        return next(one for one in self.told if isinstance(one, kind))


def begin(config: Settings | None = None) -> Begin:
    sites = (Listening("127.0.0.1", 5050),)
    return Begin(config or settings(), Places("http://127.0.0.1:1", "h", "", 0), sites, 2)


@contextlib.asynccontextmanager
async def worker(config: Settings | None = None) -> AsyncIterator[Main]:
    """A worker that serves; it is stopped, and must end."""
    ours, theirs = socket.socketpair()
    running = asyncio.ensure_future(Worker(theirs).run())
    main = Main(ours)
    main.say(begin(config), Serve())
    try:
        await main.heard(Ready)
        yield main
        main.say(Stop())
        await asyncio.wait_for(running, DEADLINE)
        await asyncio.wait_for(main.ended.wait(), DEADLINE)
    finally:
        running.cancel()
        main.channel.close()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TICK", 0.01)
    monkeypatch.setattr(logs, "setup", lambda *arguments: None)


def to(app: RawApp | int, number: int = 1, **changes: Any) -> Circuit:
    port = app if isinstance(app, int) else app.port
    changes.setdefault("open_to_public", True)
    return circuit(number, routes=(Direct("127.0.0.1", port),), **changes)


async def test_a_connection_is_served_counted_and_told():
    async with raw_app() as app, worker() as main:
        one = main.opened(to(app))
        client = await main.client(one)
        await client.send(GET)
        assert (await client.answer())[1] == b"ok"
        await eventually(lambda: any(r.counted for r in main.reports), "the exchange is told")
        reports = main.reports
        assert sum(c.requests for report in reports for c in report.carried) == 1
        assert [r.counted.exchanges.ended for r in reports if r.counted] == [(("v2", 2, 1),)]
        assert next(c for r in reports for c in r.circuits)[0] == one.id
        assert (reports[-1].taken, reports[-1].open) == (1, 1)
        await client.close()
        await eventually(lambda: main.reports[-1].open == 0)


async def test_what_was_counted_is_told_when_it_is_asked_for(monkeypatch):
    monkeypatch.setattr(module, "TICK", 60.0)
    async with raw_app() as app, worker() as main:
        client = await main.client(main.opened(to(app)))
        await client.send(GET)
        await client.answer()
        main.say(Ask())
        await main.heard(Answered)
        (report,) = [told for told in main.told if isinstance(told, Report)]
        assert [one.requests for one in report.carried] == [1]
        await client.close()


async def test_a_closed_circuit_ends_its_connections_before_that_is_told():
    async with raw_app(just_read) as app, worker() as main:
        one, other = main.opened(to(app)), main.opened(to(app, 2))
        raw = main.opened(to(app, 3, protocol=Protocol.TCP))
        waiting, resting, stays = [await main.client(c) for c in (one, one, other)]
        tunnel = await main.client(raw)
        await waiting.send(GET)
        await tunnel.send(b"raw")
        await eventually(lambda: app.received.count(b"GET") == 1 and b"raw" in app.received)
        main.say(Gone(one.id), Close(one, CloseReason.REQUESTED), Close(raw, CloseReason.IDLE))
        late = await main.client(one)
        assert (await main.heard(Closed)).circuit_id == one.id
        assert b"(requested)" in await waiting.end()
        assert await resting.end() == await tunnel.end() == b""
        with contextlib.suppress(ConnectionResetError):
            assert await late.end() == b""
        await stays.send(GET)
        await eventually(lambda: app.received.count(b"GET") == 2)
        main.say(Close(one, CloseReason.REQUESTED))  # again
        await eventually(lambda: sum(isinstance(t, Closed) for t in main.told) == 3)
        for client in (waiting, resting, stays, tunnel, late):
            await client.close()


async def test_a_changed_circuit_is_served_as_it_is_now():
    async with raw_app() as first, raw_app() as second, worker() as main:
        one = main.opened(to(first))
        client = await main.client(one)
        for app in (first, second):
            main.say(Put((to(app),)))
            await client.send(GET)
            await client.answer()
        assert first.received.count(b"GET") == second.received.count(b"GET") == 1
        main.say(Gone(one.id))
        await client.send(GET)
        assert (await client.answer())[0].startswith(b"HTTP/1.1 400 ")
        await client.close()


async def test_failures_are_told():
    async with worker() as main:
        one = main.opened(to(await unused_port()))
        client = await main.client(one)
        await client.send(GET)
        assert (await client.answer())[0].startswith(b"HTTP/1.1 502 ")
        await eventually(lambda: any(r.counted for r in main.reports), "the failure is told")
        ((_, tried),) = [route for r in main.reports for route in r.routes]
        assert tried.failures == 1
        assert [circuit for r in main.reports for circuit in r.circuits] == [(one.id, tried)]
        counted = [r.counted.failures for r in main.reports if r.counted]
        assert counted == [(("refused", "app", 1),)]
        await client.close()


async def test_our_own_listeners_are_no_targets():
    async with raw_app() as app, worker() as main:
        public = main.opened(to(app, 1, port=app.port))
        for number, port in ((2, 5050), (3, app.port)):
            client = await main.client(main.opened(to(port, number)))
            await client.send(GET)
            head, _ = await client.answer()
            assert not head.startswith(b"HTTP/1.1 2"), number
            await client.close()
        assert app.received == b""
        main.say(Gone(public.id))


async def test_v1_goes_through_the_manager_and_tells_when_the_session_is_gone():
    access, secret = next(iter(KEYS.items()))
    async with stream_manager() as manager, worker() as main:
        who = Configuration(manager.url, Mode.API, access, secret, api_version=9.0)
        route = ThroughManager("S", "jupyter", "C")
        one = circuit(1, version=Version.V1, routes=(route,), app="jupyter")
        main.say(Configured("C", who))
        main.opened(one)
        client = await main.client(one)
        await client.send(b"x")
        assert await client.size(1) == b"x"
        assert manager.signer(manager.requests[0]) == access
        manager.script(status(404))
        late = await main.client(one)
        await late.send(GET)
        assert (await late.end()).startswith(b"HTTP/1.1 ")
        gone = await main.heard(SessionGone)
        assert gone == SessionGone(one.id, CloseReason.SESSION_ENDED)
        await client.close()
        await late.close()


async def test_draining_lets_a_request_finish_and_reports_it():
    ours, theirs = socket.socketpair()
    running = asyncio.ensure_future(Worker(theirs).run())
    main = Main(ours)
    main.say(begin(), Serve())
    async with raw_app(just_read) as app:
        one = main.opened(to(app))
        client = await main.client(one)
        await client.send(GET)
        link = await app.link()
        await eventually(lambda: b"GET" in app.received)
        main.say(Drain(5.0))
        late = await main.client(one)
        with contextlib.suppress(ConnectionResetError):
            assert await late.end() == b""
        await link.send(OK)
        assert (await client.answer())[1] == b"ok"
        assert await client.end() == b""
        await asyncio.wait_for(running, DEADLINE)
        await asyncio.wait_for(main.ended.wait(), DEADLINE)
        exchanges = [t.counted.exchanges.ended for t in main.told if isinstance(t, Report)]
        assert (("v2", 2, 1),) in exchanges
        await client.close()
        await late.close()


async def test_without_its_main_process_a_worker_finishes_and_ends():
    ours, theirs = socket.socketpair()
    running = asyncio.ensure_future(Worker(theirs).run())
    main = Main(ours)
    main.say(begin(settings(gateway={"grace": 5.0})), Serve())
    async with raw_app(just_read) as app:
        client = await main.client(main.opened(to(app)))
        await client.send(GET)
        await eventually(lambda: b"GET" in app.received)
        main.channel.close()
        link = await app.link()
        await link.send(OK)
        assert (await client.answer())[1] == b"ok"
        await asyncio.wait_for(running, DEADLINE)
        await client.close()


async def test_a_worker_that_never_began_ends_with_its_main_process():
    ours, theirs = socket.socketpair()
    running = asyncio.ensure_future(Worker(theirs).run())
    ours.close()
    await asyncio.wait_for(running, DEADLINE)


async def test_a_beginning_that_fails_is_the_end(caplog):
    ours, theirs = socket.socketpair()
    running = asyncio.ensure_future(Worker(theirs).run())
    main = Main(ours)
    config = settings(tls={"certificate": "/none", "key": "/none"})
    main.say(begin(config))
    await asyncio.wait_for(running, DEADLINE)
    assert "was not understood" in caplog.text
    main.channel.close()


async def test_a_message_that_means_nothing_harms_nobody(caplog):
    async with raw_app(answering()) as app, worker() as main:
        main.say("nonsense")
        client = await main.client(main.opened(to(app)))
        await client.send(GET)
        assert (await client.answer())[1] == b"ok"
        assert "was not understood" in caplog.text
        await client.close()


async def test_limits_are_shared():
    config = settings(limits={"connections-per-client": 3})
    async with raw_app() as app, worker(config) as main:
        one = main.opened(replace(to(app)))
        clients = [await main.client(one) for _ in range(3)]  # of two processes, so 2 each
        for client in clients[:2]:
            await client.send(GET)
            assert (await client.answer())[1] == b"ok"
        assert b"Too many connections" in await clients[2].end()
        for client in clients:
            await client.close()
