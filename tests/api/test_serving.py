"""The control API on real connections: what aiohttp itself would answer, and what it would not."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from tests.support.logs import logged
from wsproxy.api import body
from wsproxy.api.answers import json_response
from wsproxy.api.body import read_document
from wsproxy.api.cross_origin import CrossOriginRules
from wsproxy.api.endpoint import Endpoint
from wsproxy.api.server import ApiPolicy, build
from wsproxy.api.serving import ApiServer
from wsproxy.core.cors import Origins
from wsproxy.core.wire import SPEAKER_HEADER, VERSION_HEADER, Version


async def _fine(request: web.Request) -> web.StreamResponse:
    return json_response({"fine": True})


class Echo:
    """Gives the body back; tells when it waits for it, and when it is done."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.ended = asyncio.Event()

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        self.begun.set()
        try:
            return json_response(await read_document(request))
        finally:
            self.ended.set()


@contextlib.asynccontextmanager
async def served(one_request: bool = False, echo: Echo | None = None) -> AsyncIterator[int]:
    rules = CrossOriginRules(Origins(), Origins())
    policy = ApiPolicy(Version.V2, rules, lambda host, insists: True, one_request)
    endpoints = [
        Endpoint("GET", "/fine", _fine, version=Version.V1),
        Endpoint("POST", "/echo", echo or Echo(), version=Version.V1),
    ]
    api = ApiServer(build(endpoints, policy), Version.V2)
    await api.start()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(api.protocol, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await api.close()


@contextlib.asynccontextmanager
async def connected(
    port: int,
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield reader, writer
    finally:
        writer.close()
        await writer.wait_closed()


async def ask(sent: bytes, one_request: bool = False) -> bytes:
    """Everything that comes back."""
    async with served(one_request) as port, connected(port) as (reader, writer):
        writer.write(sent)
        return await asyncio.wait_for(reader.read(), 10)


def check(answer: bytes, status: int, version: str, code: str = "") -> None:
    head, _, sent = answer.partition(b"\r\n\r\n")
    lines = head.lower().split(b"\r\n")
    assert f" {status} ".encode() in lines[0], answer[:300]
    assert lines.count(f"{VERSION_HEADER}: {version}".lower().encode()) == 1, answer[:300]
    assert lines.count(f"{SPEAKER_HEADER}: gateway".lower().encode()) == 1, answer[:300]
    assert code.encode() in sent


LAST = b"Connection: close\r\n"


async def test_two_lengths_are_a_problem_of_ours():
    answer = await ask(
        b"GET /fine HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    )
    check(answer, 400, "v2", "malformed-request")


async def test_behind_a_front_each_answer_closes_the_connection():
    two = b"GET /fine HTTP/1.1\r\nHost: x\r\n\r\n" * 2
    answer = await ask(two, one_request=True)
    assert answer.count(b"HTTP/1.1 200") == 1
    assert b"\r\nConnection: close\r\n" in answer


@pytest.mark.parametrize(
    ("line", "status", "version"),
    [(b"GET /fine", 200, "v1"), (b"POST /nope", 404, "v2"), (b"OPTIONS *", 404, "v2")],
)
async def test_an_expectation_nobody_knows_is_ignored(line, status, version):
    """RFC 9110 section 10.1.1; aiohttp would answer 417 beside everything that answers carry."""
    answer = await ask(line + b" HTTP/1.1\r\nHost: x\r\nExpect: nonsense\r\n" + LAST + b"\r\n")
    check(answer, status, version)
    assert b"Access-Control-Allow-Origin: *" in answer


async def test_who_waits_for_100_gets_it_before_the_body_is_read():
    head = b"POST /echo HTTP/1.1\r\nHost: x\r\nExpect: 100-Continue\r\nContent-Length: 2\r\n"
    async with served() as port, connected(port) as (reader, writer):
        writer.write(head + LAST + b"\r\n")
        assert await asyncio.wait_for(reader.readline(), 10) == b"HTTP/1.1 100 Continue\r\n"
        assert await reader.readline() == b"\r\n"
        writer.write(b"[]")
        answer = await asyncio.wait_for(reader.read(), 10)
    check(answer, 200, "v1", "[]")


@pytest.mark.parametrize("coding", [b"gzip", b"deflate", b"br", b"zstd", b"nonsense"])
@pytest.mark.parametrize("target", [b"/echo", b"/fine", b"/nope"])
async def test_a_compressed_body_is_never_unpacked(caplog, coding, target):
    """Nobody sends one; a small one could become a very large one."""
    answer = await ask(
        b"POST " + target + b" HTTP/1.1\r\nHost: x\r\nContent-Encoding: " + coding + b"\r\n"
        b"Content-Length: 4\r\n" + LAST + b"\r\nabcd"
    )
    status = {b"/echo": 400, b"/fine": 405, b"/nope": 404}[target]
    check(answer, status, "v2" if target == b"/nope" else "v1")
    assert not logged(caplog.records)


CUT = b" HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n[\r\n"


async def test_chunks_that_are_wrong_later_are_waited_for_no_longer_than_a_body(
    caplog, monkeypatch
):
    monkeypatch.setattr(body, "BODY_SECONDS", 0.3)
    echo = Echo()
    async with served(echo=echo) as port, connected(port) as (reader, writer):
        writer.write(b"POST /echo" + CUT)
        await asyncio.wait_for(echo.begun.wait(), 10)
        writer.write(b"zz\r\n")
        answer = await asyncio.wait_for(reader.read(), 10)
    check(answer, 408, "v1", "body-timeout")
    assert not errors(caplog)


@pytest.mark.parametrize(("target", "status"), [(b"/fine", b"405"), (b"/nope", b"404")])
async def test_the_rest_of_a_body_that_nobody_wants_may_be_anything(caplog, target, status):
    async with served() as port, connected(port) as (reader, writer):
        writer.write(b"POST " + target + CUT)
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)
        assert head.startswith(b"HTTP/1.1 " + status)
        writer.write(b"zz\r\n")
        await asyncio.wait_for(reader.read(), 10)
    assert not errors(caplog)


def errors(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]


async def test_a_body_that_does_not_come_is_408(monkeypatch):
    monkeypatch.setattr(body, "BODY_SECONDS", 0.1)
    answer = await ask(b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n[")
    check(answer, 408, "v1", "body-timeout")
    assert b"\r\nConnection: close\r\n" in answer


async def test_a_client_that_leaves_in_its_body_is_no_fault_of_ours(caplog):
    echo = Echo()
    async with served(echo=echo) as port:
        async with connected(port) as (_, writer):
            writer.write(b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n[")
            await asyncio.wait_for(echo.begun.wait(), 10)
        await asyncio.wait_for(echo.ended.wait(), 10)
    assert not errors(caplog)
