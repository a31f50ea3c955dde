"""What must never reach an app: 400 (or 408, 414, 431), closed, and nothing at the app."""

import pytest

from tests.support.apps import eventually, exchange, just_read, raw_app, raw_client
from tests.support.gateway import gateway
from wsproxy.core.framing import HeadLimits
from wsproxy.data.rules import EngineRules

H = b"Host: h\r\n"
POST = b"POST / HTTP/1.1\r\n" + H
SMUGGLED = b"GET /admin HTTP/1.1\r\nHost: h\r\n\r\n"

BAD = {
    "cl-te": POST + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "te-cl": POST + b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n",
    "cl-cl": POST + b"Content-Length: 4\r\nContent-Length: 5\r\n\r\nabcd",
    "cl-same-twice": POST + b"Content-Length: 4\r\nContent-Length: 4\r\n\r\nabcd",
    "cl-list": POST + b"Content-Length: 4, 4\r\n\r\nabcd",
    "cl-plus": POST + b"Content-Length: +4\r\n\r\nabcd",
    "cl-minus": POST + b"Content-Length: -4\r\n\r\nabcd",
    "cl-hex": POST + b"Content-Length: 0x4\r\n\r\nabcd",
    "cl-empty": POST + b"Content-Length:\r\n\r\n",
    "cl-underscore": POST + b"Content-Length: 1_0\r\n\r\n0123456789",
    "cl-huge": POST + b"Content-Length: 99999999999999999999\r\n\r\n",
    "te-identity": POST + b"Transfer-Encoding: identity\r\n\r\n",
    "te-gzip-chunked": POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "te-chunked-gzip": POST + b"Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
    "te-twice": POST + b"Transfer-Encoding: chunked\r\n" * 2 + b"\r\n0\r\n\r\n",
    "te-x": POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "te-vt": POST + b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
    "te-1.0": b"POST / HTTP/1.0\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "te-space": POST + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    "te-tab": POST + b"Transfer-Encoding\t: chunked\r\n\r\n0\r\n\r\n",
    "bare-lf": b"GET / HTTP/1.1\nHost: h\n\n",
    "bare-lf-inside": b"GET / HTTP/1.1\r\nHost: h\nX: 1\r\n\r\n",
    "bare-lf-end": b"GET / HTTP/1.1\r\nHost: h\r\n\n",
    "bare-cr": b"GET / HTTP/1.1\r\nHost: h\r\nX: a\rb\r\n\r\n",
    "bare-cr-line": b"GET / HTTP/1.1\rHost: h\r\n\r\n",
    "space-before-colon": b"GET / HTTP/1.1\r\nHost : h\r\n\r\n",
    "fold": b"GET / HTTP/1.1\r\nHost: h\r\nX: 1\r\n 2\r\n\r\n",
    "fold-first": b"GET / HTTP/1.1\r\n X: 1\r\nHost: h\r\n\r\n",
    "nul-in-value": b"GET / HTTP/1.1\r\nHost: h\r\nX: a\x00b\r\n\r\n",
    "control-in-value": b"GET / HTTP/1.1\r\nHost: h\r\nX: a\x01b\r\n\r\n",
    "del-in-value": b"GET / HTTP/1.1\r\nHost: h\r\nX: a\x7fb\r\n\r\n",
    "control-in-name": b"GET / HTTP/1.1\r\nHost: h\r\nX\x01: a\r\n\r\n",
    "high-byte-in-name": b"GET / HTTP/1.1\r\nHost: h\r\nX\xe9: a\r\n\r\n",
    "control-in-target": b"GET /a\x01 HTTP/1.1\r\nHost: h\r\n\r\n",
    "space-in-target": b"GET /a b HTTP/1.1\r\nHost: h\r\n\r\n",
    "high-byte-in-target": b"GET /\xc3\xa9 HTTP/1.1\r\nHost: h\r\n\r\n",
    "tab-in-line": b"GET\t/ HTTP/1.1\r\nHost: h\r\n\r\n",
    "no-host": b"GET / HTTP/1.1\r\nX: 1\r\n\r\n",
    "two-hosts": b"GET / HTTP/1.1\r\nHost: h\r\nHost: g\r\n\r\n",
    "same-host-twice": b"GET / HTTP/1.1\r\nHost: h\r\nHost: h\r\n\r\n",
    "host-list": b"GET / HTTP/1.1\r\nHost: a, b\r\n\r\n",
    "host-user": b"GET / HTTP/1.1\r\nHost: a@b\r\n\r\n",
    "host-path": b"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n",
    "host-port": b"GET / HTTP/1.1\r\nHost: a:b\r\n\r\n",
    "version-1.2": b"GET / HTTP/1.2\r\nHost: h\r\n\r\n",
    "version-2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "version-lower": b"GET / http/1.1\r\nHost: h\r\n\r\n",
    "version-0.9": b"GET /\r\n\r\n",
    "version-long": b"GET / HTTP/1.10\r\nHost: h\r\n\r\n",
    "no-colon": b"GET / HTTP/1.1\r\nHost: h\r\nnonsense\r\n\r\n",
    "empty-name": b"GET / HTTP/1.1\r\nHost: h\r\n: x\r\n\r\n",
    "absolute-elsewhere": b"GET http://other/ HTTP/1.1\r\nHost: h\r\n\r\n",
    "target-without-slash": b"GET x HTTP/1.1\r\nHost: h\r\n\r\n",
    "star": b"GET * HTTP/1.1\r\nHost: h\r\n\r\n",
    "garbage": b"\x00\x01\x02\x03garbage",
    "text": b"hello there, this is no request\r\n\r\n",
    "quoted-method": b'"GET" / HTTP/1.1\r\nHost: h\r\n\r\n',
    "tls": bytes.fromhex("16030100c5010000c1030300") + bytes(189),
    "blank-lines": b"\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n",
}  # fmt: skip

BAD_CHUNKS = {
    "letters": b"zz\r\nabc\r\n0\r\n\r\n",
    "negative": b"-1\r\nabc\r\n0\r\n\r\n",
    "prefix": b"0x3\r\nabc\r\n0\r\n\r\n",
    "space-before": b" 3\r\nabc\r\n0\r\n\r\n",
    "space-after": b"3 \r\nabc\r\n0\r\n\r\n",
    "space-before-extension": b"3 ;a\r\nabc\r\n0\r\n\r\n",
    "empty-size": b"\r\nabc\r\n0\r\n\r\n",
    "lf-after-size": b"3\nabc\r\n0\r\n\r\n",
    "lf-in-extension": b"3;a\nabc\r\n0\r\n\r\n",
    "cr-in-extension": b"3;a\rb\r\nabc\r\n0\r\n\r\n",
    "too-long": b"3\r\nabcd\r\n0\r\n\r\n",
    "lf-after-data": b"3\r\nabc\n0\r\n\r\n",
    "overflow": b"fffffffffffffffff\r\nabc\r\n0\r\n\r\n",
    "lf-trailer": b"0\r\nX: 1\n\r\n",
    "bad-trailer": b"0\r\nX : 1\r\n\r\n",
    "smuggling-trailer": b"0\r\nContent-Length: 5\r\n\r\n",
    "long-extension": b"3;" + b"x" * 5000 + b"\r\nabc\r\n0\r\n\r\n",
    "long-trailers": b"0\r\n" + b"X: 1234567890123456789012345678\r\n" * 600 + b"\r\n",
}
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"


async def refused(data: bytes, status: int, code: bytes, rules: EngineRules | None = None) -> bytes:
    async with raw_app() as app, gateway(app, rules=rules) as gw:
        answer = await exchange(gw.port, data)
        assert answer.startswith(b"HTTP/1.1 %d " % status), answer
        assert answer.count(b"HTTP/1.1 ") == 1
        assert code in answer
        assert b"Connection: close\r\n" in answer
        assert b"X-BackendAI-Wsproxy-Version: v2\r\n" in answer
        assert b"X-BackendAI-Speaker: gateway\r\n" in answer
        assert app.links == []
        return answer


@pytest.mark.parametrize("name", BAD)
async def test_a_bad_head_is_refused_and_nothing_reaches_the_app(name: str):
    await refused(BAD[name] + SMUGGLED, 400, b"probs/malformed-request")


@pytest.mark.parametrize("name", BAD_CHUNKS)
async def test_a_bad_chunk_with_the_head_never_reaches_the_app(name: str):
    await refused(CHUNKED + BAD_CHUNKS[name] + SMUGGLED, 400, b"malformed-request")


@pytest.mark.parametrize("name", BAD_CHUNKS)
async def test_a_bad_chunk_later_aborts_the_request_at_the_app(name: str):
    async with raw_app(just_read) as app, gateway(app) as gw:
        async with raw_client(gw.port) as client:
            await client.send(CHUNKED + b"5\r\nhello\r\n")
            link = await app.link()
            await eventually(lambda: link.received.endswith(b"hello\r\n"))
            await client.send(BAD_CHUNKS[name] + SMUGGLED)
            answer = await client.end()
            assert answer.startswith(b"HTTP/1.1 400 ")
            await link.ended.wait()
            assert link.received.endswith(b"\r\n\r\n5\r\nhello\r\n")
            outcome = await gw.site.outcome()
            assert outcome.status == 400
            assert outcome.failure is not None
            assert outcome.failure.side == "client"
            assert outcome.failures == []


LIMITS = EngineRules(head=HeadLimits(head_bytes=2000, target_bytes=500, fields=10))


@pytest.mark.parametrize(
    ("data", "status", "code"),
    [
        (b"GET / HTTP/1.1\r\n" + H + b"X: " + b"a" * 3000 + b"\r\n\r\n", 431, b"head-too-large"),
        (b"GET / HTTP/1.1\r\n" + H + b"X: " + b"a" * 3000, 431, b"head-too-large"),
        (b"GET / HTTP/1.1\r\n" + H + b"X: 1\r\n" * 11 + b"\r\n", 431, b"head-too-large"),
        (b"GET / HTTP/1.1\r\n" + H + b"X: 1\r\n" * 30, 431, b"head-too-large"),
        (b"GET /" + b"a" * 600 + b" HTTP/1.1\r\n" + H + b"\r\n", 414, b"uri-too-long"),
        (b"GET /" + b"a" * 3000, 414, b"uri-too-long"),
    ],
)
async def test_a_head_over_a_limit(data: bytes, status: int, code: bytes):
    await refused(data, status, code, LIMITS)


async def test_a_head_at_the_limit_passes():
    line = b"GET /" + b"a" * 499 + b" HTTP/1.1\r\n" + H + b"Connection: close\r\n"
    head = line + b"X: 1\r\n" * 7 + b"Y: "
    head += b"y" * (2000 - len(head) - 4) + b"\r\n\r\n"
    async with raw_app() as app, gateway(app, rules=LIMITS) as gw:
        assert (await exchange(gw.port, head)).startswith(b"HTTP/1.1 200 ")


async def test_a_head_that_never_ends_is_408_and_closed():
    rules = EngineRules(head_seconds=0.05)
    await refused(b"GET / HTTP/1.1\r\nHost: h\r\nX: ", 408, b"head-timeout", rules)


async def test_a_head_in_drips_is_not_given_more_time():
    async with raw_app() as app, gateway(app, rules=EngineRules(head_seconds=0.1)) as gw:
        async with raw_client(gw.port) as client:
            for byte in b"GET / HTTP/1.1\r\nX: aaa":
                await client.send(bytes([byte]))
            assert (await client.end()).startswith(b"HTTP/1.1 408 ")
            assert app.links == []


async def test_a_connection_without_a_request_is_closed_silently():
    async with raw_app() as app, gateway(app, rules=EngineRules(head_seconds=0.05)) as gw:
        assert await exchange(gw.port, b"") == b""


async def test_a_resting_connection_is_closed_silently():
    async with raw_app() as app, gateway(app, rules=EngineRules(idle=0.05)) as gw:
        async with raw_client(gw.port) as client:
            await client.send(SMUGGLED)
            await client.answer()
            assert await client.end() == b""


async def test_a_second_request_that_is_bad_is_refused_after_the_first_answer():
    async with raw_app() as app, gateway(app) as gw, raw_client(gw.port) as client:
        await client.send(SMUGGLED + b"GET / HTTP/1.1\nHost: h\n\n")
        assert (await client.answer())[1] == b"ok"
        assert (await client.end()).startswith(b"HTTP/1.1 400 ")
        assert app.received.count(b"HTTP/1.1") == 1


async def test_connect_is_refused():
    await refused(b"CONNECT h:22 HTTP/1.1\r\nHost: h:22\r\n\r\n", 405, b"method-not-allowed")


@pytest.mark.parametrize("line", [b"GET http://H/x HTTP/1.1", b"OPTIONS * HTTP/1.1"])
async def test_unusual_targets_pass_untouched(line: bytes):
    async with raw_app() as app, gateway(app) as gw, raw_client(gw.port) as client:
        await client.send(b"\r\n" + line + b"\r\n" + H + b"\r\n")
        await client.answer()
        assert app.received.startswith(line + b"\r\n")
