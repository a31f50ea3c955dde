"""``[tls]`` in a whole gateway: the API, app ports and the wildcard domain."""

import asyncio
import contextlib
import socket
import ssl
import warnings
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import WSMsgType, web
from aiohttp.test_utils import TestServer

from tests.support.apps import eventually
from tests.support.authority import tls_files, trusting
from tests.support.node import JSON, Node, node, settings
from wsproxy.core.wire import VERSION_HEADER

DOMAIN: dict[str, Any] = {"domain": ".apps.example", "domain-bind": "127.0.0.1:0"}
GET = b"GET /status HTTP/1.1\r\nHost: h\r\n\r\n"


async def hello(request: web.Request) -> web.StreamResponse:
    if request.headers.get("Upgrade") != "websocket":
        return web.Response(text=f"{request.headers['X-Forwarded-Proto']} {request.host}")
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    async for message in socket:
        await socket.send_str(f"<{message.data}>")
    return socket


@contextlib.asynccontextmanager
async def stage(
    tmp_path: Path, limits: dict[str, Any] | None = None, **v2: Any
) -> AsyncIterator[tuple[Node, int]]:
    """A gateway with TLS, and the port of an app that says what it was told."""
    app = web.Application()
    app.router.add_get("/", hello)
    config = settings(tls=tls_files(tmp_path), v2=v2, limits=limits or {})
    async with TestServer(app) as server, node(config, trusting()) as gateway:
        assert server.port
        yield gateway, server.port


async def connected(port: int, name: str, *alpn: str) -> tuple[Any, ...]:
    """Reader, writer, and what was negotiated with this server name."""
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", port, ssl=trusting(*alpn), server_hostname=name
    )
    return reader, writer, writer.get_extra_info("ssl_object")


async def talks(url: str, cookie: str, name: str = "") -> None:
    """One request and one WebSocket at an app's origin; ``name``: where it is not this machine."""
    at, options = url, dict[str, Any](headers={"Cookie": cookie})
    if name:
        port = url.rpartition(":")[2]
        at, options["server_hostname"] = f"https://127.0.0.1:{port}", name
        options["headers"]["Host"] = f"{name}:{port}"
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=trusting())) as http:
        async with http.get(at + "/", **options) as answer:
            assert answer.status == 200, await answer.text()
            assert await answer.text() == f"https {url.partition('://')[2]}"
            assert answer.headers[VERSION_HEADER] == "v2"
        server = options.pop("server_hostname", None)
        if server is None:
            async with http.ws_connect(at + "/", **options) as ws:
                await ws.send_str("hi")
                assert (await ws.receive()).data == "<hi>"
                await ws.close()
                assert ws.close_code == 1000
                assert (await ws.receive()).type is WSMsgType.CLOSED


async def test_an_app_on_a_port(tmp_path: Path) -> None:
    async with stage(tmp_path) as (gateway, port):
        assert gateway.api.startswith("https://127.0.0.1:")
        assert (await gateway.get("/status", headers=JSON)).json["api_version"] == "v2"
        app = await gateway.open(port)
        assert app.url.startswith("https://127.0.0.1:")
        page = await gateway.get(app.url + "/")
        assert page.status == 401
        await talks(app.url, app.cookie)


async def test_the_cookie_is_secure(tmp_path: Path) -> None:
    async with stage(tmp_path) as (gateway, port):
        session = "7a5b0f3e-0000-4000-8000-000000000001"
        opened = await gateway.auth(await gateway.announce(port, session), session)
        page = await gateway.get(opened["redirect_url"])
        assert "; Secure" in page.headers["Set-Cookie"]


async def test_an_app_below_the_wildcard_domain(tmp_path: Path) -> None:
    async with stage(tmp_path, **DOMAIN) as (gateway, port):
        session = "7a5b0f3e-0000-4000-8000-000000000001"
        token = await gateway.announce(port, session)
        opened = await gateway.auth(token, session, subdomain="lab")
        name = "lab.apps.example"
        assert opened["redirect_url"].startswith(f"https://{name}:")
        bound = int(gateway.gateway.addresses.domain.rpartition(":")[2])
        path = opened["redirect_url"].partition(f":{bound}")[2]
        page = await asked(bound, name, path)
        assert page.startswith(b"HTTP/1.1 302 ")
        assert f"Location: https://{name}:{bound}".encode() in page
        cookie = page.partition(b"Set-Cookie: ")[2].partition(b";")[0].decode()
        await talks(f"https://{name}:{bound}", cookie, name)
        upgraded = await asked(bound, name, "/", cookie, "websocket")
        assert upgraded.startswith(b"HTTP/1.1 101 ")


async def asked(port: int, name: str, path: str, cookie: str = "", upgrade: str = "") -> bytes:
    """The head of an answer, from a server that has this name."""
    reader, writer, tls = await connected(port, name, "h2", "http/1.1")
    assert tls.selected_alpn_protocol() == "http/1.1"
    fields = f"Host: {name}:{port}\r\nCookie: {cookie}\r\n"
    if upgrade:
        fields += f"Connection: Upgrade\r\nUpgrade: {upgrade}\r\n"
        fields += "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
    writer.write(f"GET {path} HTTP/1.1\r\n{fields}\r\n".encode())
    answer = bytes(await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10))
    writer.close()
    with contextlib.suppress(ConnectionError, ssl.SSLError):
        await writer.wait_closed()
    return answer


@pytest.mark.parametrize("name", ["localhost", "one.apps.example", "two.apps.example"])
async def test_every_name_of_the_certificate_is_answered(tmp_path: Path, name: str) -> None:
    async with stage(tmp_path) as (gateway, _):
        port = int(gateway.api.rpartition(":")[2])
        _, writer, tls = await connected(port, name, "http/1.1")
        assert tls.selected_alpn_protocol() == "http/1.1"
        writer.close()
        with pytest.raises(ssl.SSLCertVerificationError):
            await connected(port, "other.example")


async def test_old_tls_is_not_spoken(tmp_path: Path) -> None:
    async with stage(tmp_path) as (gateway, port):
        app = await gateway.open(port)
        for bound in (int(gateway.api.rpartition(":")[2]), app.port):
            for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
                assert await handshake(bound, version) == version.name.replace("_", ".")
            with pytest.raises((ssl.SSLError, ConnectionError)):
                await handshake(bound, ssl.TLSVersion.TLSv1_1)


async def handshake(port: int, version: ssl.TLSVersion) -> str | None:
    """The version that a client gets who can speak no other."""
    context = trusting()
    context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = context.maximum_version = version

    def shake() -> str | None:
        with socket.create_connection(("127.0.0.1", port), timeout=10) as raw:
            with context.wrap_socket(raw, server_hostname="127.0.0.1") as tls:
                return tls.version()

    return await asyncio.to_thread(shake)


async def test_a_client_that_does_not_speak_tls_does_not_hang(tmp_path: Path) -> None:
    """Neither one that speaks plain HTTP, nor one that says nothing."""
    async with stage(tmp_path, limits={"head-seconds": 1.5}, **DOMAIN) as (gateway, port):
        raw = await gateway.open_tcp(port, app="model", protocol="h2")
        addresses = gateway.gateway.addresses
        ports = [int(addresses.api.rpartition(":")[2]), int(addresses.domain.rpartition(":")[2])]
        for bound in (*ports, raw[1]):
            for words in (GET, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b""):
                reader, writer = await asyncio.open_connection("127.0.0.1", bound)
                writer.write(words)
                with contextlib.suppress(ConnectionError):
                    assert b"200 OK" not in await asyncio.wait_for(reader.read(), 10)
                writer.close()
        engine = gateway.gateway.traffic.engine
        await eventually(lambda: not engine.open.tunnels, "nothing is left open")
