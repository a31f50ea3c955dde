"""Every answer says which version its path is: all routes, methods and error branches."""

import asyncio
import re

import pytest

from tests.support.apps import answering, raw_app
from tests.support.node import Node, node, settings
from wsproxy.core.wire import SPEAKER_HEADER, VERSION_HEADER

METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"]
ACCEPTS = ["application/json", "text/html", "*/*"]
UNKNOWN = ["/", "/nope", "/v2", "/v2/proxy", "/proxy", "/api/nothing", "/%2e%2e/etc/passwd", "//x"]
VALUES = {"token": "x", "session": "00000000-0000-4000-8000-000000000000", "group": "g"}


def _paths(gateway_node: Node) -> list[str]:
    """Every path of the route table with something in its places, well-formed and not."""
    found = list(UNKNOWN)
    for endpoint in gateway_node.gateway.endpoints:
        found.append(re.sub(r"{(\w+)(:[^}]*)?}", lambda m: VALUES.get(m[1], "x"), endpoint.path))
        found.append(re.sub(r"{(\w+)(:[^}]*)?}", "%00%ff", endpoint.path) + "?app=&port=70000")
    return list(dict.fromkeys(found))


@pytest.mark.parametrize("v2", [True, False])
async def test_every_route_method_and_branch_of_the_api(v2):
    config = settings() if v2 else settings(v2=None)
    async with node(config) as gateway_node:
        paths = _paths(gateway_node)
        assert len(paths) > 20
        for path in paths:
            for method in METHODS:
                for accept in ACCEPTS:
                    await _check(gateway_node, method, path, {"Accept": accept})
            preflight = {"Origin": "http://localhost", "Access-Control-Request-Method": "GET"}
            await _check(gateway_node, "OPTIONS", path, preflight)
            await _check(gateway_node, "GET", path, {"Host": "evil.example"})


async def _check(gateway_node: Node, method: str, path: str, headers: dict[str, str]) -> None:
    url = gateway_node.api + path
    async with gateway_node.http.request(
        method, url, headers=headers, allow_redirects=False
    ) as response:
        await response.read()
    versions = response.headers.getall(VERSION_HEADER, [])
    assert versions in (["v1"], ["v2"]), (method, path, headers, response.status)
    assert response.headers.get(SPEAKER_HEADER) == "gateway", (method, path, response.status)
    assert response.status != 500, (method, path, headers)


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
