"""What clients may send to the control API of a whole gateway: never 500, never a hang."""

import asyncio
import gzip
import json
import re

import pytest

from tests.support.node import SECRETS, Node, node
from wsproxy.api import body as api_body
from wsproxy.core.wire import VERSION_HEADER

ANNOUNCEMENT = json.dumps({"kernel_host": "127.0.0.1", "kernel_port": 8888}).encode()
HEAD = b"POST /v2/conf HTTP/1.1\r\nHost: localhost\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"


def _with_length(body: bytes, fields: bytes = b"") -> bytes:
    return HEAD + fields + b"Content-Length: %d\r\n\r\n" % len(body) + body


async def _raw(gateway: Node, data: bytes) -> tuple[int, bytes, bytes]:
    """Status, head and body of the one answer to ``data``; the gateway closes, or we do."""
    reader, writer = await asyncio.open_connection("127.0.0.1", int(gateway.api.rpartition(":")[2]))
    writer.write(data)
    try:
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)
        length = re.search(rb"(?i)content-length: (\d+)", head)
        body = await asyncio.wait_for(reader.readexactly(int(length[1]) if length else 0), 10)
    finally:
        writer.close()
    return int(head.split(b" ", 2)[1]), head, body


@pytest.mark.parametrize(
    "request_",
    [
        _with_length(b"not gzip", b"Content-Encoding: gzip\r\n"),
        _with_length(gzip.compress(ANNOUNCEMENT), b"Content-Encoding: gzip\r\n"),
        _with_length(b"x", b"Content-Encoding: br\r\n"),
        CHUNKED + b"ZZ\r\nabc\r\n0\r\n\r\n",
        CHUNKED + b"5\r\nabc",
        CHUNKED + b"3\r\nabcdef\r\n0\r\n\r\n",
        CHUNKED + b"-1\r\n\r\n",
    ],
    ids=["gzip", "real-gzip", "brotli", "no-size", "cut", "long", "negative"],
)
async def test_a_body_that_cannot_be_read_is_the_clients_fault(request_, caplog, monkeypatch):
    monkeypatch.setattr(api_body, "BODY_SECONDS", 0.2)
    async with node() as gateway:
        status, head, body = await _raw(gateway, request_)
    assert status in (400, 408), (head, body)
    assert VERSION_HEADER.encode() in head
    assert b"X-BackendAI-Speaker: gateway" in head
    assert json.loads(body)["type"].startswith("https://api.backend.ai/probs/")
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


async def test_a_body_that_never_comes_is_not_waited_for(monkeypatch):
    monkeypatch.setattr(api_body, "BODY_SECONDS", 0.05)
    async with node() as gateway:
        status, head, body = await _raw(gateway, HEAD + b"Content-Length: 10\r\n\r\n{")
        assert (status, json.loads(body)["type"].rpartition("/")[2]) == (408, "body-timeout")
        assert b"connection: close" in head.lower()


async def test_a_long_target_or_field_is_read_up_to_the_limit_of_the_settings():
    long = "a" * 30_000
    async with node() as gateway:
        answer = await gateway.get(f"/v2/proxy/x/y/add?app={long}&protocol=http")
        assert answer.status == 400
        assert answer.json["data"]["errors"][0]["loc"] == ["app"]
        answer = await gateway.get("/status", headers={"X-Long": long})
        assert answer.status == 200
        first = b"GET /status HTTP/1.1\r\nHost: localhost\r\n\r\n"
        second = b"GET /status HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 70_000 + b"\r\n\r\n"
        status, _, _ = await _raw(gateway, second)
        assert status == 431
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", int(gateway.api.rpartition(":")[2])
        )
        writer.write(first)
        await asyncio.wait_for(reader.readuntil(b"}"), 10)
        writer.write(second)
        again = await asyncio.wait_for(reader.read(), 10)
        writer.close()
        assert b" 431 " in again.splitlines()[0]
        assert VERSION_HEADER.encode() + b": v2" in again


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"login_session_token": "a\r\nX-Evil: 1"}, "login_session_token"),
        ({"login_session_token": "a; AIOHTTP_SESSION=b"}, "login_session_token"),
        ({"login_session_token": 4}, "login_session_token"),
        ({"kernel_port": 65536}, "kernel_port"),
        ({"session": "x"}, "session"),
    ],
)
async def test_a_field_of_conf_is_named(changes, named):
    async with node() as gateway:
        body = {"kernel_host": "127.0.0.1", "kernel_port": 8888, **changes}
        answer = await gateway.ask("POST", "/v2/conf", json=body)
        assert answer.status == 400
        assert [entry["loc"] for entry in answer.json["data"]["errors"]] == [[named]]
        assert "SessionBlock" not in answer.json["msg"]


async def test_the_environment_of_an_app_has_a_limit():
    async with node() as gateway:
        envs = json.dumps({"A": "x" * 5000})
        answer = await gateway.get(
            "/v2/proxy/x/y/add", params={"app": "a", "protocol": "http", "envs": envs}
        )
        assert answer.status == 400
        assert [entry["loc"] for entry in answer.json["data"]["errors"]] == [["envs"]]


@pytest.mark.parametrize("value", ["[", "[1]", "{}", '{"circuit_ids": "x"}', '{"circuit_ids": 4}'])
async def test_a_bad_list_of_circuits_is_400(value):
    shown = {"X-BackendAI-Token": SECRETS["api-secret"]}
    async with node() as gateway:
        answer = await gateway.ask("DELETE", "/api/circuit/_/bulk", headers=shown, data=value)
        assert answer.status == 400
        assert answer.json["type"].endswith("/invalid-api-params")
