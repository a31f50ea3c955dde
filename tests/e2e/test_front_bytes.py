"""Front mode is not noticed: the same bytes sent directly and through the front, compared.

What may differ is said in ``SIDES_OWN``: fields of one connection, which each side has of its own,
the blanks around a value, and the version header that is added.
"""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from tests.support.apps import WAIT, AppLink, Script, raw_app, raw_client
from tests.support.node import SECRETS, node, settings

HOST = b"Host: ui.example:8080\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
ADDED = b"X-BackendAI-Wsproxy-Version: v2\r\n"
SIDES_OWN = re.compile(
    rb"(?im)^(?:Connection|Keep-Alive|TE|Proxy-Authorization|Transfer-Encoding):.*\r\n"
)
BLANKS = re.compile(rb"(?m)^([!-9;-~]+):[ \t]*([^\r]*?)[ \t]*\r\n")
CHUNKED = b"Transfer-Encoding: chunked\r\n"


@dataclass(frozen=True, slots=True)
class Case:
    """``heads``: answers that get the version header; ``ends``: the server closes at the end."""

    request: bytes
    answer: bytes = OK
    heads: int = 1
    ends: bool = False


def ask(line: bytes, fields: bytes = b"", body: bytes = b"") -> bytes:
    return line + b" HTTP/1.1\r\n" + HOST + fields + b"\r\n" + body


def says(line: bytes, fields: bytes = b"", body: bytes = b"") -> bytes:
    length = b"Content-Length: %d\r\n" % len(body)
    return b"HTTP/1.1 " + line + b"\r\n" + fields + length + b"\r\n" + body


CASES = {
    # methods
    **{
        f"{method.lower()}-without-a-body": Case(ask(method.encode() + b" /session/x?a=1&a=%20+"))
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PURGE")
    },
    **{
        f"{method.lower()}-counted": Case(
            ask(method.encode() + b" /f", b"content-LENGTH: 5\r\nX-A: 1\r\n", b"a\x00\r\n\xff")
        )
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE")
    },
    **{
        f"{method.lower()}-chunked": Case(
            ask(method.encode() + b" /f", CHUNKED, b"03;e=1\r\na\x00b\r\n0\r\nX-T: 1\r\n\r\n")
        )
        for method in ("POST", "PUT", "PATCH", "DELETE")
    },
    "head": Case(ask(b"HEAD /"), b"HTTP/1.1 200 OK\r\nContent-Length: 200\r\n\r\n"),
    "options-of-everything": Case(ask(b"OPTIONS *")),
    "preflight": Case(
        ask(b"OPTIONS /session", b"Origin: null\r\nAccess-Control-Request-Method: PUT\r\n"),
        says(b"204 x", b"Access-Control-Allow-Origin: *\r\nAccess-Control-Max-Age: 1\r\n"),
    ),
    # targets
    "odd-path": Case(ask(b"GET /func/a%2Fb//../c;x=1?q={%7B}&&=")),
    "absolute-form": Case(ask(b"GET http://ui.example:8080/a?b")),
    "long-path": Case(ask(b"GET /" + b"x" * 9000)),
    # fields
    "repeated-fields": Case(
        ask(b"GET /", b"Cookie: a=1\r\ncookie: b=2\r\nX-R: 1\r\nx-r: 2\r\nX-R: 1\r\n"),
        says(b"200 OK", b"Set-Cookie: a=1\r\nLink: <a>\r\nset-cookie: b=2\r\nLink: <b>\r\n"),
    ),
    "fields-of-another-proxy": Case(
        ask(
            b"GET /",
            b"X-Forwarded-For: 1.2.3.4, 5.6.7.8:9\r\nx-forwarded-proto: https\r\n"
            b"X-Forwarded-Host: ui\r\nX-Forwarded-URL: /x\r\nForwarded: for=_x;by=y\r\n"
            b"X-Real-IP: 9.9.9.9\r\nVia: 1.1 other\r\n",
        )
    ),
    "signed": Case(
        ask(
            b"POST /session/x/start-service",
            b"Content-Type: application/json\r\nX-BackendAI-Version: v8.20240915\r\n"
            b"Date: 2026-01-02T03:04:05.678901+00:00\r\nX-BackendAI-Domain: default\r\n"
            b"Authorization: BackendAI signMethod=HMAC-SHA256, credential=AK:ab\r\n"
            b"Content-Length: 2\r\n",
            b"{}",
        )
    ),
    "spellings-and-blanks": Case(
        ask(b"GET /", b"X-Empty:\r\nx-BLANK:  a \t b \t\r\nX-Latin: \xfc\r\nX-!#$%: y\r\n"),
        says(b"200 OK", b"X-Empty:\r\nx-BLANK:\t a  b\r\nX-Latin: \xfc\r\nDATE: never\r\n"),
    ),
    "fields-of-a-connection": Case(
        ask(b"GET /", b"Connection: keep-alive\r\nTE: trailers\r\nProxy-Authorization: x\r\n"),
        says(b"200 OK", b"Connection: keep-alive\r\nKeep-Alive: timeout=5\r\n", b"ok"),
    ),
    "permit-and-login-cookies": Case(
        ask(b"GET /", b"Cookie: AIOHTTP_SESSION=s; appproxy_permit=p; appproxy_permit_1=q\r\n")
    ),
    # answers
    **{
        f"status-{line.split(b' ')[0].decode()}": Case(ask(b"GET /"), says(line, body=b"{}"))
        for line in (
            b"200 ",
            b"201 Created",
            b"400 Bad",
            b"401 No",
            b"403 No",
            b"404 Not Found",
            b"405 No",
            b"409 x",
            b"429 Slow",
            b"500 Oh",
            b"502 Oh",
            b"503 Oh",
            b"504 Oh",
            b"599 Very odd \xc3\xbc",
        )
    },
    "204": Case(ask(b"DELETE /vfolder"), b"HTTP/1.1 204 No Content\r\nX-A: 1\r\n\r\n"),
    "205": Case(ask(b"POST /"), b"HTTP/1.1 205 Reset\r\nContent-Length: 0\r\n\r\n"),
    "304": Case(
        ask(b"GET /", b"If-None-Match: a\r\n"),
        b"HTTP/1.1 304 Not Modified\r\nETag: a\r\nContent-Length: 99\r\n\r\n",
    ),
    "redirect": Case(ask(b"GET /"), says(b"302 Found", b"Location: http://127.0.0.1:1/x\r\n")),
    "permanent-redirect": Case(ask(b"POST /"), says(b"308 P", b"Location: ?a b\r\n")),
    "gzip": Case(
        ask(b"GET /", b"Accept-Encoding: gzip, br\r\n"),
        says(b"200 OK", b"Content-Encoding: gzip\r\nVary: *\r\n", b"\x1f\x8b\x08\x00no"),
    ),
    "range": Case(
        ask(b"GET /", b"Range: bytes=1-2\r\n"),
        says(b"206 Part", b"Content-Range: bytes 1-2/9\r\nAccept-Ranges: bytes\r\n", b"ab"),
    ),
    "chunked-answer": Case(
        ask(b"GET /"),
        b"HTTP/1.1 200 OK\r\n" + CHUNKED + b"Trailer: X-T\r\n\r\n"
        b"0002;e\r\nok\r\n1\r\n\r\r\n00\r\nX-T: 1\r\n\r\n",
    ),
    "events": Case(
        ask(b"GET /events/session", b"Accept: text/event-stream\r\n"),
        b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nX-Accel-Buffering: no\r\n"
        + CHUNKED
        + b"\r\n9\r\ndata: 1\n\n\r\n9\r\ndata: 2\n\n\r\n0\r\n\r\n",
    ),
    "until-the-end": Case(ask(b"GET /"), b"HTTP/1.1 200 OK\r\n\r\nuntil the end", ends=True),
    "closing": Case(
        ask(b"GET /", b"Connection: close\r\n"),
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
        ends=True,
    ),
    "early-hints": Case(
        ask(b"GET /"),
        b"HTTP/1.1 103 Early Hints\r\nLink: <a>\r\nLink: <b>\r\n\r\n"
        b"HTTP/1.1 102 Processing\r\n\r\n" + OK,
    ),
    "expect": Case(
        ask(b"PUT /", b"Expect: 100-continue\r\nContent-Length: 3\r\n", b"abc"),
        b"HTTP/1.1 100 Continue\r\n\r\n" + OK,
    ),
    "no-names-taken": Case(
        ask(b"GET /", b"X-BackendAI-SessionID: s\r\nX-BackendAI-Speaker: me\r\n"),
        says(b"200 OK", b"X-BackendAI-SessionID: s\r\nCache-Control: private\r\nServer: x\r\n"),
    ),
}


def answering(case: Case) -> Script:
    """The answer once the whole request has arrived."""
    body = case.request.partition(b"\r\n\r\n")[2]

    async def script(link: AppLink) -> None:
        await link.until(b"\r\n\r\n" + body)
        await link.send(case.answer)
        if not case.ends:
            await link.end()

    return script


async def talk(port: int, request: bytes, size: int, ends: bool) -> bytes:
    """The answer; ``size`` of it, or all until the server ends."""
    async with raw_client(port) as client:
        await client.send(request)
        try:
            return await (client.end() if ends else client.size(size))
        except TimeoutError:
            raise AssertionError(f"{len(client.received)} of {size}: {client.received!r}") from None


@contextlib.asynccontextmanager
async def front_of(port: int) -> AsyncIterator[int]:
    endpoint = f"http://127.0.0.1:{port}"
    config = settings(manager={"endpoint": endpoint, "forward": True}, v2={**SECRETS})
    async with node(config) as gateway:
        yield int(gateway.api.rpartition(":")[2])


def kept(raw: bytes) -> bytes:
    """Without what is each side's own."""
    return BLANKS.sub(rb"\1: \2\r\n", SIDES_OWN.sub(b"", raw.replace(ADDED, b"")))


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
async def test_nothing_is_noticed(case):
    async with raw_app(answering(case)) as direct:
        wanted = await talk(direct.port, case.request, len(case.answer), case.ends)
    assert wanted == case.answer
    async with raw_app(answering(case)) as manager, front_of(manager.port) as port:
        changed = kept(case.answer)
        framing = len(CHUNKED) if b"Transfer-Encoding" in case.answer else 0
        size = len(changed) + case.heads * len(ADDED) + framing
        got = await talk(port, case.request, size, case.ends)
        (link,) = manager.links
        assert kept(got) == changed
        assert got.count(ADDED) == case.heads
        assert kept(link.received) == kept(direct.received)
        assert (CHUNKED in link.received) == (CHUNKED in case.request)


async def test_requests_in_a_row_are_answered_in_order():
    requests = [ask(b"GET /%d" % number) for number in range(3)]
    answers = [says(b"20%d x" % number, body=b"%d" % number) for number in range(3)]

    async def script(link: AppLink) -> None:
        """Each connection answers by what it is asked: several may be used."""
        seen = 0
        while True:
            while link.received.count(b"\r\n\r\n") <= seen:
                if not await link._more():
                    return
            number = int(link.received.split(b"GET /")[seen + 1][:1])
            seen += 1
            await link.send(answers[number])

    everything = b"".join(answers)
    async with raw_app(script) as manager, front_of(manager.port) as port:
        got = await talk(port, b"".join(requests), len(everything) + 3 * len(ADDED), False)
        assert got.replace(ADDED, b"") == everything
        assert sorted(manager.received.split(b"GET ")) == sorted(b"".join(requests).split(b"GET "))


async def test_long_bodies_are_the_same_both_ways():
    size = 3_000_000
    sent = bytes(range(256)) * (size // 256)
    counted = b"Content-Length: %d\r\n" % len(sent)

    async def script(link: AppLink) -> None:
        head = await link.head()
        await link.size(len(head) + len(sent))
        await link.send(b"HTTP/1.1 200 OK\r\n" + counted + b"\r\n" + sent[::-1])
        await link.end()

    async with raw_app(script) as manager, front_of(manager.port) as port:
        async with raw_client(port) as client:
            await client.send(ask(b"PUT /f", counted, sent))
            head = await client.head()
            assert await client.size(len(sent)) == sent[::-1]
            assert head == b"HTTP/1.1 200 OK\r\n" + counted + ADDED + b"\r\n"
        assert manager.received == ask(b"PUT /f", counted, sent)


async def test_an_answer_of_http_1_0_is_one_of_1_1_that_ends():
    async def script(link: AppLink) -> None:
        await link.head()
        await link.send(b"HTTP/1.0 200 OK\r\nX-A: 1\r\n\r\nold")

    async with raw_app(script) as manager, front_of(manager.port) as port:
        got = await talk(port, ask(b"GET /"), 0, True)
    assert got.startswith(b"HTTP/1.1 200 OK\r\nX-A: 1\r\n")
    assert got.endswith(b"\r\n\r\nold")


async def test_events_arrive_one_by_one():
    heard = asyncio.Event()

    async def script(link: AppLink) -> None:
        await link.head()
        await link.send(b"HTTP/1.1 200 OK\r\n" + CHUNKED + b"\r\n9\r\ndata: 1\n\n\r\n")
        await asyncio.wait_for(heard.wait(), WAIT)
        await link.send(b"9\r\ndata: 2\n\n\r\n0\r\n\r\n")
        await link.end()

    async with raw_app(script) as manager, front_of(manager.port) as port:
        async with raw_client(port) as client:
            await client.send(ask(b"GET /events"))
            await client.until(b"data: 1\n\n\r\n")
            heard.set()
            assert await client.until(b"0\r\n\r\n") == b"9\r\ndata: 2\n\n\r\n0\r\n\r\n"


async def test_an_answer_that_is_cut_is_seen_cut():
    async def script(link: AppLink) -> None:
        await link.head()
        await link.send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nonly")

    async with raw_app(script) as manager, front_of(manager.port) as port:
        async with raw_client(port) as client:
            await client.send(ask(b"GET /"))
            assert b"Content-Length: 9\r\n" in await client.head()
            with contextlib.suppress(ConnectionError):
                assert await client.end() in (b"only", b"")
