"""Defects seen in upstream's v2 worker (protocol 12 v2, observed 5) that this engine must not have.

Those that it shares with the all-in-one program have their numbers in ``test_http_engine``.
"""

import asyncio
import contextlib

import pytest

from tests.data.test_listeners import a_node
from tests.data.test_listeners import port_of as ready
from tests.data.test_tcp import everybody, port_of, tcp
from tests.support.apps import (
    WAIT,
    AppLink,
    answering,
    eventually,
    exchange,
    just_read,
    raw_app,
    raw_client,
)
from tests.support.gateway import gateway
from tests.support.messages import JSON_GET, SWITCH, UPGRADE
from wsproxy.compat.zoo.table import ANIMALS
from wsproxy.core.circuit import Direct
from wsproxy.data.rules import EngineRules

MASK = b"\x01\x02\x03\x04"


async def test_bug_an_app_that_closes_without_an_answer_was_a_500_in_plain_text():
    async def app_script(link: AppLink) -> None:
        await link.head()

    async with raw_app(app_script) as app, gateway(app) as gw, raw_client(gw.port) as client:
        await client.send(JSON_GET)
        head, body = await client.answer()
        assert head.startswith(b"HTTP/1.1 502 ")
        assert b"Content-Type: application/json" in head
        assert b'"error_code"' in body
        assert len(app.links) == 1


async def test_bug_a_truncated_answer_looked_complete():
    async def app_script(link: AppLink) -> None:
        await link.head()
        await link.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345")

    async with raw_app(app_script) as app, gateway(app) as gw:
        answer = await exchange(gw.port, JSON_GET)
        assert b"Content-Length: 10\r\n" in answer
        assert answer.endswith(b"\r\n\r\n12345")
        assert (await gw.site.outcome()).failure is not None


async def test_bug_heads_over_8190_bytes_were_refused():
    target, value = b"/" + b"t" * 30_000, b"v" * 30_000
    async with raw_app() as app, gateway(app) as gw, raw_client(gw.port) as client:
        await client.send(b"GET " + target + b" HTTP/1.1\r\nHost: h\r\nX: " + value + b"\r\n\r\n")
        assert (await client.answer())[1] == b"ok"
        assert app.received.startswith(b"GET " + target + b" HTTP/1.1\r\n")
        assert b"\r\nX: " + value + b"\r\n" in app.received


async def test_bug_the_request_was_rewritten_and_the_client_believed():
    """Address with a port, port of the client's socket, invented fields, normalised paths."""
    sent = (
        b"GET /a/../b%2Fc/./%41?x=%7e HTTP/1.1\r\nHost: app.example:81\r\n"
        b"X-Forwarded-For: 10.9.9.9\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: evil\r\n"
        b"X-Forwarded-Port: 1\r\nForwarded: for=10.9.9.9\r\n"
        b"Cookie: appproxy_permit=secret; mine=1\r\n\r\n"
    )
    async with raw_app() as app, gateway(app) as gw, raw_client(gw.port) as client:
        await client.send(sent)
        await client.answer()
        assert app.received == (
            b"GET /a/../b%2Fc/./%41?x=%7e HTTP/1.1\r\nHost: app.example:81\r\nCookie: mine=1\r\n"
            b"X-Forwarded-For: 127.0.0.1\r\nX-Forwarded-Proto: http\r\n"
            b"X-Forwarded-Host: app.example:81\r\nX-Forwarded-Port: 81\r\n"
            b'Forwarded: for=127.0.0.1;host="app.example:81";proto=http\r\n\r\n'
        )


@pytest.mark.parametrize("own", [b"", b"Access-Control-Allow-Origin: https://ui.example\r\n"])
async def test_bug_every_answer_was_open_to_every_origin(own: bytes):
    answer = b"HTTP/1.1 200 OK\r\n" + own + b"Content-Length: 2\r\n\r\nok"
    async with raw_app(answering(answer)) as app, gateway(app) as gw:
        async with raw_client(gw.port) as client:
            await client.send(b"GET / HTTP/1.1\r\nHost: h\r\nOrigin: https://evil.example\r\n\r\n")
            head, _ = await client.answer()
            assert head.count(b"Access-Control") == own.count(b"Access-Control")
            assert own in head
            assert b"Origin: https://evil.example\r\n" in app.received


def masked(opcode: int, payload: bytes, *, fin: bool = True) -> bytes:
    """A frame of a client."""
    body = bytes(byte ^ MASK[at % 4] for at, byte in enumerate(payload))
    return bytes((0x80 * fin | opcode, 0x80 | len(payload))) + MASK + body


@pytest.mark.parametrize("code", [1000, 1001, 4001])
async def test_bug_close_codes_and_frames_did_not_pass(code: int):
    """Fragments were put together, pings answered, every close made a 1000, the app not told."""
    frames = masked(1, b"frag", fin=False) + masked(9, b"ping?") + masked(0, b"ments")
    closing = masked(8, code.to_bytes(2, "big") + b"bye")
    said = b"\x8a\x05ping?"
    theirs = b"\x88\x05" + code.to_bytes(2, "big") + b"too"

    async def app_script(link: AppLink) -> None:
        head = await link.head()
        await link.send(SWITCH)
        await link.size(len(head) + len(frames))
        await link.send(said)
        await link.size(len(head) + len(frames) + len(closing))
        await link.send(theirs)

    async with raw_app(app_script) as app, gateway(app) as gw, raw_client(gw.port) as client:
        await client.send(UPGRADE)
        await client.head()
        await client.send(frames)
        assert await client.size(len(said)) == said
        await client.send(closing)
        assert await client.end() == theirs
        assert app.received.endswith(b"\r\n\r\n" + frames + closing)


async def test_bug_websockets_of_the_app_outlived_an_abrupt_client():
    async def app_script(link: AppLink) -> None:
        await link.head()
        await link.send(SWITCH)
        await link.end()

    async with raw_app(app_script) as app, gateway(app) as gw:
        clients = []
        async with contextlib.AsyncExitStack() as stack:
            for _ in range(16):
                client = await stack.enter_async_context(raw_client(gw.port))
                await client.send(UPGRADE)
                await client.head()
                clients.append(client)
            for client in clients:
                client.reset()
            for link in app.links:
                await asyncio.wait_for(link.ended.wait(), WAIT)
        await eventually(lambda: not gw.engine.open.tunnels)


async def test_bug_the_browser_was_accepted_before_the_app_was_connected():
    arrived, asked = asyncio.Event(), asyncio.Event()

    async def app_script(link: AppLink) -> None:
        await link.head()
        arrived.set()
        await asked.wait()
        await link.send(SWITCH)
        await link.end()

    async with raw_app(app_script) as app, gateway(app) as gw, raw_client(gw.port) as client:
        await client.send(UPGRADE)
        await asyncio.wait_for(arrived.wait(), WAIT)
        reading = asyncio.ensure_future(client.head())
        done, _ = await asyncio.wait([reading], timeout=0.05)
        assert not done
        asked.set()
        assert (await reading).startswith(b"HTTP/1.1 101 ")


async def test_bug_a_tcp_app_that_does_not_accept_kept_its_client_for_ever():
    async with ANIMALS["unanswered"]() as address:
        route = Direct("127.0.0.1", int(address.rpartition(":")[2]))
        async with port_of(tcp(route), everybody, connect=0.1) as (port, _):
            async with raw_client(port) as client:
                await client.send(b"hello")
                assert await client.end() == b""


async def test_d14_stopping_lets_a_stream_end():
    """The state that outlives a restart is a later part; that a stop cuts nothing is this one."""

    async def app_script(link: AppLink) -> None:
        await link.head()
        await link.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nha")
        await link.until(b"never")

    async with raw_app(app_script) as app, a_node() as node:
        opened = await node.open(app)
        async with raw_client(ready(opened)) as client:
            await client.send(JSON_GET)
            assert b"200 OK" in await client.head()
            draining = asyncio.ensure_future(node.listeners.drain(20))
            assert await client.size(2) == b"ha"
            await app.links[0].send(b"lf")
            assert await client.end() == b"lf"
            await asyncio.wait_for(draining, 10)


async def test_bug_a_silent_client_was_never_closed():
    """There was no deadline for a head."""
    async with raw_app(just_read) as app, gateway(app, rules=EngineRules(head_seconds=1.0)) as gw:
        assert (await exchange(gw.port, b"GET / HT")).startswith(b"HTTP/1.1 408 ")
        assert app.links == []
