"""What must never reach an app: 400 (or 408, 414, 431), closed, and nothing at the app."""

import asyncio

import pytest

from tests.support.apps import eventually, exchange, just_read, raw_app, raw_client
from tests.support.bad_requests import BAD, BAD_CHUNKS, CHUNKED, SMUGGLED, H
from tests.support.gateway import gateway
from wsproxy.core.framing import HeadLimits
from wsproxy.data.rules import EngineRules


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
    rules = EngineRules(head_seconds=1.0)  # the beginning must have arrived
    await refused(b"GET / HTTP/1.1\r\nHost: h\r\nX: ", 408, b"head-timeout", rules)


async def test_a_head_in_drips_is_not_given_more_time():
    rules = EngineRules(head_seconds=1.0, linger=60)
    async with raw_app() as app, gateway(app, rules=rules) as gw:
        async with raw_client(gw.port) as client:

            async def drip() -> None:
                await client.send(b"GET / HTTP/1.1\r\nX: ")
                while True:  # as long as nobody hangs up
                    await client.send(b"a")
                    await asyncio.sleep(0.02)

            dripping = asyncio.ensure_future(drip())
            assert (await client.end()).startswith(b"HTTP/1.1 408 ")
            dripping.cancel()
            await asyncio.gather(dripping, return_exceptions=True)
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
