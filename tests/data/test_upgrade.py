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
)
from tests.support.gateway import gateway
from tests.support.messages import SWITCH, UPGRADE


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
