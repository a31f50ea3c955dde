"""P 11 cases 74 to 78 as far as the HTTP engine decides them, through real sockets."""

import pytest

from tests.support.apps import AppLink, answering, exchange, raw_app, raw_client, unused_port
from tests.support.gateway import gateway
from tests.support.messages import CHUNKS, GET, JSON_GET, UPGRADE, echo_after_101
from wsproxy.core.circuit import Direct
from wsproxy.core.failure import FailureKind, Side
from wsproxy.core.headers import HeaderRules


@pytest.mark.parametrize("split", [1, 3, 17, 1000])
async def test_case_76_chunks_pass_verbatim_both_ways(split: int):
    async def app_script(link: AppLink) -> None:
        await link.until(b"X-Sum: 1\r\n\r\n")
        await link.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n")
        for at in range(0, len(CHUNKS), split):
            await link.send(CHUNKS[at : at + split])

    async with raw_app(app_script) as app, gateway(app) as gw, raw_client(gw.port) as client:
        head = b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
        await client.send(head)
        for at in range(0, len(CHUNKS), split):
            await client.send(CHUNKS[at : at + split])
        answer = await client.head()
        assert b"Transfer-Encoding: chunked\r\n" in answer
        assert b"Trailer: X-Sum\r\n" in answer
        assert await client.size(len(CHUNKS)) == CHUNKS
        link = await app.link()
        seen, _, body = link.received.partition(b"\r\n\r\n")
        assert body == CHUNKS
        assert seen.count(b"Transfer-Encoding: chunked") == 1


async def test_case_76_an_upload_is_streamed():
    """Each chunk is at the app before the client sends the next."""
    first, second = b"3\r\none\r\n", b"3\r\ntwo\r\n0\r\n\r\n"

    async def app_script(link: AppLink) -> None:
        await link.until(first)
        await link.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n")
        await link.send(b"go")
        await link.until(second)
        await link.send(b"on")

    async with raw_app(app_script) as app, gateway(app) as gw, raw_client(gw.port) as client:
        await client.send(b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n")
        await client.send(first)
        await client.until(b"\r\n\r\ngo")
        await client.send(second)
        assert await client.size(2) == b"on"


async def test_case_74_d04_repeated_fields_pass_both_ways():
    answer = (
        b"HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nLink: x\r\nSet-Cookie: b=2\r\nset-cookie: c=3\r\n"
        b"Link: y\r\nContent-Length: 2\r\n\r\nok"
    )
    async with raw_app(answering(answer)) as app, gateway(app) as gw:
        async with raw_client(gw.port) as client:
            await client.send(
                b"GET / HTTP/1.1\r\nHost: h\r\nCookie: a=1\r\nX: 1\r\nCookie: b=2\r\nX: 2\r\n\r\n"
            )
            head, _ = await client.answer()
            wanted = (
                b"Set-Cookie: a=1\r\nLink: x\r\nSet-Cookie: b=2\r\nset-cookie: c=3\r\nLink: y\r\n"
            )
            assert wanted in head
            seen = (await app.link()).received
            assert b"Cookie: a=1\r\nX: 1\r\nCookie: b=2\r\nX: 2\r\n" in seen


async def test_case_75_what_the_app_sees_of_the_client_and_of_the_connection():
    """Differs: X-Forwarded-For has no port, and X-Forwarded-Port is ours, not the client's.

    What a stranger says of itself in these fields is not passed on.
    """
    async with raw_app() as app, gateway(app) as gw, raw_client(gw.port) as client:
        gw.site.rules = HeaderRules(app="rstudio")
        await client.send(
            b"GET /a?b HTTP/1.1\r\nHost: app.example\r\nConnection: keep-alive, X-Hop\r\n"
            b"Keep-Alive: 5\r\nProxy-Authorization: p\r\nTE: trailers\r\nX-Hop: 1\r\nX-End: 2\r\n"
            b"X-RStudio-Request: forged\r\nX-Forwarded-For: 10.0.0.1:99\r\n\r\n"
        )
        assert (await client.answer())[1] == b"ok"
        assert app.received == (
            b"GET /a?b HTTP/1.1\r\nHost: app.example\r\nX-End: 2\r\n"
            b"X-Forwarded-For: 127.0.0.1\r\nX-Forwarded-Proto: http\r\n"
            b"X-Forwarded-Host: app.example\r\nX-Forwarded-Port: 80\r\n"
            b"Forwarded: for=127.0.0.1;host=app.example;proto=http\r\n"
            b"X-RStudio-Proto: http\r\nX-RStudio-Request: http://app.example/a\r\n\r\n"
        )


async def test_case_76_d02_a_redirect_of_the_app_is_not_followed():
    answer = (
        b"HTTP/1.1 302 Found\r\nLocation: http://other.example/\r\nSet-Cookie: s=1\r\n"
        b"Content-Length: 0\r\n\r\n"
    )
    async with raw_app(answering(answer)) as app, gateway(app) as gw:
        async with raw_client(gw.port) as client:
            await client.send(GET)
            head, _ = await client.answer()
            assert head.startswith(b"HTTP/1.1 302 Found\r\n")
            assert b"Location: http://other.example/\r\nSet-Cookie: s=1\r\n" in head
            assert len(app.links) == 1


async def test_case_76_compressed_bytes_pass_as_they_are():
    body = bytes(range(256)) * 40
    answer = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(body)
    async with raw_app(answering(answer + body)) as app, gateway(app) as gw:
        async with raw_client(gw.port) as client:
            await client.send(GET)
            head, received = await client.answer()
            assert b"Content-Encoding: gzip\r\n" in head
            assert received == body


async def test_case_76_a_body_until_the_end_of_the_connection():
    async def app_script(link: AppLink) -> None:
        await link.head()
        await link.send(b"HTTP/1.1 200 OK\r\nServer: s\r\n\r\nfirst ")
        await link.send(b"second")

    async with raw_app(app_script) as app, gateway(app) as gw:
        answer = await exchange(gw.port, GET)
        head, _, body = answer.partition(b"\r\n\r\n")
        assert body == b"first second"
        assert b"Connection: close" in head
        assert b"chunked" not in head


async def test_case_77_d07_a_dead_container_is_a_502_problem():
    dead = Direct("127.0.0.1", await unused_port())
    async with gateway(dead) as gw, raw_client(gw.port) as client:
        for _ in range(2):  # the connection stays
            await client.send(JSON_GET)
            head, body = await client.answer()
            assert head.startswith(b"HTTP/1.1 502 Bad Gateway\r\n")
            assert b"probs/appproxy/container-connection-refused" in body
            assert b"X-BackendAI-Wsproxy-Version: v2\r\n" in head
        outcome = await gw.site.outcome()
        assert outcome.status == 502
        assert outcome.failures == [(dead, outcome.failure)]
        assert outcome.failure is not None
        assert (outcome.failure.kind, outcome.failure.side) == (FailureKind.REFUSED, Side.APP)


async def test_case_77_no_route_is_a_503_with_retry_after():
    async with gateway() as gw, raw_client(gw.port) as client:
        await client.send(JSON_GET)
        head, body = await client.answer()
        assert head.startswith(b"HTTP/1.1 503 ")
        assert b"Retry-After: 5\r\n" in head
        assert b"worker-not-available" in body


@pytest.mark.parametrize("by_app", [True, False])
async def test_case_78_a_close_code_of_either_side_reaches_the_other(by_app: bool):
    mine, theirs = b"\x88\x02\x0f\xa1", b"\x88\x82\x00\x00\x00\x00\x0f\xa1"  # 4001

    async def app_script(link: AppLink) -> None:
        await link.head()
        await link.send(b"HTTP/1.1 101 OK\r\nUpgrade: websocket\r\n\r\n" + mine * by_app)
        await link.until(theirs)
        await link.send(mine * (not by_app))

    async with raw_app(app_script) as app, gateway(app) as gw, raw_client(gw.port) as client:
        await client.send(UPGRADE)
        await client.head()
        if by_app:
            assert await client.size(len(mine)) == mine
        await client.send(theirs)
        assert await client.end() == mine * (not by_app)
        assert app.received.endswith(b"\r\n\r\n" + theirs)


async def test_case_78_the_apps_choice_of_subprotocol_is_the_clients():
    """A handshake as Firefox sends it to a terminal."""

    async def app_script(link: AppLink) -> None:
        head = await link.head()
        assert b"Sec-WebSocket-Protocol: tty\r\n" in head
        await link.send(
            b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
            b"Sec-WebSocket-Protocol: tty\r\n\r\n"
        )

    async with raw_app(app_script) as app, gateway(app) as gw, raw_client(gw.port) as client:
        await client.send(
            b"GET /ws HTTP/1.1\r\nHost: h\r\nConnection: keep-alive, Upgrade\r\n"
            b"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: tty\r\n\r\n"
        )
        head = await client.head()
        assert head.startswith(b"HTTP/1.1 101 ")
        assert b"Sec-WebSocket-Protocol: tty\r\n" in head
        assert b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n" in head


async def test_case_78_d05_the_apps_handshake_passes():
    async with raw_app(echo_after_101) as app, gateway(app) as gw, raw_client(gw.port) as client:
        gw.site.response_headers = ((b"X-Renewed", b"1"),)
        await client.send(UPGRADE)
        head = await client.head()
        assert head.startswith(b"HTTP/1.1 101 Switching Protocols\r\n")
        assert b"Sec-WebSocket-Protocol: chat.v2\r\n" in head
        assert b"Set-Cookie: s=1\r\n" in head
        assert b"X-Renewed: 1\r\n" in head
        assert b"X-BackendAI-Wsproxy-Version: v2\r\n" in head
        assert head.count(b"Upgrade: websocket\r\n") == 1
        assert b"Connection: Upgrade\r\n" in head
        assert await client.until(b"app") == b"early from app"
        await client.send(b"hello")
        assert await client.until(b">") == b"<hello>"
        seen = await app.links[0].head()
        for line in UPGRADE.split(b"\r\n")[1:]:
            assert line in seen or line.startswith(b"Connection")
        assert b"Connection: Upgrade\r\n" in seen
        await client.close()
        outcome = await gw.site.outcome()
        assert (outcome.status, outcome.upgraded, outcome.failure) == (101, True, None)
