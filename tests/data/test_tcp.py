"""TCP circuits on real sockets: bytes both ways, and no byte for who may not or cannot."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.data.raw_plane import listening, raw_plane
from tests.support.apps import RawApp, eventually, raw_app, raw_client, unused_port
from tests.support.circuits import circuit
from wsproxy.core.circuit import Circuit, CloseReason, Direct, Protocol, Route
from wsproxy.core.failure import Failure
from wsproxy.core.heads import Peer
from wsproxy.data.accepted import EARLY_LIMIT, Admit, Plane
from wsproxy.data.tcp import Held, serve_tcp
from wsproxy.net.connect import Connected, Factory


def everybody(circuit: Circuit, peer: Peer) -> bool:
    return True


def nobody(circuit: Circuit, peer: Peer) -> bool:
    return False


def tcp(*routes: Direct) -> Circuit:
    return circuit(1, routes=routes, protocol=Protocol.TCP, app="sshd")


def to(app: RawApp) -> Direct:
    return Direct(app.host, app.port)


@contextlib.asynccontextmanager
async def port_of(
    made: Circuit, admit: Admit = everybody, **options
) -> AsyncIterator[tuple[int, Plane]]:
    async with raw_plane(**options) as plane, listening(serve_tcp(plane, made, admit)) as port:
        yield port, plane


async def echo(link):
    await link.send(b"SSH-2.0-app\r\n")
    while await link._more():
        await link.send(link.received[-1:])


async def test_bytes_both_ways_and_the_app_speaks_first():
    async with raw_app(echo) as app, port_of(tcp(to(app))) as (port, plane):
        async with raw_client(port) as client:
            assert await client.until(b"\r\n") == b"SSH-2.0-app\r\n"
            await client.send(b"x")
            assert await client.size(1) == b"x"
            meter = plane.activity.meter(tcp().id)
            assert (meter.connections, meter.bytes_in, meter.bytes_out) == (1, 1, 14)
            assert meter.last_user_bytes == 50.0
        await eventually(lambda: meter.connections == 0, "the connection was counted off")


async def test_what_a_client_sends_before_the_way_is_open_is_not_lost_nor_without_bound():
    async def slow(link):
        await link.end()
        await link.send(str(len(link.received)).encode())

    async with raw_app(slow) as app, raw_plane() as plane:
        opened = asyncio.Event()
        dialer = plane.dialer

        class Late:
            async def dial(self, route, factory):
                await opened.wait()
                return await dialer.dial(route, factory)

        late = replace(plane, dialer=Late())
        async with listening(serve_tcp(late, tcp(to(app)), everybody)) as port:
            async with raw_client(port) as client:
                size = 8 << 20
                sending = asyncio.get_running_loop().create_task(client.send(bytes(size)))
                (connection,) = await _connected(plane)
                await eventually(lambda: len(connection.early) > EARLY_LIMIT, "bytes wait")
                await asyncio.sleep(0.05)
                assert len(connection.early) < EARLY_LIMIT + (1 << 20)
                opened.set()
                await sending
                client.half_close()
                assert await client.end() == str(size).encode()


async def _connected(plane: Plane) -> tuple[Any, ...]:
    await eventually(lambda: len(plane.open.tunnels) > 0, "a connection")
    return tuple(plane.open.tunnels)


async def test_who_is_not_admitted_gets_no_byte_and_the_app_no_connection():
    async with raw_app(echo) as app, port_of(tcp(to(app)), nobody) as (port, _):
        async with raw_client(port) as client:
            assert await client.end() == b""
        assert app.links == []


async def test_admission_sees_the_circuit_and_the_peers_address():
    seen = []

    def admit(made: Circuit, peer: Peer) -> bool:
        seen.append((made.app, peer.host))
        return False

    async with port_of(tcp(), admit) as (port, _), raw_client(port) as client:
        await client.end()
    assert seen == [("sshd", "127.0.0.1")]


async def test_an_app_that_refuses_closes_the_client_without_a_byte():
    dead = Direct("127.0.0.1", await unused_port())
    async with port_of(tcp(dead)) as (port, _), raw_client(port) as client:
        assert await client.end() == b""


async def test_a_circuit_without_a_route_closes_its_clients():
    async with port_of(tcp()) as (port, _), raw_client(port) as client:
        assert await client.end() == b""


async def test_the_next_route_is_tried_when_one_cannot_be_connected():
    async with raw_app(echo) as app:
        dead = Direct("127.0.0.1", await unused_port(), ratio=1e9)
        async with port_of(tcp(dead, to(app))) as (port, _), raw_client(port) as client:
            assert await client.until(b"\r\n") == b"SSH-2.0-app\r\n"


async def test_an_app_behind_ipv6():
    async with raw_app(echo, host="::1") as app, port_of(tcp(to(app))) as (port, _):
        async with raw_client(port) as client:
            assert await client.until(b"\r\n") == b"SSH-2.0-app\r\n"


async def test_the_circuits_end_ends_its_connections_and_no_others():
    async with raw_app(echo) as app, raw_plane() as plane:
        mine, other = tcp(to(app)), circuit(2, routes=(to(app),), app="vnc")
        async with listening(serve_tcp(plane, mine, everybody)) as one:
            async with listening(serve_tcp(plane, other, everybody)) as two:
                async with raw_client(one) as ends, raw_client(two) as stays:
                    await ends.until(b"\r\n")
                    await stays.until(b"\r\n")
                    assert plane.open.end_circuit(mine.id, CloseReason.REQUESTED) == 1
                    assert await ends.end() == b""
                    await stays.send(b"x")
                    assert await stays.size(1) == b"x"


async def test_the_circuits_end_also_ends_who_still_waits_for_the_app():
    async with raw_plane() as plane:

        class Never:
            async def dial(self, route, factory):
                await asyncio.Event().wait()

        waiting = replace(plane, dialer=Never())
        made = tcp(Direct("127.0.0.1", 1))
        async with listening(serve_tcp(waiting, made, everybody)) as port:
            async with raw_client(port) as client:
                await _connected(plane)
                plane.open.end_circuit(made.id, CloseReason.SESSION_ENDED)
                assert await client.end() == b""
        await plane.tasks.close()


async def test_a_client_that_left_meanwhile_leaves_no_connection_at_the_app():
    async with raw_app() as app, raw_plane() as plane:
        dialer, left = plane.dialer, asyncio.Event()

        class Late:
            async def dial(self, route, factory):
                await left.wait()
                return await dialer.dial(route, factory)

        late = replace(plane, dialer=Late())
        async with listening(serve_tcp(late, tcp(to(app)), everybody)) as port:
            async with raw_client(port) as client:
                await _connected(plane)
                client.reset()
                await eventually(lambda: not plane.open.tunnels, "the client has left")
            left.set()
            link = await app.link()
            assert await link.end() == b""


async def test_one_address_has_a_limit_of_connections():
    async with raw_app(echo) as app, port_of(tcp(to(app)), per_client=1) as (port, plane):
        async with raw_client(port) as first:
            await first.until(b"\r\n")
            async with raw_client(port) as second:
                assert await second.end() == b""
        await eventually(lambda: not plane.open.tunnels, "both have left")
        async with raw_client(port) as third:
            assert await third.until(b"\r\n") == b"SSH-2.0-app\r\n"


async def test_routes_that_moved_are_used_by_the_next_connection():
    async with raw_app(echo) as app, raw_plane() as plane:
        moved = tcp(to(app))
        stale = tcp(Direct("127.0.0.1", await unused_port()))
        factory = serve_tcp(plane, stale, everybody, lambda: moved)
        async with listening(factory) as port, raw_client(port) as client:
            assert await client.until(b"\r\n") == b"SSH-2.0-app\r\n"


@pytest.mark.parametrize("first", ["client", "app"])
async def test_d12_either_side_may_half_close(first):
    async def script(link):
        if first == "client":
            await link.end()
            await link.send(b"got " + link.received)
        else:
            link.writer.write_eof()
            await link.end()

    async with raw_app(script) as app, port_of(tcp(to(app))) as (port, _):
        async with raw_client(port) as client:
            if first == "app":
                assert await client.end() == b""
            await client.send(b"all")
            client.half_close()
            if first == "client":
                assert await client.end() == b"got all"
            await eventually(lambda: app.links[0].received == b"all", "the app got it")


class Early:
    """A dialer that comes back only when something more has happened at the app's side."""

    def __init__(self, plane: Plane, more: Callable[[Held], bool]) -> None:
        self._dialer = plane.dialer
        self._more = more
        self.held: Held | None = None

    async def dial(self, route: Route, factory: Factory) -> Connected | Failure:
        outcome = await self._dialer.dial(route, factory)
        assert not isinstance(outcome, Failure)
        assert isinstance(outcome[1], Held)
        held = self.held = outcome[1]
        await eventually(lambda: self._more(held), "more happened")
        return outcome


async def test_what_the_app_says_before_the_relay_is_there_is_not_lost():
    async def banner(link):
        await link.send(b"220 ready\r\n")
        link.writer.write_eof()
        await link.end()

    async with raw_app(banner) as app, raw_plane() as plane:
        late = replace(plane, dialer=Early(plane, lambda held: held.early != b""))
        async with listening(serve_tcp(late, tcp(to(app)), everybody)) as port:
            async with raw_client(port) as client:
                assert await client.end() == b"220 ready\r\n"
                await client.send(b"quit")
                client.half_close()
                await eventually(lambda: app.links[0].received == b"quit", "the app heard it")


async def test_an_app_that_ends_before_the_relay_is_there():
    async def mute(link):
        link.writer.write_eof()
        await link.end()

    async with raw_app(mute) as app, raw_plane() as plane:
        late = replace(plane, dialer=Early(plane, lambda held: held.ended))
        async with listening(serve_tcp(late, tcp(to(app)), everybody)) as port:
            async with raw_client(port) as client:
                assert await client.end() == b""


async def test_stopping_while_a_way_is_being_opened_leaves_no_connection():
    async with raw_app() as app, raw_plane() as plane:
        early = Early(plane, lambda held: False)
        late = replace(plane, dialer=early)
        async with listening(serve_tcp(late, tcp(to(app)), everybody)) as port:
            async with raw_client(port) as client:
                link = await app.link()
                await eventually(lambda: early.held is not None, "the app is connected")
                await plane.tasks.close()
                assert await link.end() == b""
                with contextlib.suppress(ConnectionResetError):
                    assert await client.end() == b""
