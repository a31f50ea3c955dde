"""Ports of HTTP/2 apps with TLS: what ALPN chose decides, before a byte reaches the app."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from tests.support.apps import RawApp, RawClient, raw_app
from tests.support.authority import tls_files, trusting
from tests.support.node import node, settings
from wsproxy.core.wire import VERSION_HEADER

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
GET = b"GET / HTTP/1.1\r\nHost: h\r\nAccept: application/json\r\n\r\n"


async def echo(link):
    while await link._more():
        await link.send(link.received)


@contextlib.asynccontextmanager
async def port_of(tmp_path, protocol: str) -> AsyncIterator[tuple[RawApp, int]]:
    """An app whose address is admitted."""
    config = settings(tls=tls_files(tmp_path), v2={"tcp-admission": "any"})
    async with raw_app(echo) as app, node(config, trusting()) as gateway:
        if protocol == "http":
            yield app, (await gateway.open(app.port)).port
        else:
            yield app, (await gateway.open_tcp(app.port, app="a", protocol=protocol))[1]


@contextlib.asynccontextmanager
async def client_of(port: int, *alpn: str) -> AsyncIterator[tuple[RawClient, str | None]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=trusting(*alpn))
    client = RawClient(reader, writer)
    try:
        yield client, writer.get_extra_info("ssl_object").selected_alpn_protocol()
    finally:
        await client.close()


@pytest.mark.parametrize("protocol", ["grpc", "h2"])
@pytest.mark.parametrize("offered", [("h2",), ("http/1.1", "h2"), ("h2", "http/1.1")])
async def test_who_offers_h2_gets_it_and_reaches_the_app(tmp_path, protocol, offered):
    async with port_of(tmp_path, protocol) as (app, port):
        async with client_of(port, *offered) as (client, chosen):
            assert chosen == "h2"
            await client.send(PREFACE)
            assert await client.size(len(PREFACE)) == PREFACE
        assert app.received == PREFACE


@pytest.mark.parametrize("offered", [(), ("http/1.1",), ("http/1.0", "spdy/3")])
async def test_who_does_not_offer_h2_is_told_so_and_the_app_hears_nothing(tmp_path, offered):
    async with port_of(tmp_path, "h2") as (app, port):
        async with client_of(port, *offered) as (client, chosen):
            assert chosen is None
            await client.send(GET)
            head, body = await client.answer()
            assert head.startswith(b"HTTP/1.1 505 ")
            assert VERSION_HEADER.encode() + b": v2" in head
            assert b"/http-version" in body
            assert b"must offer h2 in ALPN" in body
        async with client_of(port, *offered) as (client, _):
            await client.send(PREFACE)  # HTTP/2 without saying so
            assert (await client.end()).startswith(b"HTTP/1.1 400 ")
        assert app.links == []


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [(("h2", "http/1.1"), "http/1.1"), (("http/1.1",), "http/1.1"), (("h2",), None), ((), None)],
)
async def test_an_http_app_is_never_offered_h2(tmp_path, offered, chosen):
    async with port_of(tmp_path, "http") as (app, port):
        async with client_of(port, *offered) as (client, got):
            assert got == chosen
            await client.send(GET)
            assert (await client.answer())[0].startswith(b"HTTP/1.1 401 ")
        assert app.links == []


async def test_other_raw_apps_speak_no_tls(tmp_path):
    async with port_of(tmp_path, "tcp") as (app, port):
        client = RawClient(*await asyncio.open_connection("127.0.0.1", port))
        await client.send(b"hello")
        assert await client.size(5) == b"hello"
        await client.close()
        assert app.received == b"hello"
