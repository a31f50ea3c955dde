"""``wsproxy-version`` row by row, as real managers answered (observed 1) and 26.2 did (P 8.1)."""

import asyncio
import json
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
from aiohttp import ClientSession, web

from wsproxy.sim.documents import FaultError, render
from wsproxy.sim.stage import free_port
from wsproxy.sim.traits import Era
from wsproxy.sim.versions import StatusClient

JSON = "application/json"


def http_answer(status: int, content_type: str, body: str) -> bytes:
    head = f"HTTP/1.1 {status} X\r\nContent-Type: {content_type}\r\n"
    return f"{head}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}".encode()


@asynccontextmanager
async def proxy_that_says(answer: bytes | None):
    """Yields (address, the request lines it saw). ``None``: never answers."""
    seen: list[str] = []
    talks: set[asyncio.Task[Any] | None] = set()

    async def talk(reader, writer):
        talks.add(asyncio.current_task())
        with suppress(asyncio.IncompleteReadError):  # it was given up before it was asked
            head = await reader.readuntil(b"\r\n\r\n")
            seen.append(head.split(b"\r\n")[0].decode())
            if answer is None:
                await reader.read()
            else:
                writer.write(answer)
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", seen
    await asyncio.gather(*filter(None, talks))


def text_of(answer: web.Response) -> str:
    return str(answer.text)


async def asked(era: Era, address: str | None, deadline: float = 30.0):
    """The version, or (status, slug, msg)."""
    async with ClientSession() as http:
        try:
            return await StatusClient(http, era, deadline).version(address)
        except FaultError as error:
            document = json.loads(text_of(render(era, error)))
            slug = document["type"].rpartition("/probs/")[2]
            return error.fault.status, slug


INTERNAL = (500, "internal-server-error")
ANSWER = (500, "appproxy-response-error")
SCHEMA = (400, "schema-validation-failed")


@pytest.mark.parametrize(
    ("answer", "old", "new"),
    [
        (http_answer(200, JSON, '{"api_version": "v2"}'), "v2", "v2"),
        (http_answer(200, JSON, '{"api_version": "v1"}'), "v1", "v1"),
        (http_answer(404, JSON, '{"api_version": "v2"}'), "v2", "v2"),
        (http_answer(503, JSON, '{"api_version": "v2"}'), "v2", "v2"),
        (http_answer(200, JSON, '{"api_version": 2}'), 2, SCHEMA),
        (http_answer(200, JSON, '{"foo": 1}'), INTERNAL, SCHEMA),
        (http_answer(200, JSON, '["v2"]'), INTERNAL, SCHEMA),
        (http_answer(404, "text/plain", "no"), INTERNAL, ANSWER),
        (http_answer(500, "text/plain", "no"), INTERNAL, ANSWER),
        (http_answer(200, "text/html", "<html>"), INTERNAL, ANSWER),
        (http_answer(200, JSON, "<html>"), INTERNAL, ANSWER),
        (http_answer(200, "text/plain", '{"api_version": "v2"}'), INTERNAL, ANSWER),
        (b"", INTERNAL, INTERNAL),
    ],
)
async def test_each_answer_of_the_address_gives_what_real_managers_gave(answer, old, new):
    async with proxy_that_says(answer) as (address, _seen):
        assert await asked(Era.M23_09, address) == old
        assert await asked(Era.M26_8, address) == new
        assert await asked(Era.M26_2, address) == new


@pytest.mark.parametrize("address", [None, ""])
async def test_no_address_is_v1_but_404_in_26_2(address):
    assert await asked(Era.M23_09, address) == "v1"
    assert await asked(Era.M26_8, address) == "v1"
    assert await asked(Era.M26_2, address) == (404, "object-not-found")


async def test_a_dead_address_is_an_error_with_a_status_of_the_era():
    for dead in (f"http://127.0.0.1:{free_port()}", "http://no-such-host.invalid:1"):
        assert await asked(Era.M23_09, dead) == (500, "server-misconfigured")
        assert await asked(Era.M26_2, dead) == (503, "appproxy-connection-error")
        assert await asked(Era.M26_8, dead) == (500, "appproxy-connection-error")


async def test_an_address_without_scheme_is_an_internal_error():
    for era in (Era.M23_09, Era.M26_8):
        assert await asked(era, "127.0.0.1:1") == INTERNAL


async def test_a_hanging_address_is_given_up_at_the_deadline():
    async with proxy_that_says(None) as (address, _seen):
        assert await asked(Era.M23_09, address, deadline=0.2) == INTERNAL
        assert await asked(Era.M26_8, address, deadline=0.2) == INTERNAL


async def test_old_managers_concatenate_and_new_ones_drop_the_path():
    good = http_answer(200, JSON, '{"api_version": "v2"}')
    async with proxy_that_says(good) as (address, seen):
        await asked(Era.M23_09, address + "/")
        await asked(Era.M23_09, address + "/prefix")
        await asked(Era.M26_8, address + "/prefix")
    assert [line.split()[1] for line in seen] == ["//status", "/prefix/status", "/status"]


async def test_new_managers_try_three_times_when_the_connection_breaks():
    async with proxy_that_says(b"") as (address, old):
        await asked(Era.M23_09, address)
    async with proxy_that_says(b"") as (address, new):
        await asked(Era.M26_8, address)
    assert len(new) == 3 * len(old)  # aiohttp may repeat each try once by itself


async def test_documents_have_an_error_code_from_26_on():
    error = FaultError(StatusClient(None, Era.M26_8)._refused("http://x").fault)  # type: ignore[arg-type]
    assert "error_code" not in json.loads(text_of(render(Era.M23_09, error)))
    new = render(Era.M26_8, error)
    assert json.loads(text_of(new))["error_code"] == "appproxy_request_unavailable"
    assert new.content_type == "application/problem+json"
