"""Every answer on an app's port or host name says v2: the app's own, and ours in its place."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
from yarl import URL

from tests.support.apps import AppLink, RawApp, answering, exchange, raw_app
from tests.support.node import JSON, Node, node, settings
from wsproxy.core.wire import SPEAKER_HEADER, VERSION_HEADER

MODES: dict[str, dict[str, Any]] = {
    "port": {},
    "wildcard": {
        "domain": ".apps.localhost",
        "domain-bind": "127.0.0.1:0",
        "domain-advertise-port": 8080,
    },
}
UPGRADE = (
    "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)


@dataclass(frozen=True, slots=True)
class Place:
    """Where one app is served, and who may use it."""

    app: RawApp
    port: int
    host: str
    permit: str

    async def ask(
        self, line: str = "GET /", fields: str = "", *, permit: bool = True, host: str = ""
    ) -> list[list[bytes]]:
        """The heads of all answers to one request, line by line."""
        cookie = f"Cookie: {self.permit}\r\n" if permit else ""
        head = f"{line} HTTP/1.1\r\nHost: {host or self.host}\r\n{cookie}{fields}"
        answer = await exchange(self.port, f"{head}Connection: close\r\n\r\n".encode())
        heads = [part for part in answer.split(b"\r\n\r\n") if part.startswith(b"HTTP/1.1 ")]
        assert heads, answer
        return [part.split(b"\r\n") for part in heads]


@contextlib.asynccontextmanager
async def place(mode: str, **limits: Any) -> AsyncIterator[Place]:
    async with raw_app() as app:
        async with node(settings(v2=MODES[mode], limits=limits)) as gateway_node:
            permit, location = await opened(gateway_node, app.port)
            yield Place(app, port_of(gateway_node, location), location.authority, permit)


async def opened(gateway_node: Node, port: int) -> tuple[str, URL]:
    """The permit, and where the app is."""
    session = "6c8f0c5c-2f34-4a6e-9a0e-0e5b7a1c3d21"
    token = await gateway_node.announce(port, session)
    setup = URL((await gateway_node.auth(token, session))["redirect_url"])
    api = setup.port == int(gateway_node.api.rpartition(":")[2])
    reached = setup.port if api else port_of(gateway_node, setup)
    page = await gateway_node.get(
        str(setup.with_host("127.0.0.1").with_port(reached)), headers={"Host": setup.authority}
    )
    assert page.status == 302, page.body
    assert page.headers[VERSION_HEADER] == "v2"
    return page.headers["Set-Cookie"].partition(";")[0], URL(page.headers["Location"])


def port_of(gateway_node: Node, location: URL) -> int:
    """In wildcard mode the advertised port is not the one that listens."""
    domain = gateway_node.gateway.addresses.domain
    return int(domain.rpartition(":")[2]) if domain else int(location.port or 0)


def said(head: list[bytes]) -> tuple[int, bytes]:
    """Status and speaker of an answer whose version is v2."""
    assert head.count(f"{VERSION_HEADER}: v2".encode()) == 1, head
    assert sum(line.lower().startswith(VERSION_HEADER.lower().encode()) for line in head) == 1
    ours = f"{SPEAKER_HEADER}: gateway".encode() in head
    return int(head[0].split(b" ")[1]), b"gateway" if ours else b"app"


@pytest.fixture(params=MODES)
async def served(request) -> AsyncIterator[Place]:
    async with place(request.param) as found:
        yield found


METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND"]


@pytest.mark.parametrize("accept", [*JSON.values(), "text/html", ""])
async def test_who_may_not_use_the_app(served: Place, accept):
    field = f"Accept: {accept}\r\n" if accept else ""
    for method in METHODS:
        [head] = await served.ask(f"{method} /x", field, permit=False)
        assert said(head) == (401, b"gateway"), method
        [head] = await served.ask(f"{method} /x", field + "Cookie: appproxy_permit=no\r\n")
        assert said(head)[0] in (200, 401), method
    [head] = await served.ask("GET /x", field + UPGRADE, permit=False)
    assert said(head) == (401, b"gateway")
    [head] = await served.ask("CONNECT x:1", field)
    assert said(head)[1] == b"gateway"


async def test_what_the_app_says(served: Place):
    for status in (b"204 No", b"304 Not", b"302 Found", b"404 No", b"500 Oh", b"502 Bad", b"999 X"):
        body = b"" if status[:3] in (b"204", b"304") else b"Content-Length: 0\r\n"
        served.app.script = answering(
            b"HTTP/1.1 "
            + status
            + b"\r\nX-BackendAI-Wsproxy-Version: v9\r\n"
            + body
            + b"Connection: close\r\n\r\n"
        )
        [head] = await served.ask()
        assert said(head) == (int(status[:3]), b"app")
    served.app.script = answering()
    for method in [*METHODS, "OPTIONS"]:
        [head] = await served.ask(f"{method} /x")
        assert said(head) == (200, b"app"), method


async def test_the_answers_to_an_upgrade(served: Place):
    async def accept(link: AppLink) -> None:
        await link.head()
        await link.send(b"HTTP/1.1 101 Yes\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")

    served.app.script = accept
    [head] = await served.ask("GET /ws", UPGRADE)
    assert said(head) == (101, b"app")
    served.app.script = answering(b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n")
    [head] = await served.ask("GET /ws", UPGRADE)
    assert said(head) == (403, b"app")


@pytest.mark.parametrize("mode", MODES)
async def test_what_is_said_in_the_apps_place(mode: str):
    async with place(mode, **{"first-byte": 1.5}) as served:
        await _say_all(served)


async def _say_all(served: Place) -> None:
    async def leave(link: AppLink) -> None:
        await link.head()

    async def silent(link: AppLink) -> None:
        await link.end()

    for script, status in ((leave, 502), (silent, 504), (answering(b"garbage\r\n\r\n"), 502)):
        served.app.script = script
        for fields in ("", UPGRADE):
            [head] = await served.ask("GET /", fields)
            assert said(head) == (status, b"gateway"), (script, fields)
    await served.app.close()
    for fields in ("", UPGRADE):
        [head] = await served.ask("POST /", fields)
        assert said(head) == (502, b"gateway")


@pytest.mark.parametrize(
    "fields",
    [
        "Content-Length: 1\r\nContent-Length: 2\r\n",
        "Content-Length: x\r\n",
        "Transfer-Encoding: gzip\r\n",
        "Host: another\r\n",
        "X : y\r\n",
        f"X: {'y' * 70_000}\r\n",
    ],
)
async def test_requests_that_nobody_can_read(served: Place, fields):
    [head] = await served.ask("GET /", fields)
    assert said(head)[0] in (400, 431) and said(head)[1] == b"gateway"
    assert not served.app.links


async def test_the_reserved_path_and_unknown_names():
    async with place("wildcard") as served:
        for target in ("/.wsproxy/setup", "/.wsproxy/setup?token=x"):
            for method in ("GET", "HEAD", "POST", "OPTIONS"):
                [head] = await served.ask(f"{method} {target}", permit=False)
                assert said(head)[1] == b"gateway", (method, target)
        for host in ("nobody.apps.localhost", "elsewhere.example", "127.0.0.1", "x"):
            [head] = await served.ask(host=host)
            assert said(head) == (400, b"gateway"), host
        assert not served.app.links
