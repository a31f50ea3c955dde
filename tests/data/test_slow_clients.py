"""Clients that take nothing of a long answer must not keep the app; slow ones get all of it."""

import asyncio

import pytest

from tests.data.test_quick import staged
from tests.data.test_wire import choke, small_reader, transport_of
from tests.support.apps import AppLink, Script, eventually, just_read, raw_app
from tests.support.gateway import Gateway, gateway
from wsproxy.core.failure import Failure, FailureKind, Side
from wsproxy.data.rules import EngineRules

HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n"
GET = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"
NEVER = 1 << 60
WAYS = {"copied": NEVER, "moved by the kernel": 1}


def long_answer(gateways: list[Gateway], size: int, choked: int) -> Script:
    async def script(link: AppLink) -> None:
        await link.head()
        choke(gateways[0].engine, choked)
        try:
            await link.send(HEAD % size)
            await link.send(bytes(size))
        except ConnectionError:
            link.ended.set()
        else:
            await link.end()

    return script


@pytest.mark.parametrize("splice", WAYS.values(), ids=WAYS)
async def test_a_client_that_takes_nothing_is_reset_and_the_app_is_free(splice: int):
    gateways: list[Gateway] = []
    rules = EngineRules(stalled=0.3, splice=splice)
    async with raw_app(long_answer(gateways, 64 << 20, 4096)) as app:
        async with gateway(app, rules=rules) as gw:
            gateways.append(gw)
            with small_reader(gw.port) as sock:
                loop = asyncio.get_running_loop()
                await loop.sock_sendall(sock, GET)
                outcome = await gw.site.outcome()
                assert outcome.failure == Failure(
                    FailureKind.CLIENT_GONE, Side.CLIENT, "The client took nothing of its answer."
                )
                await asyncio.wait_for(app.links[0].ended.wait(), 20)
                assert not gw.engine.open.clients
                with pytest.raises(ConnectionResetError):
                    while await asyncio.wait_for(loop.sock_recv(sock, 1 << 16), 20):
                        pass


@pytest.mark.parametrize("splice", WAYS.values(), ids=WAYS)
async def test_a_client_that_takes_a_little_at_a_time_gets_everything(splice: int):
    gateways: list[Gateway] = []
    size = 1 << 20
    rules = EngineRules(stalled=1.5, splice=splice)
    async with raw_app(long_answer(gateways, size, 200_000)) as app:
        async with gateway(app, rules=rules) as gw:
            gateways.append(gw)
            with small_reader(gw.port) as sock:
                loop = asyncio.get_running_loop()
                await loop.sock_sendall(sock, GET)
                received = b""
                for _ in range(40):
                    received += await asyncio.wait_for(loop.sock_recv(sock, 2048), 20)
                    await asyncio.sleep(0.06)
                while len(received.partition(b"\r\n\r\n")[2]) < size:
                    more = await asyncio.wait_for(loop.sock_recv(sock, 1 << 16), 20)
                    assert more, f"cut after {len(received)}"
                    received += more
            assert (await gw.site.outcome()).failure is None


async def test_who_rests_full_is_not_reset_until_it_asks_again():
    async def script(link: AppLink) -> None:
        await link.head()
        choke(gw.engine)
        transport = transport_of(gw.engine)
        await link.send(HEAD % 290_000 + bytes(240_000))
        await eventually(lambda: transport.get_write_buffer_size() > 200_000)
        await link.send(bytes(50_000))
        await link.until(b"GET /again HTTP/1.1\r\n")
        again.set()
        await link.end()

    again = asyncio.Event()
    async with raw_app(script) as app:
        async with gateway(app, rules=EngineRules(stalled=1.0, splice=NEVER)) as gw:
            with small_reader(gw.port) as sock:
                loop = asyncio.get_running_loop()
                await loop.sock_sendall(sock, GET)
                assert (await gw.site.outcome()).failure is None
                (client,) = gw.engine.open.clients
                assert client.full  # type: ignore[attr-defined]
                await asyncio.sleep(2.5)  # more than once
                await loop.sock_sendall(sock, GET.replace(b"/", b"/again", 1))
                await asyncio.wait_for(again.wait(), 20)
                failure = (await gw.site.outcome(1)).failure
                assert failure is not None and failure.kind is FailureKind.CLIENT_GONE


async def test_a_request_of_the_short_way_ends_as_any_other():
    async with staged(just_read) as stage:
        await stage.ask()
        stage.begun[0].client_stalled()
        with pytest.raises(ConnectionResetError):
            await stage.client.end()
        failure = (await stage.gw.site.outcome(1)).failure
        assert failure is not None and failure.kind is FailureKind.CLIENT_GONE


async def test_without_the_limit_nobody_is_looked_at():
    gateways: list[Gateway] = []
    size = 1 << 20
    async with raw_app(long_answer(gateways, size, 4096)) as app:
        async with gateway(app, rules=EngineRules(stalled=0.0)) as gw:
            gateways.append(gw)
            with small_reader(gw.port) as sock:
                loop = asyncio.get_running_loop()
                await loop.sock_sendall(sock, GET)
                await app.link()
                (client,) = gw.engine.open.clients
                await eventually(lambda: client.full)  # type: ignore[attr-defined]
                assert client.stall is None  # type: ignore[attr-defined]
