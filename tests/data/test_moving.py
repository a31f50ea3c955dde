"""Long bodies take the short way through the kernel, and nothing else about them changes."""

import asyncio
import contextlib
import hashlib
import os
from collections.abc import Iterator
from unittest.mock import patch

from tests.support.apps import AppLink, RawClient, eventually, raw_app, raw_client
from tests.support.gateway import CIRCUIT, Gateway, gateway
from wsproxy.core.circuit import CloseReason
from wsproxy.core.failure import FailureKind
from wsproxy.data.rules import EngineRules
from wsproxy.net import splice

BLOB = os.urandom(3 << 20) * 2
HASH = hashlib.sha256(BLOB).digest()
RULES = EngineRules(splice=1 << 20)
HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n"
GET = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"
PUT = b"PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n"


class Moved:
    """How many bytes the kernel moved to sockets; without it a test would prove nothing."""

    def __init__(self) -> None:
        self.bytes = 0
        self._splice = os.splice

    def __call__(self, source: int, sink: int, count: int, flags: int = 0) -> int:
        moved = self._splice(source, sink, count, flags=flags)
        self.bytes += moved
        return moved


@contextlib.contextmanager
def counted() -> Iterator[Moved]:
    spy = Moved()
    with patch.object(os, "splice", spy):
        yield spy


async def sends(link: AppLink) -> None:
    """Answers every request with the blob."""
    for number in range(1, 10):
        while link.received.count(b"\r\n\r\n") < number:
            if not await link._more():
                return
        await link.send(HEAD % len(BLOB) + BLOB)


async def takes(link: AppLink) -> None:
    """Takes one upload of the blob's size and says its hash; then answers once more."""
    head = await link.head()
    received = await link.size(len(head) + len(BLOB))
    await link.send(HEAD % 32 + hashlib.sha256(received[len(head) :]).digest())
    await link.until(b"\r\n\r\n")
    await link.send(HEAD % 2 + b"ok")


async def test_a_download_is_moved_and_the_connection_goes_on():
    with counted() as spy:
        async with raw_app(sends) as app, gateway(app, rules=RULES) as gw:
            async with raw_client(gw.port) as client:
                for _ in range(2):
                    await client.send(GET)
                    head, body = await client.answer()
                    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
                    assert hashlib.sha256(body).digest() == HASH
            assert len(app.links) == 1  # kept, and used again
            meter = gw.engine.activity.meter(CIRCUIT)
            await eventually(lambda: len(gw.site.outcomes) == 2, "both are recorded")
            assert meter.bytes_out > 2 * len(BLOB)
            assert gw.site.outcomes[1].failure is None
    assert spy.bytes > 2 * len(BLOB)  # in and out of the pipe


async def test_a_pipelined_request_waits_for_the_moved_answer():
    with counted() as spy:
        async with raw_app(sends) as app, gateway(app, rules=RULES) as gw:
            async with raw_client(gw.port) as client:
                await client.send(GET + GET)
                bodies = [(await client.answer())[1] for _ in range(2)]
        assert [hashlib.sha256(body).digest() for body in bodies] == [HASH, HASH]
    assert spy.bytes


async def test_an_upload_is_moved_and_the_connection_goes_on():
    with counted() as spy:
        async with raw_app(takes) as app, gateway(app, rules=RULES) as gw:
            async with raw_client(gw.port) as client:
                await client.send(PUT % len(BLOB) + BLOB + GET)
                _, said = await client.answer()
                assert said == HASH
                assert (await client.answer())[1] == b"ok"
            assert len(app.links) == 1
            meter = gw.engine.activity.meter(CIRCUIT)
            assert meter.bytes_in == len(BLOB)
            assert meter.last_user_bytes > 0
    assert spy.bytes > len(BLOB)


async def test_below_the_limit_nothing_is_moved():
    with counted() as spy:
        async with raw_app(sends) as app, gateway(app) as gw:  # 4 MiB and more are long
            async with raw_client(gw.port) as client:
                with patch("tests.data.test_moving.BLOB", BLOB[: 3 << 20]):
                    await client.send(GET)
                    assert (await client.answer())[1] == BLOB[: 3 << 20]
    assert spy.bytes == 0


async def test_without_splice_the_plain_path_gives_the_same_bytes():
    with patch.object(splice, "possible", False), counted() as spy:
        async with raw_app(sends) as app, gateway(app, rules=RULES) as gw:
            async with raw_client(gw.port) as client:
                await client.send(GET)
                assert hashlib.sha256((await client.answer())[1]).digest() == HASH
        async with raw_app(takes) as app, gateway(app, rules=RULES) as gw:
            async with raw_client(gw.port) as client:
                await client.send(PUT % len(BLOB) + BLOB)
                assert (await client.answer())[1] == HASH
    assert spy.bytes == 0


async def _moving(client: RawClient, gw: Gateway, spy: Moved) -> None:
    """Begin a download and read until the kernel moves it."""
    await client.send(GET)
    await client.head()
    while not spy.bytes:
        await client.size(1 << 16)


async def test_a_client_that_leaves_ends_it_for_the_app():
    async def for_ever(link: AppLink) -> None:
        await link.head()
        await link.send(HEAD % (1 << 40))
        while True:
            await link.send(BLOB)

    with counted() as spy:
        async with raw_app(for_ever) as app, gateway(app, rules=RULES) as gw:
            async with raw_client(gw.port) as client:
                await _moving(client, gw, spy)
                client.reset()
                outcome = await gw.site.outcome()
            assert outcome.failure is not None
            assert outcome.failure.kind is FailureKind.CLIENT_GONE
            assert not outcome.failures  # not the app's fault
            link = await app.link()
            await eventually(lambda: link.writer.transport.is_closing(), "the app is told")


async def test_an_app_that_breaks_off_is_a_cut_for_the_client():
    async def breaks_off(link: AppLink) -> None:
        await link.head()
        await link.send(HEAD % (len(BLOB) + 1) + BLOB)

    with counted() as spy:
        async with raw_app(breaks_off) as app, gateway(app, rules=RULES) as gw:
            async with raw_client(gw.port) as client:
                await client.send(GET)
                await client.head()
                assert await client.end() == BLOB  # and not the byte more that was promised
            outcome = await gw.site.outcome()
            assert [failure.kind for _, failure in outcome.failures] == [FailureKind.CUT]
    assert spy.bytes


async def test_the_end_of_the_circuit_cuts_a_moved_download():
    with counted() as spy:
        async with raw_app(sends) as app, gateway(app, rules=RULES) as gw:
            async with raw_client(gw.port) as client:
                await _moving(client, gw, spy)
                assert gw.engine.open.end_circuit(CIRCUIT, CloseReason.SESSION_ENDED) == 1
                try:
                    got = await client.end()
                except ConnectionResetError:
                    got = b""
                assert len(got) < len(BLOB)


async def test_a_client_that_breaks_off_its_upload_is_gone_for_the_app():
    with counted() as spy:
        async with raw_app(takes) as app, gateway(app, rules=RULES) as gw:
            async with raw_client(gw.port) as client:
                await client.send(PUT % len(BLOB) + BLOB[:-1])
                link = await app.link()
                await eventually(lambda: len(link.received) > len(BLOB), "nearly all arrived")
            outcome = await gw.site.outcome()
            assert outcome.failure is not None
            assert outcome.failure.kind is FailureKind.CLIENT_GONE
            await link.ended.wait()
    assert spy.bytes


async def test_an_app_that_refuses_a_moved_upload_is_heard():
    async def refuses(link: AppLink) -> None:
        head = await link.head()
        await link.size(len(head) + (2 << 20))
        await link.send(b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno")
        await link.end()

    with counted() as spy:
        async with raw_app(refuses) as app, gateway(app, rules=RULES) as gw:
            async with raw_client(gw.port) as client:
                sending = asyncio.ensure_future(client.send(PUT % len(BLOB) + BLOB))
                head, body = await client.answer()
                assert (head[:12], body) == (b"HTTP/1.1 413", b"no")
                await asyncio.gather(sending, return_exceptions=True)
    assert spy.bytes


async def test_both_ways_at_once():
    async def echoes(link: AppLink) -> None:
        head = await link.head()
        await link.send(HEAD % len(BLOB))
        sent = 0
        while sent < len(BLOB):
            await link.size(len(head) + sent + 1)
            fresh = link.received[len(head) + sent :]
            await link.send(fresh)
            sent += len(fresh)

    with counted() as spy:
        async with raw_app(echoes) as app, gateway(app, rules=RULES) as gw:
            async with raw_client(gw.port) as client:
                sending = asyncio.ensure_future(client.send(PUT % len(BLOB) + BLOB))
                _, body = await client.answer()
                await sending
                assert hashlib.sha256(body).digest() == HASH
    assert spy.bytes
