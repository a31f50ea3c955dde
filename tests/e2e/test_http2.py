"""HTTP/2 through a whole gateway: curl's cousins nghttp and h2load, and where it is not spoken."""

import asyncio
import contextlib
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.apps import exchange, raw_app
from tests.support.authority import tls_files, trusting
from tests.support.node import Node, node, settings
from tests.support.rpc import ECHO, RpcApp, rpc_app

TLS = pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00"
GRPC = ("-H", "content-type: application/grpc", "-H", "te: trailers")


@contextlib.asynccontextmanager
async def stage(tmp_path: Path, tls: bool) -> AsyncIterator[tuple[Node, RpcApp, str]]:
    """An opened app; its URL as the setup page says it."""
    config = settings(tls=tls_files(tmp_path) if tls else {})
    async with rpc_app() as app, node(config, trusting() if tls else None) as gateway:
        host, port = await gateway.open_tcp(app.port, app="model", protocol="h2")
        scheme = "https" if tls else "http"
        yield gateway, app, f"{scheme}://{host}:{port}"


async def run(*command: str) -> str:
    """What a program prints; it must succeed."""
    assert shutil.which(command[0]), f"{command[0]} is missing: scripts/setup installs it"
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    try:
        out, _ = await asyncio.wait_for(process.communicate(), 60)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, out.decode()
    return out.decode()


def message(tmp_path: Path, size: int) -> str:
    """A file with one gRPC message."""
    file = tmp_path / "message"
    file.write_bytes(b"\0" + size.to_bytes(4, "big") + bytes(size))
    return str(file)


@pytest.mark.nghttp
@TLS
async def test_nghttp_sees_the_apps_own_frames(tmp_path: Path, tls: bool) -> None:
    async with stage(tmp_path, tls) as (_, app, url):
        data = message(tmp_path, 100_000)
        said = await run("nghttp", "-nv", *GRPC, "-d", data, url + ECHO)
        assert ":status: 200" in said
        assert "grpc-status: 0" in said
        assert ("The negotiated protocol: h2" in said) is tls
        assert app.calls == [ECHO]


@pytest.mark.nghttp
@TLS
async def test_h2load_with_many_streams_on_few_connections(tmp_path: Path, tls: bool) -> None:
    async with stage(tmp_path, tls) as (gateway, app, url):
        data = message(tmp_path, 1000)
        load = ("-n", "400", "-c", "4", "-m", "20")
        said = await run("h2load", *load, *GRPC, "-d", data, url + ECHO)
        assert "400 succeeded, 0 failed, 0 errored, 0 timeout" in said
        assert "status codes: 400 2xx" in said
        assert ("Application protocol: h2\n" in said) is tls
        assert app.calls == [ECHO] * 400
        traffic = gateway.gateway.traffic
        (circuit,) = traffic.table().all()
        assert traffic.activity.meter(circuit.id).bytes_in > 400 * 1000


@pytest.mark.parametrize("cut", [len(PREFACE), 16, 20, 3])
async def test_a_preface_where_http1_is_spoken(cut: int) -> None:
    """At an app, at the API, and at the private port: an answer, the end, nothing at the app."""
    admin = {"admin-bind": "127.0.0.1:0"}
    async with raw_app() as app, node(settings(gateway=admin)) as gateway:
        opened = await gateway.open(app.port)
        addresses = gateway.gateway.addresses
        for url in (opened.url, addresses.api, addresses.admin):
            port = int(url.rpartition(":")[2])
            answer = await in_two(port, cut)
            assert answer.startswith(b"HTTP/1.1 400 ")
            assert b"Connection: close\r\n" in answer
            assert b"speaks HTTP/1.1, and this is HTTP/2" in answer
            assert answer.count(b"HTTP/1.1 400") == 1
        assert app.links == []


async def in_two(port: int, cut: int) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(PREFACE[:cut])
    await writer.drain()
    await asyncio.sleep(0)
    writer.write(PREFACE[cut:])
    answer = await asyncio.wait_for(reader.read(), 10)
    writer.close()
    await writer.wait_closed()
    return answer


async def test_an_upgrade_to_h2c_is_not_passed_to_an_http_app() -> None:
    """Its further requests would pass every check: the app answers in HTTP/1."""
    async with raw_app() as app, node() as gateway:
        opened = await gateway.open(app.port)
        head = (
            b"GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade, HTTP2-Settings, close\r\n"
            b"Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n"
            b"Cookie: " + opened.cookie.encode() + b"\r\n\r\n"
        )
        assert (await exchange(opened.port, head)).startswith(b"HTTP/1.1 200 ")
        assert b"upgrade" not in app.received.lower()
        assert b"http2-settings" not in app.received.lower()
