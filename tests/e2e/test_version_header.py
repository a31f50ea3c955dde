"""Every answer says which version its path is: all routes, methods and error branches."""

import asyncio
import re
from collections.abc import Iterable
from dataclasses import dataclass

import pytest
from aiohttp import web
from yarl import URL

from tests.support.apps import answering, raw_app
from tests.support.node import Node, node, settings
from wsproxy.api.endpoint import Endpoint
from wsproxy.api.server import ApiPolicy, build
from wsproxy.app import gateway
from wsproxy.core.wire import SPEAKER_HEADER, VERSION_HEADER

METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"]
ACCEPTS = ["application/json", "text/html", "*/*"]
UNKNOWN = ["/", "/nope", "/v2", "/v2/proxy", "/proxy", "/api/nothing", "/%2e%2e/etc/passwd", "//x"]
VALUES = {"token": "x", "session": "00000000-0000-4000-8000-000000000000", "group": "g"}


BODIES: list[tuple[bytes, dict[str, str]]] = [
    (b"", {}),
    (b"{", {"Content-Type": "application/json"}),
    (b"\x1f\x8bnot gzip", {"Content-Encoding": "gzip"}),
    (b"x" * 100_000, {"Content-Type": "text/plain"}),
]


@dataclass(frozen=True, slots=True)
class Row:
    """One path to walk over: at which port, and the version that its answers must name.

    "": it depends on what is asked; any version will do.
    """

    base: str
    path: str
    version: str


class Built:
    """Remembers every route table that a gateway builds, so that no new one is left out."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.tables: list[list[Endpoint]] = []
        monkeypatch.setattr(gateway, "build", self._build)

    def _build(self, endpoints: Iterable[Endpoint], policy: ApiPolicy) -> web.Application:
        self.tables.append(list(endpoints))
        return build(self.tables[-1], policy)

    def rows(self, bases: list[str], own: str) -> list[Row]:
        """Every path of every table with something in its places, well-formed and not."""
        assert len(self.tables) == len(bases)
        found = {(base, path): own for base in bases for path in UNKNOWN}
        for base, table in zip(bases, self.tables, strict=True):
            for endpoint in table:
                version = endpoint.version.value if endpoint.version else own
                version = "" if "wsproxy-version" in endpoint.path else version
                for path in (_filled(endpoint.path), _spoilt(endpoint.path)):
                    found[base, path] = version
        return [Row(base, path, version) for (base, path), version in found.items()]


def _filled(path: str) -> str:
    return re.sub(r"{(\w+)(:[^}]*)?}", lambda m: VALUES.get(m[1], "x"), path)


def _spoilt(path: str) -> str:
    return re.sub(r"{(\w+)(:[^}]*)?}", "%00%ff", path) + "?app=&port=70000"


@pytest.mark.parametrize("v2", [True, False])
async def test_every_route_method_and_branch_of_the_api_and_the_admin_port(v2, monkeypatch):
    built = Built(monkeypatch)
    admin = {"admin-bind": "127.0.0.1:0"}
    config = settings(gateway=admin) if v2 else settings(gateway=admin, v2=None)
    async with node(config) as gateway_node:
        bases = [gateway_node.api, gateway_node.gateway.addresses.admin]
        rows = built.rows(bases, "v2" if v2 else "v1")
        assert len(rows) > 20
        for row in rows:
            for method in METHODS:
                for accept in ACCEPTS:
                    await _check(gateway_node, method, row, {"Accept": accept})
                await _check(gateway_node, method, row, {"Expect": "the unexpected"})
            preflight = {"Origin": "http://localhost", "Access-Control-Request-Method": "GET"}
            await _check(gateway_node, "OPTIONS", row, preflight)
            await _check(gateway_node, "GET", row, {"Host": "evil.example"})
            for method in ("POST", "PUT", "DELETE"):
                for body, fields in BODIES:
                    await _check(gateway_node, method, row, fields, body)


async def _check(
    gateway_node: Node, method: str, row: Row, headers: dict[str, str], body: bytes = b""
) -> None:
    async with gateway_node.http.request(
        method,
        URL(row.base + row.path, encoded=True),
        headers=headers,
        data=body,
        allow_redirects=False,
    ) as response:
        await response.read()
    what = (method, row, headers, response.status)
    version = "" if method == "BREW" else row.version  # refused before its path is looked at
    versions = response.headers.getall(VERSION_HEADER, [])
    assert versions == [version] or (not version and versions in (["v1"], ["v2"])), what
    assert response.headers.get(SPEAKER_HEADER) == "gateway", what
    assert response.status != 500, what


BAD_HEADS = [
    b"garbage\r\n\r\n",
    b"GET / HTTP/1.1\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
    b"GET / HTTP/1.1\nHost: x\n\n",
    b"GET / HTTP/1.1\r\nHost : x\r\n\r\n",
    b"GET / HTTP/9.9\r\nHost: x\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 70_000 + b"\r\n\r\n",
    b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
]


@pytest.mark.parametrize("head", BAD_HEADS, ids=range(len(BAD_HEADS)))
async def test_heads_that_cannot_be_read_on_every_http_port(head):
    async with raw_app(answering()) as app:
        async with node(settings(gateway={"admin-bind": "127.0.0.1:0"})) as gateway_node:
            opened = await gateway_node.open(app.port)
            admin = int(gateway_node.gateway.addresses.admin.rpartition(":")[2])
            api = int(gateway_node.api.rpartition(":")[2])
            for port in (opened.port, api, admin):
                await _check_raw(port, head)
        assert not app.links


async def _check_raw(port: int, head: bytes) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(head)
    try:
        answer = await asyncio.wait_for(reader.read(), 10)
    finally:
        writer.close()
    status, _, rest = answer.partition(b"\r\n")
    assert re.match(rb"HTTP/1\.[01] 4(00|31|14|05) ", status), (port, answer[:200])
    fields = rest.partition(b"\r\n\r\n")[0].lower()
    assert fields.count(VERSION_HEADER.lower().encode() + b": v") == 1, (port, answer[:300])


async def test_answers_of_the_gateway_and_of_the_app_on_an_app_port():
    async with raw_app(answering()) as app, node() as gateway_node:
        opened = await gateway_node.open(app.port)
        for method in ("GET", "HEAD", "POST", "OPTIONS", "DELETE"):
            for cookie in ("", opened.cookie):
                headers = {"Cookie": cookie} if cookie else {}
                async with gateway_node.http.request(
                    method, opened.url + "/x", headers=headers
                ) as response:
                    await response.read()
                assert response.headers.getall(VERSION_HEADER) == ["v2"], (method, cookie)
                spoke = SPEAKER_HEADER in response.headers
                assert spoke is (not cookie and method != "OPTIONS")


async def test_a_dead_app_and_a_closed_circuit():
    async with raw_app(answering()) as app, node() as gateway_node:
        opened = await gateway_node.open(app.port)
        await app.close()
        gone = await gateway_node.get(opened.url, headers={"Cookie": opened.cookie})
        assert (gone.status, gone.headers[VERSION_HEADER]) == (502, "v2")
