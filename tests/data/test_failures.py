"""What goes wrong on the way to an app, and what each side sees of it."""

import asyncio

import pytest

from tests.support.apps import (
    OK,
    AppLink,
    answering,
    eventually,
    exchange,
    just_read,
    raw_app,
    raw_client,
    unused_port,
)
from tests.support.gateway import CIRCUIT, gateway, to
from tests.support.messages import JSON_GET
from wsproxy.core.circuit import CloseReason, Direct, ThroughManager
from wsproxy.core.failure import Failure, FailureKind, Side
from wsproxy.core.pooling import PoolRules
from wsproxy.data.dial import DialRules
from wsproxy.data.rules import EngineRules
from wsproxy.net.connect import Connected, ConnectRules, Factory, connect

MANAGER = ThroughManager("s", "app", "c")


class Streams:
    """A way through the manager that really leads to an app, or fails."""

    def __init__(self, target: Direct | Failure) -> None:
        self.target = target
        self.opened: list[ThroughManager] = []

    async def open(self, route: ThroughManager, factory: Factory) -> Connected | Failure:
        self.opened.append(route)
        if isinstance(self.target, Failure):
            return self.target
        return await connect(self.target.host, self.target.port, factory, ConnectRules())


async def test_the_next_route_is_tried_when_one_cannot_be_connected():
    dead = Direct("127.0.0.1", await unused_port())
    async with raw_app() as app, gateway(dead, app) as gw, raw_client(gw.port) as client:
        await client.send(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nbody")
        assert (await client.answer())[1] == b"ok"
        outcome = await gw.site.outcome()
        assert [route for route, _ in outcome.failures] == [dead]
        assert outcome.route == to(app)
        await eventually(lambda: app.received.endswith(b"\r\n\r\nbody"), "the body")


async def test_the_fall_back_goes_through_the_manager_and_says_v1():
    dead = Direct("127.0.0.1", await unused_port())
    async with raw_app() as app:
        streams = Streams(to(app))
        async with gateway(dead, MANAGER, streams=streams) as gw:
            async with raw_client(gw.port) as client:
                await client.send(JSON_GET)
                head, body = await client.answer()
                assert body == b"ok"
                assert b"X-BackendAI-Wsproxy-Version: v1\r\n" in head
                assert streams.opened == [MANAGER]
                assert (await gw.site.outcome()).route == MANAGER


@pytest.mark.parametrize(
    ("streams", "status", "code"),
    [
        (None, 503, b"worker-not-available"),
        (Streams(Failure(FailureKind.MANAGER_REFUSED, Side.MANAGER, status=404)), 502, b"manager-"),
        (Streams(Failure(FailureKind.REFUSED, Side.MANAGER)), 502, b"manager-unreachable"),
    ],
)
async def test_a_fall_back_that_fails(streams: Streams | None, status: int, code: bytes):
    dead = Direct("127.0.0.1", await unused_port())
    async with gateway(dead, MANAGER, streams=streams) as gw, raw_client(gw.port) as client:
        await client.send(JSON_GET)
        head, body = await client.answer()
        assert head.startswith(b"HTTP/1.1 %d " % status)
        assert code in body
        assert b"X-BackendAI-Wsproxy-Version: v1\r\n" in head


async def test_a_way_that_fails_as_nobody_foresaw_is_an_answer_too(caplog):
    """A bug in opening a way must not leave the client waiting for ever."""

    class Broken:
        async def open(self, route, factory):
            raise RuntimeError("a bug")

    async with gateway(MANAGER, streams=Broken()) as gw, raw_client(gw.port) as client:
        await client.send(JSON_GET)
        head, body = await client.answer()
        assert head.startswith(b"HTTP/1.1 502 ")
        assert b"a bug" not in body
    assert "connecting to an app failed" in caplog.text


async def test_a_target_that_is_not_allowed_is_never_connected():
    rules = DialRules(allow=lambda address, port: False)
    async with raw_app() as app, gateway(app, dial=rules) as gw, raw_client(gw.port) as client:
        await client.send(JSON_GET)
        head, body = await client.answer()
        assert head.startswith(b"HTTP/1.1 403 ")
        assert b"target-not-allowed" in body
        assert app.links == []


async def close_at_once(link: AppLink) -> None:
    await link.head()


async def test_an_app_that_closes_without_an_answer_is_502_and_not_asked_again():
    async with raw_app(close_at_once) as app, gateway(app) as gw, raw_client(gw.port) as client:
        await client.send(JSON_GET)
        head, body = await client.answer()
        assert head.startswith(b"HTTP/1.1 502 ")
        assert b"app-closed-early" in body
        assert len(app.links) == 1


async def answer_once(link: AppLink) -> None:
    """Answer the first request; close when the second arrives."""
    await link.head()
    await link.send(OK)
    await link.size(len(link.received) + 1)


async def test_a_kept_connection_that_the_app_closes_is_retried_for_safe_methods():
    async with raw_app(answer_once) as app, gateway(app) as gw, raw_client(gw.port) as client:
        for _ in range(2):
            await client.send(JSON_GET)
            assert (await client.answer())[1] == b"ok"
        assert len(app.links) == 2
        outcome = await gw.site.outcome(1)
        assert outcome.status == 200
        assert [failure.kind for _, failure in outcome.failures] == [FailureKind.CLOSED_EARLY]


async def test_a_kept_connection_that_the_app_closes_is_not_retried_for_others():
    async with raw_app(answer_once) as app, gateway(app) as gw, raw_client(gw.port) as client:
        await client.send(JSON_GET)
        await client.answer()
        await client.send(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n")
        head, _ = await client.answer()
        assert head.startswith(b"HTTP/1.1 502 ")
        assert len(app.links) == 1


async def test_a_kept_connection_that_was_closed_meanwhile_is_not_used():
    async with raw_app(answering()) as app, gateway(app) as gw, raw_client(gw.port) as client:
        await client.send(JSON_GET)
        await client.answer()
        await app.links[0].close()
        await eventually(lambda: "open=0" in repr(gw.engine.pool))
        await client.send(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n")
        assert (await client.answer())[1] == b"ok"
        assert (await gw.site.outcome(1)).failures == []


async def test_an_app_that_speaks_unasked_loses_its_connection():
    async with raw_app(answering()) as app, gateway(app) as gw, raw_client(gw.port) as client:
        await client.send(JSON_GET)
        await client.answer()
        await app.links[0].send(OK)
        await app.links[0].ended.wait()
        await client.send(JSON_GET)
        assert (await client.answer())[1] == b"ok"
        assert len(app.links) == 2


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-OpenSSH_9\r\n",
        b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX : 1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"a" * 300_000,
        b"HTTP/1.1 200 OK\r\nX: 1",
    ],
)
async def test_an_answer_that_is_not_http_is_a_502(answer: bytes):
    async def app_script(link: AppLink) -> None:
        await link.head()
        await link.send(answer)

    async with raw_app(app_script) as app, gateway(app) as gw, raw_client(gw.port) as client:
        await client.send(JSON_GET)
        head, body = await client.answer()
        assert head.startswith(b"HTTP/1.1 502 ")
        assert b"app-malformed" in body
        assert b"X-BackendAI-Speaker: gateway\r\n" in head
        assert len(app.links) == 1


@pytest.mark.parametrize(
    "start",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
    ],
)
@pytest.mark.parametrize("by_reset", [False, True])
async def test_an_answer_that_is_cut_is_seen_as_cut(start: bytes, by_reset: bool):
    go = asyncio.Event()

    async def app_script(link: AppLink) -> None:
        await link.head()
        await link.send(start)
        await go.wait()
        if by_reset:
            link.reset()

    async with raw_app(app_script) as app, gateway(app) as gw, raw_client(gw.port) as client:
        await client.send(JSON_GET)
        await client.head()
        await client.until(b"abc")
        go.set()
        rest = await client.end()
        assert rest in (b"", b"\r\n")  # no terminating chunk, no filling up
        outcome = await gw.site.outcome()
        assert outcome.status == 200
        assert outcome.failure is not None
        assert (outcome.failure.kind, outcome.failure.side) == (FailureKind.CUT, Side.APP)


async def test_a_body_without_length_that_is_reset_is_a_reset():
    go = asyncio.Event()

    async def app_script(link: AppLink) -> None:
        await link.head()
        await link.send(b"HTTP/1.1 200 OK\r\n\r\nabc")
        await go.wait()
        link.reset()

    async with raw_app(app_script) as app, gateway(app) as gw, raw_client(gw.port) as client:
        await client.send(JSON_GET)
        await client.until(b"abc")
        go.set()
        with pytest.raises(ConnectionResetError):
            await client.end()


async def test_bad_chunks_of_an_answer_cut_it():
    async def app_script(link: AppLink) -> None:
        await link.head()
        await link.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
        await link.until(b"go")

    async with raw_app(app_script) as app, gateway(app) as gw, raw_client(gw.port) as client:
        await client.send(JSON_GET)
        await client.until(b"abc\r\n")
        await app.links[0].send(b"nonsense\r\n")
        assert await client.end() == b""


async def test_a_client_that_leaves_while_we_dial():
    gate = asyncio.Event()

    class Slow:
        async def open(self, route: ThroughManager, factory: Factory) -> Connected | Failure:
            gate.set()
            await asyncio.sleep(60)
            raise AssertionError("cancelled before")

    async with gateway(MANAGER, streams=Slow()) as gw:
        async with raw_client(gw.port) as client:
            await client.send(JSON_GET)
            await gate.wait()
        outcome = await gw.site.outcome()
        assert outcome.failure is not None
        assert outcome.failure.kind is FailureKind.CLIENT_GONE


async def test_a_first_byte_that_is_late_is_a_504():
    async with raw_app(just_read) as app, gateway(app, rules=EngineRules(first_byte=0.05)) as gw:
        async with raw_client(gw.port) as client:
            await client.send(JSON_GET)
            head, body = await client.answer()
            assert head.startswith(b"HTTP/1.1 504 ")
            assert b"app-silent" in body
            await (await app.link()).ended.wait()
            assert (await gw.site.outcome()).failures[0][1].side is Side.APP


async def test_an_upload_that_stops_is_a_408():
    async with raw_app(just_read) as app, gateway(app, rules=EngineRules(first_byte=0.05)) as gw:
        request = b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nabc"
        assert (await exchange(gw.port, request)).startswith(b"HTTP/1.1 408 ")
        assert (await gw.site.outcome()).failure == Failure(
            FailureKind.HEAD_TIMEOUT, Side.CLIENT, "The body stopped arriving."
        )


@pytest.mark.parametrize("begun", [False, True])
async def test_the_total_deadline(begun: bool):
    async def app_script(link: AppLink) -> None:
        await link.head()
        if begun:
            await link.send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc")
        await link.end()

    rules = EngineRules(total=2.0 if begun else 0.1)  # the answer must have begun
    async with raw_app(app_script) as app, gateway(app, rules=rules) as gw:
        answer = await exchange(
            gw.port, JSON_GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
        )
        assert answer.startswith(b"HTTP/1.1 200 " if begun else b"HTTP/1.1 504 ")
        outcome = await gw.site.outcome()
        assert outcome.failure is not None
        assert outcome.failure.kind is FailureKind.TOTAL_TIMEOUT


async def test_waiting_for_a_place_has_its_own_deadline():
    """landscape A1 2: saturation is no connect time-out, and says when to come back."""
    rules = EngineRules(pool=PoolRules(total=1), slot_wait=0.1)
    async with raw_app(just_read) as app, gateway(app, rules=rules) as gw:
        async with raw_client(gw.port) as first, raw_client(gw.port) as second:
            await first.send(JSON_GET)
            await app.link()
            await second.send(JSON_GET)
            head, body = await second.answer()
            assert head.startswith(b"HTTP/1.1 503 ")
            assert b"app-busy" in body
            assert b"Retry-After: 5\r\n" in head
            assert len(app.links) == 1


async def test_who_waits_for_a_place_gets_it():
    go = asyncio.Event()

    async def app_script(link: AppLink) -> None:
        await link.head()
        await go.wait()
        await link.send(OK)
        await link.end()

    rules = EngineRules(pool=PoolRules(total=1))
    async with raw_app(app_script) as app, gateway(app, rules=rules) as gw:
        async with raw_client(gw.port) as first, raw_client(gw.port) as second:
            await first.send(JSON_GET)
            await app.link()
            await second.send(JSON_GET)
            await eventually(lambda: len(gw.site.heads) == 2)
            app.script = answering()
            go.set()
            assert (await first.answer())[1] == b"ok"
            await eventually(lambda: app.received.count(b"GET") == 2)
            await app.links[0].send(OK)
            assert (await second.answer())[1] == b"ok"
            assert len(app.links) == 1


@pytest.mark.parametrize("begun", [False, True])
async def test_the_end_of_a_circuit_ends_its_exchanges(begun: bool):
    async def app_script(link: AppLink) -> None:
        await link.head()
        if begun:
            await link.send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc")
        await link.end()

    async with raw_app(app_script) as app, gateway(app) as gw, raw_client(gw.port) as client:
        await client.send(JSON_GET)
        link = await app.link()
        await eventually(lambda: link.received.endswith(b"\r\n\r\n"))
        if begun:
            await client.until(b"abc")
        assert gw.engine.open.end_circuit(CIRCUIT, CloseReason.SESSION_ENDED) == 1
        if begun:
            with pytest.raises(ConnectionResetError):
                await client.end()
        else:
            head, body = await client.answer()
            assert head.startswith(b"HTTP/1.1 503 ")
            assert b"session-ended" in body
            assert await client.end() == b""
        await link.ended.wait()


async def test_back_pressure_to_an_app_that_does_not_read():
    go = asyncio.Event()
    size = 64 * 1024 * 1024

    async def app_script(link: AppLink) -> None:
        await link.head()
        await go.wait()
        left = size
        while left:
            left -= len(await link.reader.read(1 << 20))
        await link.send(OK)

    async with raw_app(app_script) as app, gateway(app) as gw, raw_client(gw.port) as client:
        await client.send(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n" % size)
        await app.link()
        app.links[0].received = b""
        sending = asyncio.ensure_future(client.send(bytes(size)))
        done, _ = await asyncio.wait([sending], timeout=0.3)
        assert not done  # it stopped: what was taken is bounded
        meter = gw.engine.activity.meter(CIRCUIT)
        await eventually(lambda: meter.bytes_in > 0)
        assert meter.bytes_in < size // 2
        app.links[0].received = b"x"
        go.set()
        await sending
        assert (await client.answer())[1] == b"ok"


async def test_back_pressure_to_a_client_that_does_not_read():
    size = 64 * 1024 * 1024

    async def app_script(link: AppLink) -> None:
        await link.head()
        await link.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
        await link.send(bytes(size))
        await link.end()

    async with raw_app(app_script) as app, gateway(app) as gw, raw_client(gw.port) as client:
        await client.send(JSON_GET)
        meter = gw.engine.activity.meter(CIRCUIT)
        await eventually(lambda: meter.bytes_out > 0)
        client.writer.transport.pause_reading()  # type: ignore[attr-defined]
        before = -1
        while before != meter.bytes_out:
            before = meter.bytes_out
            await asyncio.sleep(0.1)
        assert meter.bytes_out < size // 2
        client.writer.transport.resume_reading()  # type: ignore[attr-defined]
        await client.head()
        left = size - (len(client.received) - client._at)
        while left:
            left -= len(await client.reader.read(min(left, 1 << 20)))


async def test_a_bad_chunk_after_the_answer_began_cuts_it():
    async def app_script(link: AppLink) -> None:
        await link.head()
        await link.send(b"HTTP/1.1 200 OK\r\n\r\nabc")
        await link.end()

    async with raw_app(app_script) as app, gateway(app) as gw, raw_client(gw.port) as client:
        await client.send(b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n")
        await client.until(b"abc")
        await client.send(b"nonsense\r\n")
        with pytest.raises(ConnectionResetError):
            await client.end()
        await app.links[0].ended.wait()


async def test_the_total_deadline_is_forgotten_after_a_good_answer():
    async with raw_app() as app, gateway(app, rules=EngineRules(total=30)) as gw:
        async with raw_client(gw.port) as client:
            await client.send(JSON_GET)
            assert (await client.answer())[1] == b"ok"
        assert (await gw.site.outcome()).failure is None


async def test_an_upload_waits_while_its_app_is_dialled():
    size = 4 * 1024 * 1024
    gate = asyncio.Event()
    async with raw_app() as app:

        class Slow(Streams):
            async def open(self, route: ThroughManager, factory: Factory) -> Connected | Failure:
                await gate.wait()
                return await super().open(route, factory)

        async def app_script(link: AppLink) -> None:
            head = await link.head()
            await link.size(len(head) + size)
            await link.send(OK)

        app.script = app_script
        async with gateway(MANAGER, streams=Slow(to(app))) as gw, raw_client(gw.port) as client:
            head = b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n" % size
            sending = asyncio.ensure_future(client.send(head + bytes(size)))
            meter = gw.engine.activity.meter(CIRCUIT)
            await eventually(lambda: meter.bytes_in > 256 * 1024)
            await asyncio.sleep(0.1)
            assert meter.bytes_in < size
            gate.set()
            await sending
            assert (await client.answer())[1] == b"ok"


async def test_an_app_connection_that_ends_before_it_is_used():
    class Broken(Streams):
        async def open(self, route: ThroughManager, factory: Factory) -> Connected | Failure:
            got = await super().open(route, factory)
            assert not isinstance(got, Failure)
            got[0].abort()
            await asyncio.sleep(0.05)
            return got

    async with raw_app() as app, gateway(MANAGER, streams=Broken(to(app))) as gw:
        async with raw_client(gw.port) as client:
            await client.send(JSON_GET)
            head, body = await client.answer()
            assert head.startswith(b"HTTP/1.1 502 ")
            assert b"app-closed-early" in body
