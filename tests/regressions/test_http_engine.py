"""Defects seen in upstream's data planes (observed 6 and 7) that this engine must not have."""

import asyncio

import pytest

from tests.support.apps import (
    OK,
    WAIT,
    AppLink,
    answering,
    eventually,
    exchange,
    just_read,
    raw_app,
    raw_client,
    unused_port,
)
from tests.support.gateway import CIRCUIT, gateway
from tests.support.messages import EXPECTING, GET, SWITCH, UPGRADE, echo_after_101
from wsproxy.core.circuit import CloseReason, Direct
from wsproxy.core.failure import FailureKind, Side
from wsproxy.core.pooling import PoolRules
from wsproxy.data.rules import EngineRules


async def test_d19_no_framing_is_invented_for_a_request_without_a_body():
    async with raw_app() as app, gateway(app) as gw, raw_client(gw.port) as client:
        await client.send(GET)
        await client.answer()
        seen = (await app.link()).received.lower()
        for name in (b"transfer-encoding", b"content-length", b"content-type", b"accept"):
            assert name not in seen
        assert b"user-agent" not in seen


async def test_d19_hop_by_hop_fields_are_removed_both_ways():
    answer = (
        b"HTTP/1.1 200 OK\r\nConnection: keep-alive, X-Private\r\nX-Private: 1\r\nKeep-Alive: 5\r\n"
        b"Content-Length: 2\r\n\r\nok"
    )
    async with raw_app(answering(answer)) as app, gateway(app) as gw:
        async with raw_client(gw.port) as client:
            await client.send(
                b"GET / HTTP/1.1\r\nHost: h\r\nConnection: keep-alive, X-Secret, Host\r\n"
                b"X-Secret: 1\r\nTE: trailers\r\nKeep-Alive: 9\r\nUpgrade: foo\r\n"
                b"Proxy-Authorization: x\r\nX-Kept: 1\r\n\r\n"
            )
            head, _ = await client.answer()
            assert b"Private" not in head
            assert b"eep-" not in head
            seen = (await app.link()).received
            for name in (b"Secret", b"TE:", b"Keep-", b"Upgrade", b"Proxy-", b"Connection"):
                assert name not in seen
            assert b"X-Kept: 1\r\n" in seen
            assert b"Host: h\r\n" in seen


@pytest.mark.parametrize("code", [b"100 Continue", b"102 Processing", b"103 Early Hints"])
async def test_d19_interim_answers_pass(code: bytes):
    async def app_script(link: AppLink) -> None:
        await link.head()
        await link.send(b"HTTP/1.1 " + code + b"\r\nLink: </a>\r\nLink: </b>\r\n\r\n")
        await link.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    async with raw_app(app_script) as app, gateway(app) as gw, raw_client(gw.port) as client:
        await client.send(GET)
        interim = await client.head()
        assert interim == b"HTTP/1.1 " + code + b"\r\nLink: </a>\r\nLink: </b>\r\n\r\n"
        _, body = await client.answer()
        assert body == b"ok"


async def test_d19_expect_that_the_app_ignores_does_not_hang():
    async def app_script(link: AppLink) -> None:
        await link.until(b"body")
        await link.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    async with raw_app(app_script) as app, gateway(app) as gw, raw_client(gw.port) as client:
        await client.send(EXPECTING)
        link = await app.link()
        await eventually(lambda: b"\r\n\r\n" in link.received)
        assert client.received == b""
        await client.send(b"body")  # the client's own timer
        assert (await client.answer())[1] == b"ok"


async def test_d20_the_connection_to_the_app_is_kept():
    async with raw_app() as app, gateway(app) as gw:
        for _ in range(2):
            async with raw_client(gw.port) as client:
                for _ in range(5):
                    await client.send(GET)
                    await client.answer()
        assert len(app.links) == 1


async def test_d07_a_dead_container_for_a_browser_is_a_502_page():
    async with gateway(Direct("127.0.0.1", await unused_port())) as gw:
        request = b"GET / HTTP/1.1\r\nHost: h\r\nAccept: text/html\r\nConnection: close\r\n\r\n"
        answer = await exchange(gw.port, request)
        assert answer.startswith(b"HTTP/1.1 502 Bad Gateway\r\nContent-Type: text/html")
        assert answer.endswith(b"</html>")


async def test_d21_a_client_that_leaves_a_quiet_stream_is_noticed_at_once():
    async def app_script(link: AppLink) -> None:
        await link.head()
        await link.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
        await link.end()

    async with raw_app(app_script) as app, gateway(app) as gw:
        async with raw_client(gw.port) as client:
            await client.send(GET)
            await client.head()
        await asyncio.wait_for(app.links[0].ended.wait(), WAIT)
        outcome = await gw.site.outcome()
        assert outcome.failure is not None
        assert outcome.failure.side is Side.CLIENT
        assert outcome.failures == []


@pytest.mark.parametrize("how", ["close", "reset"])
async def test_d21_a_client_that_leaves_before_the_answer(how: str):
    async with raw_app(just_read) as app, gateway(app) as gw:
        async with raw_client(gw.port) as client:
            await client.send(GET)
            link = await app.link()
            await eventually(lambda: link.received.endswith(b"\r\n\r\n"))
            if how == "reset":
                client.reset()
        await asyncio.wait_for(link.ended.wait(), WAIT)
        assert (await gw.site.outcome()).status == 0


async def test_bug_three_clients_that_abort_harm_nobody():
    """Observed 7: upstream then answered 503 to everybody."""

    async def app_script(link: AppLink) -> None:
        await link.head()
        if b"/slow" in link.received:
            await link.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nabc")
            await link.end()
        else:
            await link.send(OK)

    async with raw_app(app_script) as app, gateway(app) as gw:
        for number in range(3):
            async with raw_client(gw.port) as client:
                await client.send(b"GET /slow HTTP/1.1\r\nHost: h\r\n\r\n")
                await client.until(b"abc")
                client.reset()
            outcome = await gw.site.outcome(number)
            assert outcome.failures == []
            assert outcome.failure is not None
            assert outcome.failure.side is Side.CLIENT
        async with raw_client(gw.port) as client:
            await client.send(GET)
            assert (await client.answer())[1] == b"ok"


async def test_d03_the_first_byte_deadline_does_not_cut_a_slow_answer():
    async def app_script(link: AppLink) -> None:
        await link.head()
        await link.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no")
        await asyncio.sleep(2.0)
        await link.send(b"k")

    async with raw_app(app_script) as app, gateway(app, rules=EngineRules(first_byte=1.5)) as gw:
        async with raw_client(gw.port) as client:
            await client.send(GET)
            assert (await client.answer())[1] == b"ok"


async def test_d06_a_refused_upgrade_stays_refused_and_the_connection_may_stay():
    refusal = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno"
    async with raw_app(answering(refusal)) as app, gateway(app) as gw:
        async with raw_client(gw.port) as client:
            for _ in range(2):
                await client.send(UPGRADE)
                head, body = await client.answer()
                assert head.startswith(b"HTTP/1.1 403 Forbidden\r\n")
                assert b"close" not in head
                assert body == b"no"


async def test_d06_a_dead_backend_refuses_the_upgrade_with_502():
    async with gateway(Direct("127.0.0.1", await unused_port())) as gw:
        async with raw_client(gw.port) as client:
            await client.send(UPGRADE)
            assert (await client.head()).startswith(b"HTTP/1.1 502 ")


async def test_d01_either_side_s_end_is_told_at_once():
    async with raw_app(echo_after_101) as app, gateway(app) as gw:
        async with raw_client(gw.port) as client:
            await client.send(UPGRADE)
            await client.until(b"app")
        await asyncio.wait_for(app.links[0].ended.wait(), WAIT)
        async with raw_client(gw.port) as client:
            await client.send(UPGRADE)
            await client.until(b"app")
            app.links[1].reset()
            with pytest.raises(ConnectionResetError):
                await client.end()
        outcome = await gw.site.outcome(1)
        assert outcome.failure is not None
        assert (outcome.failure.kind, outcome.failure.side) == (FailureKind.CUT, Side.APP)


async def test_d22_large_messages_pass_untouched():
    size = 5 * 1024 * 1024
    payload = bytes(range(256)) * (size // 256)

    async def app_script(link: AppLink) -> None:
        head = await link.head()
        await link.send(SWITCH)
        body = (await link.size(len(head) + size))[len(head) :]
        await link.send(body)
        await link.end()

    async with raw_app(app_script) as app, gateway(app) as gw, raw_client(gw.port) as client:
        await client.send(UPGRADE)
        await client.head()
        await client.send(payload)
        assert await client.size(size) == payload


async def test_bug_tunnels_take_no_place_of_the_pool():
    """Observed 7: WebSockets counted against the limit, and the 69th new one failed."""
    rules = EngineRules(pool=PoolRules(total=1), slot_wait=0.5)
    async with raw_app(echo_after_101) as app, gateway(app, rules=rules) as gw:
        async with raw_client(gw.port) as one, raw_client(gw.port) as two:
            for client in (one, two):
                await client.send(UPGRADE)
                assert (await client.head()).startswith(b"HTTP/1.1 101 ")
            assert len(gw.engine.open.tunnels) == 2


async def test_d23_the_end_of_a_circuit_ends_its_tunnels_with_a_reason():
    async def app_script(link: AppLink) -> None:
        await link.head()
        await link.send(SWITCH + b"\x82\x05hello")
        await link.end()

    async with raw_app(app_script) as app, gateway(app) as gw, raw_client(gw.port) as client:
        await client.send(UPGRADE)
        await client.until(b"hello")
        assert gw.engine.activity.meter(CIRCUIT).connections == 1
        assert gw.engine.open.end_circuit(CIRCUIT, CloseReason.SESSION_ENDED) == 1
        assert await client.end() == b"\x88\x0f\x03\xe9session-ended"
        await asyncio.wait_for(app.links[0].ended.wait(), WAIT)


async def test_d23_no_reason_is_put_into_the_middle_of_a_frame():
    async def app_script(link: AppLink) -> None:
        await link.head()
        await link.send(SWITCH + b"\x82\x09hello")
        await link.end()

    async with raw_app(app_script) as app, gateway(app) as gw, raw_client(gw.port) as client:
        await client.send(UPGRADE)
        await client.until(b"hello")
        assert gw.engine.open.end_circuit(CIRCUIT, CloseReason.SESSION_ENDED) == 1
        assert await client.end() == b""
