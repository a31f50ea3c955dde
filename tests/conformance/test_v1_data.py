"""Cases 34 to 48 of the conformance list: the v1 data path (protocol 3), and 79, TCP circuits."""

import asyncio
import contextlib
import hashlib
import json
import os
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.data.raw_plane import listening, raw_plane
from tests.manager.test_stream import connect_proxy
from tests.support import streams
from tests.support.apps import eventually, exchange, raw_app, raw_client
from tests.support.circuits import circuit
from tests.support.v1_gateway import ACCESS, SID, Options, V1Gateway, port_of, v1_gateway
from wsproxy.core.circuit import Direct, Protocol
from wsproxy.core.signing import ToSign, signature
from wsproxy.data.tcp import serve_tcp
from wsproxy.data.v1 import V1Rules
from wsproxy.manager.stream import StreamRules
from wsproxy.manager.tunnel import TunnelRules

GET = b"GET /lab HTTP/1.1\r\nHost: localhost\r\n\r\n"
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


async def _no_pause(seconds: float) -> None:
    await asyncio.sleep(0)


QUICK = Options(listener=V1Rules(sleep=_no_pause))


@pytest.fixture
async def g() -> AsyncIterator[V1Gateway]:
    async with v1_gateway(options=replace(QUICK)) as made:
        yield made


async def opened(g: V1Gateway, app: str = "jupyter", query: str = "") -> int:
    return port_of(await g.add(app, query=query))


async def seen(g: V1Gateway, body: dict[str, Any], app: str = "jupyter", query: str = "") -> str:
    """The path and query that the manager got for one connection."""
    await g.conf(body)
    async with raw_client(await opened(g, app, query)) as client:
        await client.send(b"x")
        await client.size(1)
    return str(g.manager.requests[-1].raw_path)


@pytest.mark.parametrize(
    ("version", "prefix"),
    [
        ("8.", "session"),
        ("9.", "session"),
        (7, "session"),
        (4, "kernel"),
        ("4.", "kernel"),
        (None, "kernel"),
        ("nonsense", "kernel"),
    ],
)
async def test_case_34_the_path_follows_the_api_version(g, version, prefix):
    path = await seen(g, g.api_conf(api_version=version))
    assert path == f"/stream/{prefix}/{SID}/httpproxy?app=jupyter"


@pytest.mark.parametrize("mode", ["API", "SESSION"])
async def test_case_34_a_manager_without_the_older_path_is_asked_by_the_newer_one(g, mode):
    """Managers of today have no ``kernel``; behind a web server their 404 is a 502."""

    async def no_kernel(manager, request):
        if "/kernel/" in request.path:
            return await streams.status(404 if mode == "API" else 502)(manager, request)
        return await streams.echo(manager, request)

    g.manager.script(no_kernel)
    conf = g.api_conf if mode == "API" else g.session_conf
    path = await seen(g, conf(api_version=None))
    assert path.endswith(f"/stream/session/{SID}/httpproxy?app=jupyter")
    assert [request.path.split("/stream/")[1][:7] for request in g.manager.requests] == [
        "kernel/",
        "session",
    ]


@pytest.mark.parametrize("app", ["sshd", "vnc", "xrdp", "vscode-desktop"])
async def test_case_35_tcp_apps_use_tcpproxy(g, app):
    path = await seen(g, g.api_conf(), app)
    assert path == f"/stream/session/{SID}/tcpproxy?app={app}"


@pytest.mark.parametrize(
    ("auth_mode", "cookie"), [("cookie", True), (None, True), ("header", False), ("other", False)]
)
async def test_case_36_session_mode_sends_the_session_in_one_place(g, auth_mode, cookie):
    path = await seen(g, g.session_conf(auth_mode=auth_mode))
    assert path == f"/func/stream/session/{SID}/httpproxy?app=jupyter"
    headers = g.manager.requests[0].headers
    session = "a0d9bf4b755a4b1fb291854587f303b7"
    assert headers.get("Cookie") == (f"AIOHTTP_SESSION={session}" if cookie else None)
    assert headers.get("X-BackendAI-SessionID") == (None if cookie else session)
    assert "Authorization" not in headers


VECTORS = [
    (
        "/stream/session/3f1c0b3e-1111-4222-8333-444455556666/httpproxy?app=jupyter",
        "2026-01-02T03:04:05.678Z",
        "application/json",
        "v8.20240915",
        "57161913c37a278aa48027e3d8eee33294479ec3197f7ff82be799ec9095e2cd",
    ),
    (
        "/stream/session/my-sess/tcpproxy?app=sshd",
        "2026-01-02T03:04:05.678901+00:00",
        "application/octet-stream",
        "v9.20250722",
        "acbc94a12a731fe620e20423863d31b676d755a16f23e2c805e9bfac2a8c8f8e",
    ),
]


@pytest.mark.parametrize(("target", "date", "content_type", "version", "expected"), VECTORS)
def test_case_37_both_signature_vectors(target, date, content_type, version, expected):
    covered = ToSign("GET", target, "api.example.com:8081", date, content_type, version)
    assert signature("SECRETKEY", covered, "20260102") == expected


@pytest.mark.parametrize("version", [4, "8.", "9."])
async def test_case_37_what_is_sent_is_signed(g, version):
    """The manager of the test verifies it; the vector's fields are in ``core/test_signing.py``."""
    await seen(g, g.api_conf(api_version=version))
    request = g.manager.requests[0]
    assert g.manager.signer(request) == ACCESS
    assert request.headers["Content-Type"] == "application/json"
    assert abs(datetime.now(UTC) - datetime.fromisoformat(request.headers["X-BackendAI-Date"]))


async def test_case_37_an_endpoint_with_a_trailing_slash_is_signed_right(g):
    """Upstream signed the host with the slash (protocol 12)."""
    await seen(g, g.api_conf(endpoint=g.manager.url + "/"))
    assert g.manager.signer(g.manager.requests[0]) == ACCESS


async def test_case_38_envs_and_arguments_are_encoded_once_and_signed(g):
    query = "&envs=%7B%22A%22%3A%22b%20c%22%7D&args=%7B%22--x%22%3A%221%22%7D"
    path = await seen(g, g.api_conf(), query=query)
    assert path.endswith("&envs=%7B%22A%22:%22b%20c%22%7D&arguments=%7B%22--x%22:%221%22%7D")
    assert g.manager.signer(g.manager.requests[0]) == ACCESS


@pytest.mark.parametrize("value", ["100%", "a&b=c", "d+e", "f#g;h", "%41", "ä 한국", "{}"])
async def test_case_38_every_value_arrives_as_it_was(g, value):
    sent = json.dumps({"A": value})
    encoded = "".join(f"%{byte:02X}" for byte in sent.encode())
    await seen(g, g.api_conf(), query=f"&envs={encoded}")
    request = g.manager.requests[0]
    assert json.loads(request.query["envs"]) == {"A": value}
    assert g.manager.signer(request) == ACCESS


async def test_case_39_every_connection_has_its_own_websocket_and_date(g):
    await g.conf()
    port = await opened(g)
    async with contextlib.AsyncExitStack() as clients:
        for _ in range(2):
            client = await clients.enter_async_context(raw_client(port))
            await client.send(b"x")
            await client.size(1)
            await asyncio.sleep(0.002)  # a date has milliseconds
        first, second = g.manager.requests
        assert first.headers["X-BackendAI-Date"] != second.headers["X-BackendAI-Date"]
        assert g.manager.signer(first) == g.manager.signer(second) == ACCESS


async def test_case_40_bytes_arrive_intact_without_compression(g):
    await g.conf()
    body = os.urandom(64 << 20)
    async with raw_client(await opened(g)) as client:
        sending = asyncio.get_running_loop().create_task(client.send(body))
        digest = hashlib.sha256()
        left = len(body)
        while left:
            piece = await client.size(min(left, 1 << 20))
            client.received, client._at = client.received[client._at :], 0
            digest.update(piece)
            left -= len(piece)
        await sending
    assert digest.digest() == hashlib.sha256(body).digest()
    assert g.manager.largest_frame <= 256 * 1024
    assert "Sec-WebSocket-Extensions" not in g.manager.requests[0].headers


@pytest.mark.parametrize("status", [401, 404, 502, 418])
async def test_case_41_a_refusal_is_a_complete_page_with_its_number(g, status):
    g.manager.script(streams.status(status))
    await g.conf()
    answer = await exchange(await opened(g), GET)
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 503 Service Unavailable\r\n")
    assert f"Content-Length: {len(body)}".encode() in head
    assert b"Content-Type: text/html" in head
    assert b"Connection: close" in head
    assert b"Server connection failed" in body
    assert str(status).encode() in body


async def test_case_42_an_app_that_starts_shows_pages_and_then_itself(g):
    failing = [streams.status(500)] * 4
    g.manager.script(*failing, streams.answering(ANSWER, then=1001))
    await g.conf()
    port = await opened(g)
    for _ in range(4):
        assert b"refresh" in await exchange(port, GET)
    assert await exchange(port, GET) == ANSWER


async def test_case_42_more_than_the_bound_is_an_error_page(g):
    g.manager.script(streams.status(500))
    await g.conf()
    port = await opened(g)
    pages = [await exchange(port, GET) for _ in range(7)]
    assert [b"refresh" in page for page in pages] == [True] * 5 + [False] * 2
    assert b"500" in pages[-1]


async def test_case_43_a_port_that_refuses_is_a_starting_app(g):
    g.manager.script(streams.close(1013))
    await g.conf()
    assert b"refresh" in await exchange(await opened(g), GET)


async def test_case_43_other_clients_are_retried(g):
    g.manager.script(streams.close(1013), streams.close(1013), streams.greeting(b"SSH-2.0-app\n"))
    await g.conf()
    async with raw_client(await opened(g, "sshd")) as client:
        await client.send(b"SSH-2.0-client\n")
        assert await client.until(b"\n") == b"SSH-2.0-app\n"
        assert await client.until(b"\n") == b"SSH-2.0-client\n"


async def test_case_44_a_web_servers_502_is_a_starting_app(g):
    failing = [streams.status(502)] * 2
    g.manager.script(*failing, streams.answering(ANSWER, then=1001), streams.status(502))
    await g.conf(g.session_conf())
    port = await opened(g)
    assert b"refresh" in await exchange(port, GET)
    assert b"refresh" in await exchange(port, GET)
    assert await exchange(port, GET) == ANSWER
    bounded = [b"refresh" in await exchange(port, GET) for _ in range(7)]
    assert bounded == [True] * 5 + [False] * 2


async def test_case_44_silence_behind_a_web_server_is_a_starting_app():
    options = replace(QUICK, listener=replace(QUICK.listener, first_byte=0.2))
    async with v1_gateway(options=options) as g:
        g.manager.script(streams.silent)
        await g.conf(g.session_conf())
        assert b"refresh" in await exchange(await opened(g), GET)


@pytest.mark.parametrize("mode", ["API", "SESSION"])
async def test_case_45_the_connect_proxy_is_used_in_both_modes(mode):
    async with connect_proxy() as (url, lines):
        options = replace(QUICK, streams=StreamRules(http_proxy=url))
        async with v1_gateway(options=options) as g:
            await seen(g, g.api_conf() if mode == "API" else g.session_conf())
            host = g.manager.url.removeprefix("http://")
        assert lines == [f"CONNECT {host} HTTP/1.1"]


async def test_case_46_a_silent_tunnel_lives_and_is_pinged():
    """90 seconds in small: a ping in less than one, and silence for some of them."""
    streams_rules = StreamRules(tunnel=TunnelRules(ping=0.8))
    async with v1_gateway(options=replace(QUICK, streams=streams_rules)) as g:
        await g.conf()
        async with raw_client(await opened(g)) as client:
            await client.send(b"x")
            await client.size(1)
            for _ in range(3):  # one unanswered ping would end it before the second
                await g.manager.pings.acquire()
            await client.send(b"still here")
            assert await client.size(10) == b"still here"


@pytest.mark.parametrize("status", [401, 404, 500, 502])
async def test_case_47_an_ssh_client_never_sees_html(g, status):
    g.manager.script(streams.status(status))
    await g.conf()
    assert await exchange(await opened(g, "sshd"), b"SSH-2.0-OpenSSH_9.2\r\n") == b""


async def test_case_48_the_apps_end_is_the_clients_end(g):
    g.manager.script(streams.answering(b"bye", then=1001))
    await g.conf()
    assert await exchange(await opened(g), b"x") == b"bye"


async def test_case_48_the_clients_end_closes_the_websocket():
    rules = StreamRules(tunnel=TunnelRules(silence=0.1))
    async with v1_gateway(options=replace(QUICK, streams=rules)) as g:
        await g.conf()
        async with raw_client(await opened(g)) as client:
            await client.send(b"x")
            await client.size(1)
            client.half_close()
            await g.manager.ended.acquire()
            assert await client.end() == b""
        assert g.manager.close_codes == [1000]


async def test_case_79_a_tcp_circuit_carries_bytes_and_admits_by_address():
    async def echo(link):
        while await link._more():
            await link.send(link.received)

    async with raw_app(echo) as app, raw_plane() as plane:
        made = circuit(1, routes=(Direct(app.host, app.port),), protocol=Protocol.TCP)
        open_port = serve_tcp(plane, made, lambda circuit, peer: True)
        closed_port = serve_tcp(plane, made, lambda circuit, peer: peer.host == "10.0.0.1")
        async with listening(open_port) as port, raw_client(port) as client:
            await client.send(b"ping")
            assert await client.size(4) == b"ping"
        async with listening(closed_port) as port:
            assert await exchange(port, b"ping") == b""
        await eventually(lambda: len(app.links) == 1, "only the admitted one")
