"""Ports of circuits: bound, tracked, closed alone, drained together."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import cast
from uuid import uuid4

import pytest

from tests.support.apps import (
    WAIT,
    AppLink,
    RawApp,
    answering,
    eventually,
    exchange,
    just_read,
    raw_app,
    raw_client,
)
from tests.support.gateway import PassSite, to
from wsproxy.compat.zoo.keeper import tls_context
from wsproxy.core.circuit import Alpn, Circuit, CloseReason, HostListener, PortListener, Protocol
from wsproxy.core.meter import Meter
from wsproxy.core.problem import Problem
from wsproxy.core.wire import Version
from wsproxy.data.client import serve
from wsproxy.data.dial import Dialer, DialRules
from wsproxy.data.engine import Engine
from wsproxy.data.listeners import Factories, Listeners
from wsproxy.data.rules import EngineRules
from wsproxy.data.site import Forward
from wsproxy.net.connect import Factory

GET = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"
UPGRADE = b"GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n"
SWITCH = b"HTTP/1.1 101 OK\r\nUpgrade: x\r\n\r\n"


class Raw(asyncio.Protocol):
    """Stands for a raw tunnel: greets and stays."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.transport.write(b"raw")
        self._engine.open.tunnels.add(self)

    def connection_lost(self, error: Exception | None) -> None:
        self._engine.open.gone(self)

    def end(self, reason: CloseReason) -> None:
        self.transport.close()

    def abort(self) -> None:
        self.transport.abort()


class Node:
    """Listeners whose circuits lead to one app each."""

    def __init__(self) -> None:
        self.engine = Engine(Dialer(DialRules()))
        self.sites: dict[str, PassSite] = {}
        self.factories = Factories(self.http, self.raw, self.raw)
        self.listeners = Listeners(self.engine, self.factories)

    def http(self, circuit: Circuit) -> Factory:
        site = PassSite(*circuit.routes)
        site.planner = lambda head, peer: Forward(
            circuit.routes, head.headers, Version.V2, circuit_id=circuit.id
        )
        self.sites[str(circuit.id)] = site
        return serve(self.engine, site)

    def raw(self, circuit: Circuit) -> Factory:
        return lambda: Raw(self.engine)

    async def open(self, app: RawApp, host: str = "127.0.0.1", **changes: object) -> Circuit:
        opened = await self.listeners.open(circuit_to(app, host, **changes))
        assert isinstance(opened, Circuit)
        return opened


def circuit_to(app: RawApp, host: str = "127.0.0.1", **changes: object) -> Circuit:
    circuit = Circuit(
        id=uuid4(),
        version=Version.V2,
        app="jupyter",
        protocol=Protocol.HTTP,
        session_id="s",
        listener=PortListener(host, 0),
        routes=(to(app),),
    )
    return replace(circuit, **changes)  # type: ignore[arg-type]


def port_of(circuit: Circuit) -> int:
    assert circuit.port
    return circuit.port


@contextlib.asynccontextmanager
async def a_node() -> AsyncIterator[Node]:
    node = Node()
    try:
        yield node
    finally:
        await node.listeners.close_all()
        await node.listeners.close_all()
        open_ = node.engine.open
        await eventually(lambda: not open_.clients and not open_.tunnels, "everything is closed")


async def test_a_circuit_gets_a_real_port_that_answers():
    async with raw_app() as app, a_node() as node:
        circuit = await node.open(app)
        assert circuit.port
        assert node.listeners.alive(circuit)
        async with raw_client(port_of(circuit)) as client:
            await client.send(GET)
            assert (await client.answer())[1] == b"ok"


async def test_a_port_in_use_is_a_problem_and_leaves_nothing():
    async with raw_app() as app, a_node() as node:
        circuit = await node.open(app)
        again = circuit_to(app, listener=circuit.listener)
        problem = await node.listeners.open(again)
        assert isinstance(problem, Problem)
        assert problem.code == "appproxy/port-not-available"
        assert "in use" in problem.msg
        assert not node.listeners.alive(again)


@pytest.mark.parametrize("host", ["192.0.2.1", "no.such.name.invalid"])
async def test_a_host_that_is_not_ours_is_a_problem(host: str):
    async with raw_app() as app, a_node() as node:
        problem = await node.listeners.open(circuit_to(app, host))
        assert isinstance(problem, Problem)
        assert problem.code == "appproxy/port-not-available"


async def test_d13_a_closed_port_can_be_opened_again_at_once():
    async with raw_app() as app, a_node() as node:
        circuit = await node.open(app)
        async with raw_client(port_of(circuit)) as client:
            await client.send(GET)
            await client.answer()
            await node.listeners.close(circuit, CloseReason.REQUESTED)
            await client.end()
        assert not node.listeners.alive(circuit)
        with pytest.raises(OSError, match=r"refused|Connect"):
            await asyncio.open_connection("127.0.0.1", circuit.port)
        again = await node.listeners.open(circuit)
        assert isinstance(again, Circuit)
        assert again.port == circuit.port


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1,::1", "::", ""])
async def test_both_families(host: str):
    async with raw_app() as app, a_node() as node:
        circuit = await node.open(app, host)
        for address in ("127.0.0.1", "::1"):
            async with raw_client(port_of(circuit), address) as client:
                await client.send(GET)
                assert (await client.answer())[1] == b"ok"


async def test_closing_one_circuit_ends_exactly_its_connections():
    async def app_script(link: AppLink) -> None:
        head = await link.head()
        if b"Upgrade" in head:
            await link.send(SWITCH)
        await link.end()

    async with raw_app(app_script) as app, a_node() as node:
        one, two = await node.open(app), await node.open(app)
        async with contextlib.AsyncExitStack() as stack:
            idle, busy, tunnel, other, other_tunnel = [
                await stack.enter_async_context(raw_client(port))
                for port in map(port_of, (one, one, one, two, two))
            ]
            for client in (tunnel, other_tunnel):
                await client.send(UPGRADE)
                await client.head()
            for client in (busy, other):
                await client.send(GET)
            await eventually(lambda: app.received.count(b"GET") == 4)
            await node.listeners.close(one, CloseReason.SESSION_ENDED)
            assert await idle.end() == b""
            assert (await busy.end()).startswith(b"HTTP/1.1 503 ")
            assert await tunnel.end() == b""
            assert node.engine.open.of_circuit(one.id) == 0
            assert node.engine.open.of_circuit(two.id) == 2
            await other_tunnel.send(b"still there")
            await eventually(lambda: b"still there" in app.received)
            assert not other.received


async def test_the_listener_that_died_is_noticed():
    async with raw_app() as app, a_node() as node:
        circuit = await node.open(app)
        node.listeners._ports[circuit.id].servers[0].close()
        await eventually(lambda: not node.listeners.alive(circuit))


async def test_raw_circuits_get_raw_protocols_and_are_closed_too():
    async with raw_app() as app, a_node() as node:
        for changes in ({"protocol": Protocol.TCP}, {"version": Version.V1}):
            circuit = await node.open(app, **changes)
            async with raw_client(port_of(circuit)) as client:
                assert await client.until(b"raw") == b"raw"
                await node.listeners.close(circuit, CloseReason.REQUESTED)
                assert await client.end() == b""


async def test_closed_connections_are_forgotten():
    async with raw_app() as app, a_node() as node:
        circuit = await node.open(app, protocol=Protocol.TCP)
        for _ in range(200):
            async with raw_client(port_of(circuit)) as client:
                await client.until(b"raw")
        accepted = node.listeners._ports[circuit.id].accepted
        assert len(accepted._transports) < 150


async def test_circuits_of_the_wildcard_domain_share_a_port():
    async with raw_app() as app, a_node() as node:
        circuit = circuit_to(app, listener=HostListener("label"))
        assert await node.listeners.open(circuit) is circuit
        assert not node.listeners.alive(circuit)
        port = await node.listeners.serve_site("127.0.0.1", 0, node.http(circuit))
        assert isinstance(port, int)
        assert node.listeners.alive(circuit)
        async with raw_client(port) as client:
            await client.send(GET)
            assert (await client.answer())[1] == b"ok"
            await node.listeners.close(circuit, CloseReason.REQUESTED)
            await client.send(GET)  # the shared connection stays
            assert (await client.answer())[1] == b"ok"
        taken = await node.listeners.serve_site("127.0.0.1", port, node.http(circuit))
        assert isinstance(taken, Problem)


async def test_a_client_that_never_greets_a_tls_port_is_closed():
    async with raw_app() as app, a_node() as node:
        node.engine.rules = EngineRules(head_seconds=0.05)
        listeners = Listeners(node.engine, node.factories, tls={Alpn.HTTP1: tls_context("good")})
        circuit = await listeners.open(circuit_to(app))
        assert isinstance(circuit, Circuit)
        assert await exchange(port_of(circuit), b"") == b""
        assert app.links == []
        await listeners.close_all()


async def test_a_site_on_a_unix_socket(tmp_path):
    path = tmp_path / "gw.sock"
    async with raw_app() as app, a_node() as node:
        factory = node.http(circuit_to(app))
        assert await node.listeners.serve_site(f"unix:{path}", 0, factory) == 0
        reader, writer = await asyncio.open_unix_connection(str(path))
        writer.write(b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
        assert (await reader.read()).endswith(b"ok")
        writer.close()
        await writer.wait_closed()
        nowhere = await node.listeners.serve_site("unix:/no/such/dir/s", 0, factory)
        assert isinstance(nowhere, Problem)
    assert not path.exists()


async def test_draining_lets_requests_finish_and_closes_tunnels_last():
    async def app_script(link: AppLink) -> None:
        head = await link.head()
        if b"Upgrade" in head:
            await link.send(SWITCH)
            await link.end()
        await link.until(b"body")
        await link.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    async with raw_app(app_script) as app, a_node() as node:
        circuit = await node.open(app)
        raw = await node.open(app, protocol=Protocol.TCP)
        async with contextlib.AsyncExitStack() as stack:
            idle, busy, tunnel, raw_tunnel = [
                await stack.enter_async_context(raw_client(port))
                for port in map(port_of, (circuit, circuit, circuit, raw))
            ]
            await raw_tunnel.until(b"raw")
            await tunnel.send(UPGRADE)
            await tunnel.head()
            await busy.send(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\n")
            await eventually(lambda: b"POST" in app.received)
            await idle.send(b"")
            draining = asyncio.ensure_future(node.listeners.drain(60))
            assert await idle.end() == b""
            with pytest.raises(OSError, match=r"refused|Connect"):
                await asyncio.open_connection("127.0.0.1", circuit.port)
            assert isinstance(await node.listeners.open(circuit_to(app)), Problem)
            await tunnel.send(b"alive")
            await eventually(lambda: b"alive" in app.received)
            await busy.send(b"body")
            head, body = await busy.answer()
            assert body == b"ok"
            assert b"Connection: close\r\n" in head
            assert await busy.end() == b""
            assert await tunnel.end() == b""
            assert await raw_tunnel.end() == b""
            await asyncio.wait_for(draining, WAIT)


async def test_draining_hears_out_who_still_sends_after_an_early_answer():
    """Closing at once would be a reset, and could take the answer along."""

    async def app_script(link: AppLink) -> None:
        await link.head()
        await link.send(b"HTTP/1.1 413 No\r\nContent-Length: 2\r\n\r\nno")
        await link.end()

    async with raw_app(app_script) as app, a_node() as node:
        node.engine.rules = EngineRules(linger=60)
        circuit = await node.open(app)
        async with raw_client(port_of(circuit)) as client:
            await client.send(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 999999\r\n\r\nabc")
            assert (await client.answer())[1] == b"no"
            draining = asyncio.ensure_future(node.listeners.drain(60))
            await asyncio.sleep(0)
            for _ in range(2):
                await client.send(bytes(100_000))
            assert await client.end() == b""
            assert len(node.engine.open.clients) == 1  # still heard out
            await client.close()
            await asyncio.wait_for(draining, WAIT)


async def test_draining_aborts_what_does_not_end():
    async with raw_app(just_read) as app, a_node() as node:
        circuit = await node.open(app)
        async with raw_client(port_of(circuit)) as client:
            await client.send(GET)
            await eventually(lambda: b"GET" in app.received)
            await asyncio.wait_for(node.listeners.drain(0.1), WAIT)
            with contextlib.suppress(ConnectionResetError):
                assert await client.end() == b""
            await app.links[0].ended.wait()


async def test_accepted_sockets_have_no_delay():
    async with raw_app(answering()) as app, a_node() as node:
        circuit = await node.open(app)
        async with raw_client(port_of(circuit)) as client:
            await client.send(GET)
            await client.answer()
            (one,) = node.engine.open.clients
            sock = one._transport.get_extra_info("socket")  # type: ignore[attr-defined]
            assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)


async def test_a_meter_lives_as_long_as_its_circuit():
    async with raw_app() as app, a_node() as node:
        circuit = await node.open(app)
        async with raw_client(port_of(circuit)) as client:
            await client.send(GET)
            await client.answer()
        assert node.engine.activity.meters[circuit.id].requests == 1
        node.engine.activity.seen(1.0)
        assert node.engine.activity.meter(None) is node.engine.activity.front
        await node.listeners.close(circuit, CloseReason.REQUESTED)
        assert circuit.id not in node.engine.activity.meters
        assert node.engine.activity.meter(circuit.id) == Meter()
