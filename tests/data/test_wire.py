"""Cases of the wire that ask for care: who ends when, in which order, and what is left then.

All through real sockets; each looks at what the app saw too.
"""

import asyncio
import socket
from typing import cast

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
)
from tests.support.gateway import gateway
from tests.support.messages import CHUNKS, GET, SWITCH, UPGRADE
from wsproxy.core.circuit import ThroughManager
from wsproxy.core.failure import Failure
from wsproxy.core.heads import Peer, RequestHead
from wsproxy.core.wire import Version
from wsproxy.data.engine import Engine
from wsproxy.data.rules import EngineRules
from wsproxy.data.site import Forward
from wsproxy.net.connect import Connected, ConnectRules, Factory, connect

CHUNKED = b"POST /c HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
KEEPS = {
    "length": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
    "empty": b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    "chunked": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + CHUNKS,
    "204": b"HTTP/1.1 204 No Content\r\n\r\n",
    "304": b"HTTP/1.1 304 Not Modified\r\nContent-Length: 1000\r\n\r\n",
    "interim": b"HTTP/1.1 103 Early\r\nLink: x\r\n\r\n" + OK,
}


@pytest.mark.parametrize("kind", KEEPS)
async def test_every_kind_of_answer_keeps_both_connections(kind: str):
    wanted = KEEPS[kind].rpartition(b"HTTP/1.1")[2].partition(b"\r\n\r\n")[2]
    async with raw_app(answering(KEEPS[kind])) as app, gateway(app) as gw:
        async with raw_client(gw.port) as client:
            for count in range(1, 4):
                await client.send(GET)
                head = await client.head()
                if kind == "interim":
                    assert b" 103 " in head
                    head = await client.head()
                assert b"close" not in head
                assert await client.size(len(wanted)) == wanted
                assert app.received.count(b"GET /x HTTP/1.1\r\n") == count
            assert len(app.links) == 1


@pytest.mark.parametrize("length", [b"Content-Length: 1000\r\n", b"Transfer-Encoding: chunked\r\n"])
async def test_an_answer_to_head_has_no_body_and_says_how_long_it_would_be(length: bytes):
    async with raw_app(answering(b"HTTP/1.1 200 OK\r\n" + length + b"\r\n")) as app:
        async with gateway(app) as gw, raw_client(gw.port) as client:
            for _ in range(2):
                await client.send(b"HEAD / HTTP/1.1\r\nHost: h\r\n\r\n")
                head = await client.head()
                assert (length in head) == length.startswith(b"Content")
                assert b"close" not in head
            assert len(app.links) == 1


async def test_a_client_and_an_app_of_one_byte_at_a_time():
    request = b"PUT /slow HTTP/1.1\r\nHost: h\r\nX-Empty:\r\nTransfer-Encoding: chunked\r\n\r\n"
    answer = (
        b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    )

    async def app_script(link: AppLink) -> None:
        for count in range(1, 3):
            while link.received.count(CHUNKS) < count:
                await link.size(len(link.received) + 1)
            for byte in answer + CHUNKS:
                await link.send(bytes([byte]))

    async with raw_app(app_script) as app, gateway(app) as gw, raw_client(gw.port) as client:
        for count in range(1, 3):
            for byte in request + CHUNKS:
                await client.send(bytes([byte]))
            assert b"103 Early Hints" in await client.head()
            assert b"Transfer-Encoding: chunked" in await client.head()
            assert await client.size(len(CHUNKS)) == CHUNKS
            assert app.received.count(b"\r\n\r\n" + CHUNKS) == count
        assert app.received.count(b"X-Empty: \r\n") == 2
        assert len(app.links) == 1


async def test_an_empty_line_before_a_request_in_two_pieces():
    async with raw_app() as app, gateway(app) as gw, raw_client(gw.port) as client:
        await client.send(b"\r")
        await eventually(lambda: "unread=1" in repr(gw.engine.open.clients))
        await client.send(b"\n" + GET)
        assert (await client.answer())[1] == b"ok"
        assert app.received.startswith(b"GET /x HTTP/1.1\r\n")


async def test_two_hundred_fields_and_huge_and_empty_values_pass_in_order():
    fields = [b"X-%d: %d\r\n" % (number % 7, number) for number in range(196)]
    fields += [b"X-Empty:\r\n", b"X-Huge: " + b"v" * 50_000 + b"\r\n", b"X-Last: \xe9\r\n"]
    answer = b"HTTP/1.1 200 OK\r\n" + b"".join(fields) + b"Content-Length: 2\r\n\r\nok"
    sent = b"".join(fields)
    async with raw_app(answering(answer)) as app, gateway(app) as gw:
        async with raw_client(gw.port) as client:
            await client.send(b"GET / HTTP/1.1\r\nHost: h\r\n" + b"".join(fields) + b"\r\n")
            head, body = await client.answer()
            assert sent in head
            assert body == b"ok"
            assert sent.replace(b"X-Empty:\r\n", b"X-Empty: \r\n") in app.received


async def test_a_pipelined_request_that_arrives_with_an_answer_is_read_apart():
    """The next request already waited unread: both heads were once read as one."""
    loop = asyncio.get_running_loop()
    third = b"GET /3 HTTP/1.1\r\nHost: h\r\nX-Longer: than the one before\r\n\r\n"

    done = asyncio.Event()

    async def app_script(link: AppLink) -> None:
        await done.wait()

    async with raw_app(app_script) as app, gateway(app) as gw:
        with socket.create_connection(("127.0.0.1", gw.port)) as sock:
            sock.setblocking(False)
            await loop.sock_sendall(sock, GET + b"GET /2 HTTP/1.1\r\nHost: h\r\n\r\n")
            link = await app.link()
            await link.head()
            raw = link.writer.get_extra_info("socket").dup()
            with raw:
                raw.send(OK)  # both at once, before the loop looks again
                sock.send(third)
            await link.until(b"GET /2 HTTP/1.1\r\n")
            await link.send(OK)
            await link.until(b"GET /3 HTTP/1.1\r\n")
            await link.send(OK)
            answers = b""
            while answers.count(b"\r\n\r\nok") < 3:
                more = await asyncio.wait_for(loop.sock_recv(sock, 65536), 20)
                assert more, answers
                answers += more
            assert answers.count(b"HTTP/1.1 200 OK") == 3
            done.set()


async def test_an_app_that_refuses_an_upload_and_hangs_up_is_heard():
    """It closes with bytes unread, which is a reset; its answer lies before that reset."""

    async def app_script(link: AppLink) -> None:
        await link.head()
        await eventually(lambda: gw.engine.open.clients != set() and "over=False" in client_state())
        link.writer.transport.pause_reading()  # type: ignore[attr-defined]
        await link.send(
            b"HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 3\r\n\r\nbig"
        )

    def client_state() -> str:
        return repr(gw.engine.open.clients)

    async with raw_app(app_script) as app, gateway(app) as gw, raw_client(gw.port) as client:
        await client.send(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 50000000\r\n\r\n")
        sending = asyncio.ensure_future(client.send(bytes(20_000_000)))
        head, body = await client.answer()
        assert head.startswith(b"HTTP/1.1 413 Too Large\r\n")
        assert body == b"big"
        sending.cancel()
        outcome = await gw.site.outcome()
        assert (outcome.status, outcome.failure) == (413, None)


async def test_early_bytes_of_an_upgrade_that_fails_are_no_request():
    """RFC 9931, also where the refusal is ours."""
    async with raw_app(just_read) as app:
        rules = EngineRules(first_byte=0.05)
        async with gateway(app, rules=rules) as gw:
            answer = await exchange(gw.port, UPGRADE + GET)
            assert answer.startswith(b"HTTP/1.1 504 ")
            assert b"Connection: close\r\n" in answer
            assert answer.count(b"HTTP/1.1 ") == 1
            assert b"GET /x" not in app.received


@pytest.mark.parametrize("held_by", ["the gateway", "the system"])
async def test_a_large_early_answer_reaches_a_slow_client_whole(held_by: str):
    """The connection lingers while the client takes the answer, not for a moment only.

    The client goes on sending; were the connection closed, that would reset it.
    """
    size = 200_000

    async def app_script(link: AppLink) -> None:
        await link.head()
        if held_by == "the gateway":
            choke(gw.engine)
        await link.send(b"HTTP/1.1 413 No\r\nContent-Length: %d\r\n\r\n" % size + bytes(size))
        await link.end()

    rules = EngineRules(linger=0.3)
    async with raw_app(app_script) as app, gateway(app, rules=rules) as gw:
        with small_reader(gw.port) as sock:
            loop = asyncio.get_running_loop()
            await loop.sock_sendall(
                sock, b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nx"
            )
            await gw.site.outcome()
            await asyncio.sleep(1.0)  # several times the linger
            received = b""
            while len(received.partition(b"\r\n\r\n")[2]) < size:
                await loop.sock_sendall(sock, b"x")
                more = await asyncio.wait_for(loop.sock_recv(sock, 16384), 20)
                assert more, f"cut after {len(received)}"
                received += more


async def test_a_client_that_takes_little_at_a_time_gets_its_whole_answer():
    """The system asks for more only when a third of what it keeps has left (Linux); the client is
    making progress all the while.
    """
    size = 600_000

    async def app_script(link: AppLink) -> None:
        await link.head()
        choke(gw.engine, 200_000)
        await link.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size + bytes(size))
        await link.end()

    rules = EngineRules(flush=1.5)
    async with raw_app(app_script) as app, gateway(app, rules=rules) as gw:
        with small_reader(gw.port) as sock:
            loop = asyncio.get_running_loop()
            request = b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
            await loop.sock_sendall(sock, request)
            await gw.site.outcome()
            assert transport_of(gw.engine).get_write_buffer_size()
            received = 0
            for _ in range(40):
                received += len(await loop.sock_recv(sock, 2048))
                await asyncio.sleep(0.06)
            while more := await asyncio.wait_for(loop.sock_recv(sock, 1 << 16), 20):
                received += len(more)
    assert received > size


@pytest.mark.parametrize("way", ["close", "idle", "cut"])
async def test_a_client_that_never_takes_its_answer_is_not_waited_for(way: str):
    size = 200_000
    extra = b"Connection: close\r\n" if way == "close" else b""

    async def app_script(link: AppLink) -> None:
        await link.head()
        choke(gw.engine)
        more = 1 if way == "cut" else 0
        await link.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (size + more))
        await link.send(bytes(size))
        if way != "cut":
            await link.end()

    rules = EngineRules(idle=0.05, flush=0.05)
    async with raw_app(app_script) as app, gateway(app, rules=rules) as gw:
        with small_reader(gw.port) as sock:
            request = b"GET / HTTP/1.1\r\nHost: h\r\n" + extra + b"\r\n"
            await asyncio.get_running_loop().sock_sendall(sock, request)
            await gw.site.outcome()
            await eventually(lambda: not gw.engine.open.clients, "the connection is gone")


def transport_of(engine: Engine) -> asyncio.Transport:
    """The gateway's own, to the one client."""
    (client,) = engine.open.clients
    return cast(asyncio.Transport, client._transport)  # type: ignore[attr-defined]


def choke(engine: Engine, size: int = 4096) -> None:
    """Let the system keep few bytes for the one client, so that they wait in the gateway."""
    transport_of(engine).get_extra_info("socket").setsockopt(
        socket.SOL_SOCKET, socket.SO_SNDBUF, size
    )


def small_reader(port: int) -> socket.socket:
    """A connected client whose system takes few bytes while it does not read."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.connect(("127.0.0.1", port))
    sock.setblocking(False)
    return sock


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\nX: 1\r\n",
        b"HTTP/1.1 200 OK\rX: 1",
        b"HTTP/1.1 200 OK\r\nX: \x00",
    ],
)
async def test_an_answer_that_can_only_be_wrong_is_not_waited_for(answer: bytes):
    async def app_script(link: AppLink) -> None:
        await link.head()
        for byte in answer:
            await link.send(bytes([byte]))
        await link.end()

    async with raw_app(app_script) as app, gateway(app) as gw, raw_client(gw.port) as client:
        await client.send(GET)
        head, _ = await client.answer()
        assert head.startswith(b"HTTP/1.1 502 ")
        assert len(app.links) == 1


async def test_a_websocket_message_of_64_mib_passes_both_ways():
    size = 64 * 1024 * 1024
    block = bytes(range(256)) * 256
    frame_head = b"\x82\x7f" + size.to_bytes(8, "big")

    async def app_script(link: AppLink) -> None:
        await link.head()
        await link.send(SWITCH)
        seen = len(link.received)
        left = size + len(frame_head) - (seen - len(await link.head()))
        while left:
            data = await link.reader.read(min(left, 1 << 20))
            link.writer.write(data)
            await link.writer.drain()
            left -= len(data)
        await link.end()

    async with raw_app(app_script) as app, gateway(app) as gw, raw_client(gw.port) as client:
        await client.send(UPGRADE)
        await client.head()

        async def send() -> None:
            await client.send(frame_head)
            for _ in range(size // len(block)):
                await client.send(block)

        sending = asyncio.ensure_future(send())
        assert await client.reader.readexactly(len(frame_head)) == frame_head
        for _ in range(size // len(block)):
            assert await client.reader.readexactly(len(block)) == block
        await sending


async def test_no_deadline_of_rest_ends_a_request_whose_way_takes_long():
    """Also one that needed no planning: the connection is not at rest any more."""
    go = asyncio.Event()

    class Slow:
        """Ways through the manager; all but the first take long to open."""

        opened = 0

        async def open(self, route: ThroughManager, factory: Factory) -> Connected | Failure:
            self.opened += 1
            if self.opened > 1:
                await go.wait()
            return await connect(app.host, app.port, factory, ConnectRules())

    def plan(head: RequestHead, peer: Peer) -> Forward:
        route = ThroughManager("s", "app", "c")
        return Forward(
            (route,), head.headers, Version.V2, again=lambda target, known: plan(head, peer)
        )

    rules = EngineRules(idle=1.0, head_seconds=1.0)
    async with raw_app() as app, gateway(rules=rules, streams=Slow()) as gw:
        gw.site.planner = plan
        async with raw_client(gw.port) as client:
            await client.send(GET)
            await client.answer()
            await client.send(GET)
            await eventually(lambda: len(gw.engine.tasks) == 1)
            await asyncio.sleep(1.5)
            go.set()
            assert (await client.answer())[1] == b"ok"
            assert len(gw.site.heads) == 1  # planned once


@pytest.mark.parametrize("wish", [b"", b"Connection: keep-alive\r\n"])
async def test_a_client_of_http_1_0_gets_one_answer_and_an_end(wish: bytes):
    request = b"POST /old HTTP/1.0\r\n" + wish + b"Content-Length: 4\r\n\r\nbody"
    answer = b"HTTP/1.1 200 OK\r\nX: 1\r\n\r\nuntil the end"

    async def app_script(link: AppLink) -> None:
        await link.until(b"body")
        await link.send(answer)

    async with raw_app(app_script) as app, gateway(app) as gw:
        got = await exchange(gw.port, request + GET)  # what follows is no request of 1.0
        assert got.startswith(b"HTTP/1.1 200 OK\r\n")
        assert b"Connection: close\r\n" in got
        assert got.endswith(b"\r\n\r\nuntil the end")
        assert got.count(b"HTTP/1.1 ") == 1
        assert app.received.startswith(b"POST /old HTTP/1.0\r\nContent-Length: 4\r\n")
        assert app.received.endswith(b"Connection: close\r\n\r\nbody")
        assert len(app.links) == 1


@pytest.mark.parametrize("wish", [b"", b"Connection: keep-alive\r\n"])
async def test_an_app_of_http_1_0_is_asked_once_on_a_connection(wish: bytes):
    async def app_script(link: AppLink) -> None:
        await link.head()
        await link.send(b"HTTP/1.0 200 OK\r\n" + wish + b"Content-Length: 2\r\n\r\nok")
        await link.end()

    async with raw_app(app_script) as app, gateway(app) as gw, raw_client(gw.port) as client:
        for count in range(1, 3):
            await client.send(GET)
            head, body = await client.answer()
            assert head.startswith(b"HTTP/1.1 200 OK\r\n")
            assert b"onnection" not in head
            assert body == b"ok"
            await app.links[count - 1].ended.wait()
        assert len(app.links) == 2
