"""The short way of a small exchange: what it does itself, and what makes it a whole exchange."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import cast
from unittest.mock import patch

import pytest

from tests.support.apps import AppLink, RawClient, Script, eventually, raw_app, raw_client
from tests.support.gateway import CIRCUIT, Gateway, gateway
from wsproxy.core.circuit import CloseReason
from wsproxy.core.failure import FailureKind
from wsproxy.core.headers import upstream_headers
from wsproxy.core.heads import Peer, RequestHead
from wsproxy.data import client as module
from wsproxy.data.quick import Quick, quick
from wsproxy.data.rules import EngineRules
from wsproxy.data.site import Forward

FIELDS = b"Host: h\r\nX-Same: 1\r\n\r\n"
VERSION = b"X-BackendAI-Wsproxy-Version: v2\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Stage:
    """A gateway whose client has had one answer already, so that the next request is known."""

    def __init__(self, gw: Gateway, client: RawClient, begun: list[Quick]) -> None:
        self.gw = gw
        self.client = client
        self.begun = begun

    async def ask(self, target: bytes = b"/next", method: bytes = b"GET") -> None:
        await self.client.send(method + b" " + target + b" HTTP/1.1\r\n" + FIELDS)
        await eventually(lambda: len(self.begun) == 1, "the short way is taken")


@contextlib.asynccontextmanager
async def staged(
    script: Script, rules: EngineRules | None = None, method: bytes = b"GET"
) -> AsyncIterator[Stage]:
    """``script`` begins when the first request has been answered."""

    async def primed(link: AppLink) -> None:
        if app.links.index(link) == 0:
            await link.until(b"\r\n\r\n")
            await link.send(OK if method == b"GET" else OK[:-2])
        await script(link)

    begun: list[Quick] = []

    def noted(*arguments):
        short = quick(*arguments)
        if short is not None:
            begun.append(short)
        return short

    async with raw_app(primed) as app, gateway(app, rules=rules) as gw:

        def planner(head: RequestHead, peer: Peer) -> Forward:
            fields = upstream_headers(head, peer, gw.site.rules)
            routes, version = gw.site.routes, gw.site.version
            plan = Forward(routes, fields, version, (), CIRCUIT, again=lambda target, known: known)
            plans.append(plan)
            return plan

        plans: list[Forward] = []
        gw.site.planner = planner
        with patch.object(module, "quick", noted):
            async with raw_client(gw.port) as client:
                await client.send(method + b" /first HTTP/1.1\r\n" + FIELDS)
                await client.head()
                if method == b"GET":
                    await client.size(2)
                await gw.site.outcome()
                yield Stage(gw, client, begun)
        assert len(gw.site.outcomes) > 1 and len(plans) == 1  # planned once


def answers(*pieces: bytes) -> Script:
    """Answer the next request on the connection with these pieces, each by itself."""

    async def script(link: AppLink) -> None:
        await link.until(b"\r\n\r\n")
        for piece in pieces:
            await link.send(piece)
            await asyncio.sleep(0)
        await link.end()

    return script


async def test_the_next_request_of_a_kind_takes_the_short_way():
    async with staged(answers(OK)) as stage:
        await stage.ask(b"/next?x=1")
        head, body = await stage.client.answer()
        assert (head, body) == (OK[:-4] + VERSION, b"ok")
        outcome = await stage.gw.site.outcome(1)
        assert (outcome.method, outcome.target, outcome.status) == ("GET", "/next?x=1", 200)
        assert outcome.route == stage.gw.site.routes[0] and outcome.failure is None
        assert repr(stage.begun[0]).startswith("Quick(")


async def test_what_the_app_gets_is_what_the_long_way_sends():
    links: list[AppLink] = []

    async def script(link: AppLink) -> None:
        links.append(link)
        await link.until(b"\r\n\r\n")
        await link.send(OK)
        await link.end()

    async with staged(script) as stage:
        await stage.ask(b"/first")
        await stage.client.answer()
        first, second = links[0].received.split(b"\r\n\r\n")[:2]
        assert first == second and b"X-Same: 1" in first


@pytest.mark.parametrize(
    ("pieces", "wanted"),
    [
        ((OK[:10], OK[10:]), b"ok"),
        ((OK[:-1], OK[-1:]), b"ok"),
        ((b"HTTP/1.1 103 Early\r\nLink: x\r\n\r\n", OK), b"ok"),
        ((b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",), b"ok"),
        ((b"HTTP/1.1 200 OK\r\nConnection: X-Y\r\nX-Y: 1\r\nContent-Length: 2\r\n\r\nok",), b"ok"),
        ((b"HTTP/1.1 204 No Content\r\n\r\n",), b"HTTP/1.1 204"),
        ((b"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n",), b"HTTP/1.1 304"),
    ],
)
async def test_every_other_answer_arrives_too(pieces, wanted):
    async with staged(answers(*pieces)) as stage:
        await stage.ask()
        await stage.client.until(wanted)
        await eventually(lambda: len(stage.gw.site.outcomes) == 2, "it is recorded")
        meter = stage.gw.engine.activity.meter(CIRCUIT)
        assert (meter.requests, meter.connections) == (2, 0)


async def test_head_has_no_body():
    async with staged(answers(OK[:-2]), method=b"HEAD") as stage:
        await stage.ask(method=b"HEAD")
        assert b"Content-Length: 2" in await stage.client.head()
        assert (await stage.gw.site.outcome(1)).failure is None


async def test_an_answer_until_the_end_closes_the_connection():
    async def script(link: AppLink) -> None:
        await link.until(b"\r\n\r\n")
        await link.send(b"HTTP/1.1 200 OK\r\n\r\nall of it")

    async with staged(script) as stage:
        await stage.ask()
        assert (await stage.client.end()).endswith(b"all of it")


async def test_a_kept_connection_that_ends_is_tried_anew():
    async def script(link: AppLink) -> None:
        await link.until(b"\r\n\r\n")
        if link.received.count(b"\r\n\r\n") == 1:  # on a connection of its own
            await link.send(OK)
            await link.end()

    async with staged(script) as stage:
        await stage.ask()
        assert (await stage.client.answer())[1] == b"ok"
        outcome = await stage.gw.site.outcome(1)
        assert [failure.kind for _, failure in outcome.failures] == [FailureKind.CLOSED_EARLY]


async def test_an_answer_that_breaks_off_is_cut():
    async def script(link: AppLink) -> None:
        await link.until(b"\r\n\r\n")
        await link.send(OK[:-1])

    async with staged(script) as stage:
        await stage.ask()
        assert (await stage.client.end()).endswith(b"\r\n\r\no")
        outcome = await stage.gw.site.outcome(1)
        assert [failure.kind for _, failure in outcome.failures] == [FailureKind.CUT]


@pytest.mark.parametrize(
    "nonsense",
    [b"nonsense\r\n\r\n", b"HTTP/1.1 101 X\r\nUpgrade: y\r\nConnection: upgrade\r\n\r\n"],
)
async def test_an_answer_that_is_none_is_502(nonsense):
    async with staged(answers(nonsense)) as stage:
        await stage.ask()
        assert (await stage.client.head()).startswith(b"HTTP/1.1 502 ")


async def test_silence_is_504():
    async with staged(answers()) as stage:
        stage.gw.engine.rules = EngineRules(first_byte=0.05)  # not for the first answer
        await stage.ask()
        assert (await stage.client.head()).startswith(b"HTTP/1.1 504 ")


@pytest.mark.parametrize("how", ["close", "reset"])
async def test_a_client_that_leaves_is_noticed_at_once(how):
    links: list[AppLink] = []

    async def script(link: AppLink) -> None:
        links.append(link)
        await link.until(b"\r\n\r\n")
        await link.end()

    async with staged(script) as stage:
        await stage.ask()
        await eventually(lambda: links[0].received.count(b"\r\n\r\n") == 2, "the app has it")
        if how == "reset":
            stage.client.reset()
        else:
            await stage.client.close()
        outcome = await stage.gw.site.outcome(1)
        assert outcome.failure is not None and outcome.failure.kind is FailureKind.CLIENT_GONE
        assert not outcome.failures
        await links[0].ended.wait()


async def test_later_requests_wait_for_their_turn():
    async def script(link: AppLink) -> None:
        for number in (2, 3, 4):
            while link.received.count(b"\r\n\r\n") < number:
                await link._more()
            assert link.received.count(b"\r\n\r\n") == number  # one at a time
            await link.send(OK)
        await link.end()

    async with staged(script) as stage:
        await stage.ask(b"/b")
        for target in (b"/c", b"/d"):
            await stage.client.send(b"GET " + target + b" HTTP/1.1\r\n" + FIELDS)
        for _ in range(3):
            assert (await stage.client.answer())[1] == b"ok"


async def test_the_end_of_the_circuit_ends_it():
    async with staged(answers()) as stage:
        await stage.ask()
        assert stage.gw.engine.open.end_circuit(CIRCUIT, CloseReason.SESSION_ENDED) == 1
        assert b"session-ended" in await stage.client.end()


async def test_a_client_that_does_not_read_stops_the_app():
    size = 32 << 20
    sent = 0

    async def script(link: AppLink) -> None:
        nonlocal sent
        await link.until(b"\r\n\r\n")
        await link.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
        while sent < size:
            await link.send(bytes(1 << 16))
            sent += 1 << 16

    async with staged(script, EngineRules(splice=1 << 60)) as stage:
        transport = cast(asyncio.Transport, stage.client.writer.transport)
        transport.pause_reading()
        await stage.ask()
        await eventually(lambda: stage.begun[0]._app.paused, "the app is not read any more")
        assert sent < size
        transport.resume_reading()
        await stage.client.head()
        left = size - (len(stage.client.received) - stage.client._at)
        while left and (part := await asyncio.wait_for(stage.client.reader.read(1 << 18), 20)):
            left -= len(part)
        assert not left


async def test_while_draining_the_connection_ends_with_the_answer():
    async with staged(answers(OK)) as stage:
        stage.gw.engine.draining = True
        await stage.client.send(b"GET /next HTTP/1.1\r\n" + FIELDS)
        assert (await stage.client.end()).endswith(b"Connection: close\r\n" + VERSION + b"ok")
        assert not stage.begun
