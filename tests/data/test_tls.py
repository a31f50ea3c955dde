"""App ports with TLS: the same engine behind an encrypted transport."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator

import pytest

from tests.support.apps import WAIT, AppLink, RawClient, eventually, raw_app
from tests.support.gateway import Gateway, gateway
from tests.support.messages import GET, UPGRADE, echo_after_101
from wsproxy.compat.zoo.keeper import AUTHORITY, tls_context
from wsproxy.data.rules import EngineRules


@contextlib.asynccontextmanager
async def tls_client(gw: Gateway) -> AsyncIterator[RawClient]:
    context = ssl.create_default_context(cafile=str(AUTHORITY))
    context.check_hostname = False
    client = RawClient(*await asyncio.open_connection("127.0.0.1", gw.port, ssl=context))
    try:
        yield client
    finally:
        await client.close()


async def test_requests_over_tls_say_https():
    async with (
        raw_app() as app,
        gateway(app, tls=tls_context("good")) as gw,
        tls_client(gw) as client,
    ):
        for _ in range(2):
            await client.send(GET)
            assert (await client.answer())[1] == b"ok"
        assert b"X-Forwarded-Proto: https\r\n" in app.received
        assert gw.site.heads[0].first(b"host") == "h"


async def test_an_early_answer_over_tls():
    async def app_script(link: AppLink) -> None:
        await link.head()
        await link.send(b"HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nbig")
        await link.end()

    rules = EngineRules(linger=60)
    async with raw_app(app_script) as app, gateway(app, rules=rules, tls=tls_context("good")) as gw:
        async with tls_client(gw) as client:
            await client.send(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10000000\r\n\r\nabc")
            assert (await client.answer())[1] == b"big"
            await client.send(b"x" * 1000)
            await (await app.link()).ended.wait()


async def test_an_upgrade_over_tls():
    async with raw_app(echo_after_101) as app, gateway(app, tls=tls_context("good")) as gw:
        async with tls_client(gw) as client:
            await client.send(UPGRADE)
            await client.until(b"early from app")
            await client.send(b"hello")
            assert await client.until(b">") == b"<hello>"
        await asyncio.wait_for(app.links[0].ended.wait(), WAIT)


async def test_a_cut_over_tls_is_no_clean_end():
    async def app_script(link: AppLink) -> None:
        await link.head()
        await link.send(b"HTTP/1.1 200 OK\r\n\r\nabc")
        await link.until(b"never")

    async with raw_app(app_script) as app, gateway(app, tls=tls_context("good")) as gw:
        async with tls_client(gw) as client:
            await client.send(GET)
            await client.until(b"abc")
            app.links[0].reset()
            with pytest.raises((ConnectionResetError, ssl.SSLError)):
                await client.end()


async def test_plain_http_on_a_tls_port_is_closed():
    async with raw_app() as app, gateway(app, tls=tls_context("good")) as gw:
        reader, writer = await asyncio.open_connection("127.0.0.1", gw.port)
        writer.write(GET)
        assert b"HTTP/1.1 200" not in await reader.read()
        writer.close()
        await eventually(lambda: not gw.engine.open.clients)
        assert app.links == []
