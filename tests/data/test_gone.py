"""Who is gone in which phase: the other side is told at once, and nothing is left open.

The phases that other files have: dialling and the first byte (``test_failures``), a quiet stream
and a running answer (``regressions/test_http_engine``), tunnels (``test_pump``).
"""

import asyncio

import pytest

from tests.support.apps import (
    OK,
    WAIT,
    AppLink,
    RawClient,
    answering,
    eventually,
    just_read,
    raw_app,
    raw_client,
)
from tests.support.gateway import gateway
from tests.support.messages import GET, JSON_GET
from wsproxy.core.failure import FailureKind, Side
from wsproxy.core.pooling import PoolRules
from wsproxy.data.rules import EngineRules

UPLOAD = b"POST /up HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\nabc"
CHUNKED = b"POST /up HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc"
LEAVING = ["close", "reset", "half-close"]


async def leave(client: RawClient, how: str) -> None:
    if how == "reset":
        client.reset()
    elif how == "half-close":
        client.half_close()
    else:
        client.writer.transport.close()


@pytest.mark.parametrize("how", LEAVING)
async def test_a_client_gone_in_its_head(how: str):
    async with raw_app() as app, gateway(app) as gw, raw_client(gw.port) as client:
        await client.send(b"GET / HTTP/1.1\r\nHo")
        await eventually(lambda: "unread=18" in repr(gw.engine.open.clients))
        await leave(client, how)
        await eventually(lambda: not gw.engine.open.clients)
        assert app.links == []
        assert gw.site.outcomes == []


@pytest.mark.parametrize("pooled", [False, True])
@pytest.mark.parametrize("request_head", [UPLOAD, CHUNKED], ids=["length", "chunked"])
@pytest.mark.parametrize("how", LEAVING)
async def test_a_client_gone_in_its_upload(how: str, request_head: bytes, pooled: bool):
    async def app_script(link: AppLink) -> None:
        if pooled:
            await link.head()
            await link.send(OK)
        await link.end()

    async with raw_app(app_script) as app, gateway(app) as gw, raw_client(gw.port) as client:
        if pooled:
            await client.send(GET)
            await client.answer()
        await client.send(request_head)
        link = await app.link()
        await eventually(lambda: link.received.endswith(b"abc"))
        await leave(client, how)
        await asyncio.wait_for(link.ended.wait(), WAIT)
        assert link.received.endswith(b"abc")  # no end that the client has not sent
        outcome = await gw.site.outcome(int(pooled))
        assert outcome.failure is not None
        assert outcome.failure.kind is FailureKind.CLIENT_GONE
        assert outcome.failures == []
        assert len(app.links) == 1


@pytest.mark.parametrize("how", LEAVING)
async def test_a_client_gone_while_it_waits_for_a_place(how: str):
    rules = EngineRules(pool=PoolRules(total=1))
    async with raw_app(just_read) as app, gateway(app, rules=rules) as gw:
        async with raw_client(gw.port) as first, raw_client(gw.port) as second:
            await first.send(GET)
            await app.link()
            await second.send(GET)
            await eventually(lambda: len(gw.site.heads) == 2)
            await leave(second, how)
            outcome = await gw.site.outcome()
            assert outcome.failure is not None
            assert outcome.failure.kind is FailureKind.CLIENT_GONE
            assert len(app.links) == 1


@pytest.mark.parametrize("how", LEAVING)
async def test_a_client_gone_between_two_requests(how: str):
    async with raw_app() as app, gateway(app) as gw, raw_client(gw.port) as client:
        await client.send(GET)
        await client.answer()
        await leave(client, how)
        await eventually(lambda: not gw.engine.open.clients)
        assert (await gw.site.outcome()).failure is None
        assert not app.links[0].ended.is_set()  # that connection rests for the next client
        async with raw_client(gw.port) as other:
            await other.send(GET)
            await other.answer()
        assert len(app.links) == 1


@pytest.mark.parametrize("pooled", [False, True])
@pytest.mark.parametrize("by_reset", [False, True])
@pytest.mark.parametrize("said", [b"", b"HTTP/1.1 200 OK\r\nX: 1"], ids=["nothing", "half-a-head"])
async def test_an_app_gone_in_an_upload(said: bytes, by_reset: bool, pooled: bool):
    """Some of the body is gone with it: a second try would not be the same request."""

    async def app_script(link: AppLink) -> None:
        if pooled:
            await link.head()
            await link.send(OK)
        await link.until(b"\r\n\r\nabc")
        if said:
            await link.send(said)
        if by_reset:
            link.reset()

    async with raw_app(app_script) as app, gateway(app) as gw, raw_client(gw.port) as client:
        if pooled:
            await client.send(JSON_GET)
            await client.answer()
        await client.send(UPLOAD)
        head, _ = await client.answer()
        assert head.startswith(b"HTTP/1.1 502 ")
        assert b"Connection: close\r\n" in head  # the rest of the body is no request
        assert await client.end() == b""
        outcome = await gw.site.outcome(int(pooled))
        assert outcome.failure is not None
        assert outcome.failure.side is Side.APP
        assert len(app.links) == 1


@pytest.mark.parametrize("pooled", [False, True])
@pytest.mark.parametrize("method", [b"GET", b"PUT"])
async def test_an_app_gone_in_the_head_of_its_answer(method: bytes, pooled: bool):
    """A byte of the answer has come, so the app has seen the request: never sent again."""

    async def app_script(link: AppLink) -> None:
        if pooled:
            await link.head()
            await link.send(OK)
        await link.until(b"/last HTTP/1.1\r\n")
        await link.send(b"HTTP/1.1 200 O")

    async with raw_app(app_script) as app, gateway(app) as gw, raw_client(gw.port) as client:
        if pooled:
            await client.send(JSON_GET)
            await client.answer()
        await client.send(method + b" /last HTTP/1.1\r\nHost: h\r\n\r\n")
        assert (await client.head()).startswith(b"HTTP/1.1 502 ")
        assert app.received.count(b"/last HTTP/1.1") == 1
        assert len(app.links) == 1


async def test_an_app_gone_after_a_complete_answer_harms_nobody():
    async def app_script(link: AppLink) -> None:
        await link.head()
        await link.send(OK)
        link.reset()

    async with raw_app(app_script) as app, gateway(app) as gw, raw_client(gw.port) as client:
        for count in range(1, 4):
            await client.send(GET)
            assert (await client.answer())[1] == b"ok"
            await app.links[count - 1].end()
            await eventually(lambda: "open=0" in repr(gw.engine.pool))
        assert [outcome.failure for outcome in gw.site.outcomes] == [None] * 3


async def test_a_client_gone_leaves_the_other_requests_of_the_app_alone():
    async with raw_app(answering()) as app, gateway(app) as gw, raw_client(gw.port) as stays:
        await stays.send(GET)
        await stays.answer()
        async with raw_client(gw.port) as leaves:
            await leaves.send(UPLOAD)
            await eventually(lambda: b"/up" in app.received)
            leaves.reset()
        await gw.site.outcome(1)
        await stays.send(GET)
        assert (await stays.answer())[1] == b"ok"
