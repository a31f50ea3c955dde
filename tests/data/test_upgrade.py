"""Upgrades: the app answers the handshake, and nothing of the client's precedes its 101."""

import asyncio

import pytest

from tests.support.apps import (
    AppLink,
    answering,
    eventually,
    exchange,
    raw_app,
    raw_client,
    unused_port,
)
from tests.support.gateway import CIRCUIT, gateway
from wsproxy.core.circuit import CloseReason, Direct
from wsproxy.core.failure import FailureKind, Side
from wsproxy.core.pooling import PoolRules
from wsproxy.data.rules import EngineRules

UPGRADE = (
    b"GET /ws?x=1 HTTP/1.1\r\nHost: app.example\r\nOrigin: https://app.example\r\n"
    b"Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nCookie: a=b\r\n"
    b"Sec-WebSocket-Protocol: chat.v1,  chat.v2\r\nSec-WebSocket-Key: k\r\n\r\n"
)
SWITCH = (
    b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Protocol: chat.v2\r\nSet-Cookie: s=1\r\n\r\n"
)


async def echo_after_101(link: AppLink) -> None:
    await link.head()
    await link.send(SWITCH + b"early from app")
    seen = len(link.received.partition(b"\r\n\r\n")[0]) + 4
    while True:
        if len(link.received) > seen:
            data, seen = link.received[seen:], len(link.received)
            await link.send(b"<" + data + b">")
        await link.size(seen + 1)


async def test_case_78_d05_the_apps_handshake_passes():
    async with raw_app(echo_after_101) as app, gateway(app) as gw, raw_client(gw.port) as client:
        gw.site.response_headers = ((b"X-Renewed", b"1"),)
        await client.send(UPGRADE)
        head = await client.head()
        assert head.startswith(b"HTTP/1.1 101 Switching Protocols\r\n")
        assert b"Sec-WebSocket-Protocol: chat.v2\r\n" in head
        assert b"Set-Cookie: s=1\r\n" in head
        assert b"X-Renewed: 1\r\n" in head
        assert b"X-BackendAI-Wsproxy-Version: v2\r\n" in head
        assert head.count(b"Upgrade: websocket\r\n") == 1
        assert b"Connection: Upgrade\r\n" in head
        assert await client.until(b"app") == b"early from app"
        await client.send(b"hello")
        assert await client.until(b">") == b"<hello>"
        seen = await app.links[0].head()
        for line in UPGRADE.split(b"\r\n")[1:]:
            assert line in seen or line.startswith(b"Connection")
        assert b"Connection: Upgrade\r\n" in seen
        await client.close()
        outcome = await gw.site.outcome()
        assert (outcome.status, outcome.upgraded, outcome.failure) == (101, True, None)


async def test_nothing_of_the_client_precedes_the_101():
    switched = asyncio.Event()

    async def app_script(link: AppLink) -> None:
        head = await link.head()
        await switched.wait()
        assert link.received == head
        await link.send(SWITCH)
        await link.until(b"early data")

    async with raw_app(app_script) as app, gateway(app) as gw, raw_client(gw.port) as client:
        await client.send(UPGRADE + b"early ")
        link = await app.link()
        await client.send(b"data")
        await eventually(lambda: "unread=10" in repr(gw.engine.open.clients))
        assert b"early" not in link.received
        switched.set()
        await client.head()
        await client.end()
        assert link.received.endswith(b"\r\n\r\nearly data")


async def test_d06_a_refused_upgrade_stays_refused_and_the_connection_may_stay():
    refusal = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno"
    async with raw_app(answering(refusal)) as app, gateway(app) as gw:
        async with raw_client(gw.port) as client:
            for _ in range(2):
                await client.send(UPGRADE)
                head, body = await client.answer()
                assert head.startswith(b"HTTP/1.1 403 Forbidden\r\n")
                assert b"close" not in head
                assert body == b"no"


async def test_early_bytes_of_a_refused_upgrade_are_no_request():
    """RFC 9931: what the client meant for the other protocol must not be read as HTTP."""
    refusal = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno"
    async with raw_app(answering(refusal)) as app, gateway(app) as gw:
        answer = await exchange(gw.port, UPGRADE + b"GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n")
        assert answer.count(b"HTTP/1.1") == 1
        assert b"Connection: close\r\n" in answer
        assert b"smuggled" not in app.received


async def test_426_tells_what_to_upgrade_to():
    answer = b"HTTP/1.1 426 Upgrade Required\r\nUpgrade: websocket\r\nContent-Length: 0\r\n\r\n"
    async with raw_app(answering(answer)) as app, gateway(app) as gw:
        async with raw_client(gw.port) as client:
            await client.send(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
            head = await client.head()
            assert b"Upgrade: websocket\r\n" in head
            assert b"Connection: Upgrade\r\n" in head


async def test_d06_a_dead_backend_refuses_the_upgrade_with_502():
    async with gateway(Direct("127.0.0.1", await unused_port())) as gw:
        async with raw_client(gw.port) as client:
            await client.send(UPGRADE)
            assert (await client.head()).startswith(b"HTTP/1.1 502 ")


@pytest.mark.parametrize(
    "head",
    [
        b"GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n",
        b"GET / HTTP/1.0\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        b"Content-Length: 1\r\n\r\nx",
    ],
)
async def test_what_is_no_upgrade_passes_without_the_fields(head: bytes):
    async with raw_app() as app, gateway(app) as gw, raw_client(gw.port) as client:
        await client.send(head)
        assert (await client.answer())[1] == b"ok"
        assert b"pgrade" not in app.received


async def test_any_protocol_may_be_switched_to():
    async def app_script(link: AppLink) -> None:
        await link.head()
        await link.send(b"HTTP/1.1 101 OK\r\nUpgrade: tcp\r\n\r\n")
        await link.until(b"ping")
        await link.send(b"pong")

    async with raw_app(app_script) as app, gateway(app) as gw, raw_client(gw.port) as client:
        await client.send(
            b"POST /attach HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: tcp\r\n"
            b"Content-Length: 0\r\n\r\n"
        )
        assert b"Upgrade: tcp\r\n" in await client.head()
        await client.send(b"ping")
        assert await client.end() == b"pong"


async def test_d01_either_side_s_end_is_told_at_once():
    async with raw_app(echo_after_101) as app, gateway(app) as gw:
        async with raw_client(gw.port) as client:
            await client.send(UPGRADE)
            await client.until(b"app")
        await asyncio.wait_for(app.links[0].ended.wait(), 2)
        async with raw_client(gw.port) as client:
            await client.send(UPGRADE)
            await client.until(b"app")
            app.links[1].reset()
            with pytest.raises(ConnectionResetError):
                await client.end()
        outcome = await gw.site.outcome(1)
        assert outcome.failure is not None
        assert (outcome.failure.kind, outcome.failure.side) == (FailureKind.CUT, Side.APP)


async def test_d22_large_messages_pass_untouched():
    size = 5 * 1024 * 1024
    payload = bytes(range(256)) * (size // 256)

    async def app_script(link: AppLink) -> None:
        head = await link.head()
        await link.send(SWITCH)
        body = (await link.size(len(head) + size))[len(head) :]
        await link.send(body)
        await link.end()

    async with raw_app(app_script) as app, gateway(app) as gw, raw_client(gw.port) as client:
        await client.send(UPGRADE)
        await client.head()
        await client.send(payload)
        assert await client.size(size) == payload


async def test_tunnels_take_no_place_of_the_pool_o7():
    """Observed 7: WebSockets counted against the limit, and the 69th new one failed."""
    rules = EngineRules(pool=PoolRules(total=1), slot_wait=0.5)
    async with raw_app(echo_after_101) as app, gateway(app, rules=rules) as gw:
        async with raw_client(gw.port) as one, raw_client(gw.port) as two:
            for client in (one, two):
                await client.send(UPGRADE)
                assert (await client.head()).startswith(b"HTTP/1.1 101 ")
            assert len(gw.engine.open.tunnels) == 2


async def test_d23_the_end_of_a_circuit_ends_its_tunnels():
    async with raw_app(echo_after_101) as app, gateway(app) as gw, raw_client(gw.port) as client:
        await client.send(UPGRADE)
        await client.until(b"app")
        assert gw.engine.activity.meter(CIRCUIT).connections == 1
        assert gw.engine.open.end_circuit(CIRCUIT, CloseReason.SESSION_ENDED) == 1
        await client.end()
        await asyncio.wait_for(app.links[0].ended.wait(), 2)
