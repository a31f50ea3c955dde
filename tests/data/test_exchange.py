"""Plain HTTP through the engine: what the app saw, and what the client saw, byte by byte."""

import asyncio
from typing import cast

import pytest

from tests.support.apps import (
    OK,
    AppLink,
    answering,
    eventually,
    exchange,
    raw_app,
    raw_client,
)
from tests.support.gateway import gateway
from tests.support.messages import EXPECTING, GET, UPGRADE, eventually_ends
from wsproxy.core.heads import Peer, RequestHead
from wsproxy.core.problem import Problem
from wsproxy.core.wire import Version
from wsproxy.data.rules import EngineRules
from wsproxy.data.site import HandOver, Plan, Refuse, Reply


async def test_a_request_and_its_answer_pass():
    async with raw_app() as app, gateway(app) as gw, raw_client(gw.port) as client:
        await client.send(
            b"GET /a/../b%2Fc?q=%41 HTTP/1.1\r\nHost: a.example:81\r\nX-A: 1\r\nx-a:  2 \r\n\r\n"
        )
        head, body = await client.answer()
        assert body == b"ok"
        assert head.startswith(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n")
        assert b"X-BackendAI-Wsproxy-Version: v2\r\n" in head
        assert b"Speaker" not in head
        seen = await (await app.link()).head()
        assert seen.startswith(
            b"GET /a/../b%2Fc?q=%41 HTTP/1.1\r\nHost: a.example:81\r\nX-A: 1\r\nx-a: 2\r\n"
        )
        assert b"X-Forwarded-For: 127.0.0.1\r\n" in seen
        outcome = await gw.site.outcome()
        assert (outcome.status, outcome.failure, outcome.route) == (200, None, gw.site.routes[0])


async def test_a_counted_body_passes_untouched_in_pieces():
    async def app_script(link: AppLink) -> None:
        await link.until(b"\r\n\r\nabc")
        await link.until(b"defgh")
        await link.send(b"HTTP/1.1 200 Fine\r\nContent-Length: 6\r\n\r\n123")
        await link.until(b"never")  # the rest is sent by the test

    async with raw_app(app_script) as app, gateway(app) as gw, raw_client(gw.port) as client:
        await client.send(b"POST / HTTP/1.1\r\nHost: h\r\ncontent-LENGTH: 8\r\n\r\nabc")
        link = await app.link()
        await eventually(lambda: link.received.endswith(b"abc"))
        await client.send(b"defgh")
        assert (await client.head()).startswith(b"HTTP/1.1 200 Fine\r\n")
        assert await client.size(3) == b"123"
        await link.send(b"456")
        assert await client.size(3) == b"456"
        assert b"content-LENGTH: 8\r\n" in link.received
        meter = next(iter(gw.engine.activity.meters.values()))
        assert (meter.requests, meter.bytes_in) == (1, 8)
        assert meter.bytes_out == len(client.received)
        assert meter.last_user_bytes > 0


@pytest.mark.parametrize(
    ("method", "answer"),
    [
        (b"HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"),
        (b"HEAD", b"HTTP/1.1 200 OK\r\n\r\n"),
        (b"GET", b"HTTP/1.1 204 No Content\r\n\r\n"),
        (b"GET", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 1000\r\nETag: x\r\n\r\n"),
        (b"DELETE", b"HTTP/1.1 204\r\n\r\n"),
    ],
)
async def test_answers_without_a_body_keep_the_connection(method: bytes, answer: bytes):
    async with raw_app(answering(answer)) as app, gateway(app) as gw:
        async with raw_client(gw.port) as client:
            for _ in range(2):
                await client.send(method + b" / HTTP/1.1\r\nHost: h\r\n\r\n")
                head = await client.head()
                for line in answer.split(b"\r\n")[1:-2]:
                    assert line + b"\r\n" in head
                assert b"close" not in head
            assert client.received.count(b"HTTP/1.1") == 2
            assert len(app.links) == 1


async def test_interim_and_final_answer_in_one_piece():
    both = b"HTTP/1.1 103 Early\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
    async with raw_app(answering(both)) as app, gateway(app) as gw, raw_client(gw.port) as client:
        await client.send(GET)
        assert b"103 Early" in await client.head()
        assert (await client.answer())[1] == b"ok"


async def test_expect_is_answered_by_the_app():
    async def app_script(link: AppLink) -> None:
        head = await link.head()
        assert link.received == head
        await link.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        await link.until(b"body")
        await link.send(b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n")

    async with raw_app(app_script) as app, gateway(app) as gw, raw_client(gw.port) as client:
        await client.send(EXPECTING)
        assert await client.head() == b"HTTP/1.1 100 Continue\r\n\r\n"
        await client.send(b"body")
        assert (await client.head()).startswith(b"HTTP/1.1 201 Created\r\n")
        assert b"Expect: 100-continue\r\n" in app.received


async def test_expect_that_the_app_refuses():
    async with raw_app(answering(b"HTTP/1.1 417 No\r\nContent-Length: 0\r\n\r\n")) as app:
        async with gateway(app) as gw:
            answer = await exchange(gw.port, EXPECTING)
            assert answer.startswith(b"HTTP/1.1 417 No\r\n")
            assert b"Connection: close\r\n" in answer


async def test_an_early_answer_arrives_while_the_upload_runs():
    async def app_script(link: AppLink) -> None:
        await link.head()
        await link.send(b"HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nbig")
        await link.end()

    rules = EngineRules(linger=60)
    async with (
        raw_app(app_script) as app,
        gateway(app, rules=rules) as gw,
        raw_client(gw.port) as client,
    ):
        await client.send(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10000000\r\n\r\nabc")
        head, body = await client.answer()
        assert head.startswith(b"HTTP/1.1 413 ")
        assert b"Connection: close\r\n" in head
        assert body == b"big"
        await client.send(b"x" * 100_000)  # what was on its way does not turn into a reset
        assert await client.end() == b""
        await (await app.link()).ended.wait()


async def test_pipelined_requests_are_answered_in_order():
    async def app_script(link: AppLink) -> None:
        for number in range(3):
            await link.until(b"/%d " % number)
            await eventually_ends(link, b"\r\n\r\n")
            await link.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n%d" % number)

    async with raw_app(app_script) as app, gateway(app) as gw, raw_client(gw.port) as client:
        wanted = b"".join(b"GET /%d HTTP/1.1\r\nHost: h\r\n\r\n" % n for n in range(3))
        await client.send(wanted)
        assert [(await client.answer())[1] for _ in range(3)] == [b"0", b"1", b"2"]
        assert len(app.links) == 1


async def test_a_body_and_the_next_request_in_one_piece():
    async def app_script(link: AppLink) -> None:
        for end in (b"abc", b"\r\n0\r\n\r\n", b"http\r\n\r\n"):
            await eventually_ends(link, end)
            await link.send(OK)

    async with raw_app(app_script) as app, gateway(app) as gw, raw_client(gw.port) as client:
        one = b"POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc"
        two = b"POST /b HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
        await client.send(one + two + GET)
        for _ in range(3):
            assert (await client.answer())[1] == b"ok"
        first, second, third = (await app.link()).received.split(b" HTTP/1.1\r\n")[1:]
        assert first.endswith(b"\r\n\r\nabcPOST /b")
        assert second.endswith(b"\r\n\r\n0\r\n\r\nGET /x")
        assert third.endswith(b"\r\n\r\n")


@pytest.mark.parametrize(
    "request_head",
    [b"GET / HTTP/1.1\r\nHost: h\r\nConnection: Close\r\n\r\n", b"GET / HTTP/1.0\r\n\r\n"],
)
async def test_a_client_that_closes_gets_a_close(request_head: bytes):
    async with raw_app() as app, gateway(app) as gw:
        answer = await exchange(gw.port, request_head)
        assert b"Connection: close\r\n" in answer
        assert answer.endswith(b"\r\n\r\nok")


async def test_an_app_that_closes_is_not_used_again_and_the_client_stays():
    async def app_script(link: AppLink) -> None:
        await link.head()
        await link.send(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok")

    async with raw_app(app_script) as app, gateway(app) as gw, raw_client(gw.port) as client:
        for _ in range(2):
            await client.send(GET)
            head, _ = await client.answer()
            assert b"close" not in head
        assert len(app.links) == 2


async def test_an_app_of_http_1_0():
    async def app_script(link: AppLink) -> None:
        await link.head()
        await link.send(b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok")

    async with raw_app(app_script) as app, gateway(app) as gw, raw_client(gw.port) as client:
        for _ in range(2):
            await client.send(GET)
            head, body = await client.answer()
            assert head.startswith(b"HTTP/1.1 200 OK\r\n")
            assert body == b"ok"
        assert len(app.links) == 2


async def test_a_client_of_http_1_0_is_never_told_of_interim_answers():
    async def app_script(link: AppLink) -> None:
        head = await link.head()
        assert head.startswith(b"GET / HTTP/1.0\r\n")
        assert b"Connection: close\r\n" in head
        await link.send(b"HTTP/1.1 103 Early\r\n\r\nHTTP/1.1 200 OK\r\n\r\nbody")

    async with raw_app(app_script) as app, gateway(app) as gw:
        answer = await exchange(gw.port, b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
        assert answer.endswith(b"\r\n\r\nbody")


async def test_chunks_for_a_client_of_http_1_0_are_the_apps_fault():
    answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    async with raw_app(answering(answer)) as app, gateway(app) as gw:
        assert b" 502 " in await exchange(gw.port, b"GET / HTTP/1.0\r\n\r\n")


async def test_a_body_on_get_and_an_unlisted_method_pass():
    async with raw_app() as app, gateway(app) as gw, raw_client(gw.port) as client:
        await client.send(b"GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc")
        await client.answer()
        await client.send(b"BREW /pot HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n")
        await client.answer()
        sent = b"\r\n\r\nabcBREW /pot HTTP/1.1\r\n"
        await eventually(lambda: sent in app.received, "both requests, and the body")


async def test_the_apps_own_errors_and_fields_pass_untouched():
    answer = (
        b"HTTP/1.1 502 My Own\r\nDate: then\r\nServer: mine\r\nAccess-Control-Allow-Origin: x\r\n"
        b"X-BackendAI-Wsproxy-Version: v9\r\nContent-Length: 4\r\n\r\nmine"
    )
    async with raw_app(answering(answer)) as app, gateway(app) as gw:
        gw.site.response_headers = ((b"Set-Cookie", b"permit=1"),)
        async with raw_client(gw.port) as client:
            await client.send(GET)
            head, body = await client.answer()
            assert head == (
                b"HTTP/1.1 502 My Own\r\nDate: then\r\nServer: mine\r\n"
                b"Access-Control-Allow-Origin: x\r\nContent-Length: 4\r\n"
                b"Set-Cookie: permit=1\r\nX-BackendAI-Wsproxy-Version: v2\r\n\r\n"
            )
            assert body == b"mine"


async def test_the_target_may_be_given_by_the_site():
    async with raw_app() as app, gateway(app) as gw, raw_client(gw.port) as client:

        def planner(head: RequestHead, peer: Peer) -> Plan | None:
            gw.site.planner = lambda head, peer: None
            plan = gw.site.plan(head, peer)
            return type(plan)(**{**{f: getattr(plan, f) for f in plan.__slots__}, "target": "/n"})

        gw.site.planner = planner
        await client.send(GET)
        await client.answer()
        assert (await app.link()).received.startswith(b"GET /n HTTP/1.1\r\n")


REFUSAL = Refuse(Problem("client-ip-not-allowed", msg="<b>no</b>"), Version.V2)


@pytest.mark.parametrize(
    ("accept", "kind", "inside"),
    [
        (b"application/json", b"application/json", b'"type": "https://api.backend.ai/probs/client'),
        (b"text/html,*/*;q=0.8", b"text/html", b"&lt;b&gt;no&lt;/b&gt;"),
        (b"*/*", b"text/html", b"&lt;b&gt;no&lt;/b&gt;"),
    ],
)
async def test_a_refusal_of_the_site(accept: bytes, kind: bytes, inside: bytes):
    async with raw_app() as app, gateway(app) as gw, raw_client(gw.port) as client:
        gw.site.planner = lambda head, peer: REFUSAL
        for _ in range(2):  # the connection stays
            await client.send(b"GET / HTTP/1.1\r\nHost: h\r\nAccept: " + accept + b"\r\n\r\n")
            head, body = await client.answer()
            assert head.startswith(b"HTTP/1.1 403 Forbidden\r\nContent-Type: " + kind)
            assert inside in body
            assert b"Cache-Control: no-store\r\n" in head
            assert b"X-BackendAI-Speaker: gateway\r\n" in head
            assert b"X-BackendAI-Wsproxy-Version: v2\r\n" in head
        assert app.links == []
        assert gw.site.outcomes == []


async def test_a_refusal_of_head_has_no_body():
    async with raw_app() as app, gateway(app) as gw, raw_client(gw.port) as client:
        gw.site.planner = lambda head, peer: REFUSAL
        await client.send(b"HEAD / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
        answer = await client.end()
        assert answer.endswith(b"\r\n\r\n")
        assert b"Content-Length: 0" not in answer


async def test_a_refusal_with_an_unread_body_closes():
    async with raw_app() as app, gateway(app) as gw, raw_client(gw.port) as client:
        gw.site.planner = lambda head, peer: REFUSAL
        await client.send(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\nabc")
        answer = await client.end()
        assert answer.count(b"HTTP/1.1") == 1
        assert b"Connection: close\r\n" in answer


async def test_a_refusal_with_a_body_that_has_arrived_keeps():
    async with raw_app() as app, gateway(app) as gw, raw_client(gw.port) as client:
        gw.site.planner = lambda head, peer: REFUSAL if head.method == "POST" else None
        await client.send(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc" + GET)
        assert (await client.answer())[0].startswith(b"HTTP/1.1 403 ")
        assert (await client.answer())[1] == b"ok"


async def test_early_bytes_of_an_upgrade_that_the_site_refuses_are_no_request():
    """RFC 9931: what was meant for the other protocol may look like a request."""
    async with raw_app() as app, gateway(app) as gw:
        gw.site.planner = lambda head, peer: Refuse(Problem("generic-forbidden"), Version.V2)
        answer = await exchange(gw.port, UPGRADE + GET)
        assert answer.count(b"HTTP/1.1 ") == 1
        assert b"Connection: close\r\n" in answer
        assert len(gw.site.heads) == 1
        assert app.links == []


async def test_a_reply_of_the_site():
    reply = Reply(302, ((b"Location", b"/x"), (b"Cache-Control", b"private")), Version.V2, b"gone")
    async with raw_app() as app, gateway(app) as gw, raw_client(gw.port) as client:
        gw.site.planner = lambda head, peer: reply
        await client.send(GET)
        head, body = await client.answer()
        assert head.startswith(b"HTTP/1.1 302 Found\r\nLocation: /x\r\nCache-Control: private\r\n")
        assert b"no-store" not in head
        assert body == b"gone"


async def test_a_site_that_fails_is_a_500_without_a_trace(caplog):
    def broken(head: RequestHead, peer: Peer) -> Plan:
        raise RuntimeError("secret detail")

    async with raw_app() as app, gateway(app) as gw, raw_client(gw.port) as client:
        gw.site.planner = broken
        await client.send(GET)
        head, body = await client.answer()
        assert head.startswith(b"HTTP/1.1 500 ")
        assert b"secret" not in body
    assert "planning a request failed" in caplog.text


async def test_a_record_that_fails_harms_nobody(caplog):
    async with raw_app() as app, gateway(app) as gw, raw_client(gw.port) as client:

        def record(outcome: object) -> None:
            raise RuntimeError("bug")

        gw.site.record = record  # type: ignore[method-assign]
        await client.send(GET)
        assert (await client.answer())[1] == b"ok"
    assert "recording an exchange failed" in caplog.text


async def test_too_many_connections_of_one_client():
    async with raw_app() as app, gateway(app, rules=EngineRules(per_client=1)) as gw:
        async with raw_client(gw.port) as first:
            await first.send(GET)
            await first.answer()
            assert (await exchange(gw.port, b"")).startswith(b"HTTP/1.1 429 ")
        await eventually(lambda: not gw.engine.open.clients)
        async with raw_client(gw.port) as again:
            await again.send(GET)
            assert (await again.answer())[1] == b"ok"


async def test_deadlines_share_a_wheel_and_leave_it():
    rules = EngineRules(total=600, idle=600, first_byte=600)
    async with raw_app() as app, gateway(app, rules=rules) as gw:
        async with raw_client(gw.port) as one, raw_client(gw.port) as two:
            wheel = gw.engine.open.wheel
            for client in (one, two, one):
                await client.send(GET)
                assert (await client.answer())[1] == b"ok"
            assert repr(wheel) == "Wheel(waiting=2)"  # that of an exchange went with it
        await eventually(lambda: wheel.waiting == 0)


@pytest.mark.parametrize("host", ["::1", "unix"])
async def test_upstreams_of_other_families(host: str, tmp_path):
    path = str(tmp_path / "app") if host == "unix" else ""
    async with raw_app(host=host, path=path) as app, gateway(app) as gw:
        async with raw_client(gw.port) as client:
            await client.send(GET)
            assert (await client.answer())[1] == b"ok"


@pytest.mark.parametrize("cut", [1, 10, 20, 25, 26, 27])
async def test_a_head_in_two_pieces(cut: int):
    async with raw_app() as app, gateway(app) as gw, raw_client(gw.port) as client:
        await client.send(GET[:cut])
        await eventually(lambda: f"unread={cut}" in repr(gw.engine.open.clients))
        await client.send(GET[cut:])
        assert (await client.answer())[1] == b"ok"


async def test_a_connection_that_is_handed_over_takes_every_byte_along():
    class Other(asyncio.Protocol):
        received = b""

        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            self.transport = cast(asyncio.Transport, transport)

        def data_received(self, data: bytes) -> None:
            Other.received += data
            if Other.received.endswith(b"!"):
                self.transport.write(b"other")
                self.transport.close()

    async with raw_app() as app, gateway(app) as gw, raw_client(gw.port) as client:
        gw.site.planner = lambda head, peer: HandOver(Other)
        await client.send(GET + b"more")
        await eventually(lambda: not gw.engine.open.clients)
        await client.send(b"!")
        assert await client.end() == b"other"
        assert Other.received == GET + b"more!"
        assert app.links == []
    assert "Connections(clients=0, tunnels=0)" in repr(gw.engine.open)


async def test_bytes_after_the_end_of_an_answer_do_not_reach_anybody():
    async with raw_app(answering(OK + b"HTTP/1.1 200 Forged\r\n\r\n")) as app, gateway(app) as gw:
        async with raw_client(gw.port) as client:
            for _ in range(2):
                await client.send(GET)
                assert (await client.answer())[1] == b"ok"
            assert b"Forged" not in client.received
            assert len(app.links) == 2
