"""A real gRPC client at a real gRPC app, through a whole gateway: plain, and over TLS."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import grpc
import pytest

from tests.support.apps import eventually, exchange
from tests.support.authority import root_certificates, tls_files, trusting
from tests.support.models import body, route
from tests.support.node import SECRETS, Node, node, settings
from tests.support.rpc import CHAT, ECHO, WAIT, RpcApp, channel, rpc_app
from wsproxy.core.circuit import Circuit, CloseReason

MIB = 1 << 20
SECRET = {"X-BackendAI-Token": SECRETS["api-secret"]}
ENDED = CloseReason.SESSION_ENDED
TLS = pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])


@dataclass
class Stage:
    """An opened gRPC app."""

    node: Node
    app: RpcApp
    port: int
    session: str
    roots: bytes

    def channel(self) -> Any:
        return channel(self.port, self.roots)

    @property
    def circuit(self) -> Circuit:
        (found,) = self.node.gateway.traffic.table().all()
        return found


@contextlib.asynccontextmanager
async def stage(tls: Path | None = None, **query: str) -> AsyncIterator[Stage]:
    """``tls``: where its files may be."""
    admin = {"admin-bind": "127.0.0.1:0"}
    config = settings(tls=tls_files(tls) if tls else {}, gateway=admin)
    roots, session = root_certificates() if tls else b"", str(uuid4())
    async with rpc_app() as app, node(config, trusting() if tls else None) as gateway:
        query = {"app": "model", "protocol": "grpc", **query}
        host, port = await gateway.open_tcp(app.port, session, **query)
        assert host == "127.0.0.1"
        yield Stage(gateway, app, port, session, roots)


@TLS
async def test_unary_calls_with_metadata_and_large_messages(tls: bool, tmp_path: Path) -> None:
    async with stage(tmp_path if tls else None) as on, on.channel() as to:
        big = bytes(range(256)) * (MIB // 256)
        call = to.unary_unary(ECHO)(big, timeout=30, metadata=(("from-client", "yes"),))
        assert await call == big
        assert dict(await call.trailing_metadata())["from-app"] == "yes"
        assert on.app.metadata[0]["from-client"] == "yes"
        with pytest.raises(grpc.aio.AioRpcError) as failed:
            await to.unary_unary(ECHO)(b"fail", timeout=30)
        assert failed.value.code() is grpc.StatusCode.FAILED_PRECONDITION
        assert failed.value.details() == "as asked"


@TLS
async def test_a_stream_both_ways(tls: bool, tmp_path: Path) -> None:
    async with stage(tmp_path if tls else None) as on, on.channel() as to:
        call = to.stream_stream(CHAT)(timeout=60)
        for number in range(5):
            said = b"%d" % number + bytes(MIB)
            await call.write(said)
            assert await call.read() == said[::-1]  # the answer comes before the client ends
        await call.done_writing()
        assert await call.read() == b"bye"
        assert await call.read() is grpc.aio.EOF
        assert await call.code() is grpc.StatusCode.OK


@TLS
async def test_many_calls_share_one_connection(tls: bool, tmp_path: Path) -> None:
    async with stage(tmp_path if tls else None) as on, on.channel() as to:
        asked = [b"%d" % number * 1000 for number in range(50)]
        calls = [to.unary_unary(ECHO)(one, timeout=60) for one in asked]
        assert await asyncio.gather(*calls) == asked
        traffic = on.node.gateway.traffic
        meter = traffic.activity.meter(on.circuit.id)
        assert meter.connections == 1
        assert meter.bytes_in > sum(map(len, asked))
        assert meter.bytes_out > sum(map(len, asked))
        assert meter.last_user_bytes > 0


@TLS
async def test_a_deadline_and_a_cancelled_call_reach_the_app(tls: bool, tmp_path: Path) -> None:
    async with stage(tmp_path if tls else None) as on, on.channel() as to:
        assert await to.unary_unary(ECHO)(b"first", timeout=30) == b"first"
        with pytest.raises(grpc.aio.AioRpcError) as late:
            await to.unary_unary(WAIT)(b"", timeout=2)
        assert late.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        await asyncio.wait_for(on.app.cancelled.wait(), 30)
        on.app.cancelled.clear()
        on.app.waiting.clear()
        call = to.unary_unary(WAIT)(b"", timeout=60)
        waiting = asyncio.ensure_future(call)
        await asyncio.wait_for(on.app.waiting.wait(), 30)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        await asyncio.wait_for(on.app.cancelled.wait(), 30)
        assert await to.unary_unary(ECHO)(b"still", timeout=30) == b"still"


@TLS
async def test_closing_the_session_ends_the_calls(tls: bool, tmp_path: Path) -> None:
    async with stage(tmp_path if tls else None) as on, on.channel() as to:
        call = asyncio.ensure_future(to.unary_unary(WAIT)(b"", timeout=60))
        await asyncio.wait_for(on.app.waiting.wait(), 30)
        traffic = on.node.gateway.traffic
        assert await traffic.circuits.close_session(on.session, reason=ENDED) == 1
        with pytest.raises(grpc.aio.AioRpcError) as ended:
            await asyncio.wait_for(call, 30)  # it gives no farewell over TLS: nobody waits for one
        assert ended.value.code() is grpc.StatusCode.UNAVAILABLE
        await asyncio.wait_for(on.app.cancelled.wait(), 30)
        await eventually(lambda: not traffic.engine.open.tunnels, "nothing is left open")
        with pytest.raises(ConnectionError):
            await exchange(on.port, b"")
        metrics = await on.node.get(on.node.gateway.addresses.admin + "/metrics")
        assert b'wsproxy_tunnels_total{version="v2"} 1.0' in metrics.body


@TLS
async def test_who_did_not_open_the_app_gets_nowhere(tls: bool, tmp_path: Path) -> None:
    """The address counts, as for TCP apps: here the setup page was never fetched."""
    config = settings(tls=tls_files(tmp_path) if tls else {})
    async with rpc_app() as app, node(config, trusting() if tls else None) as gateway:
        session = str(uuid4())
        token = await gateway.announce(app.port, session)
        opened = await gateway.auth(token, session, app="model", protocol="grpc")
        (circuit,) = gateway.gateway.traffic.table().all()
        assert circuit.port is not None
        roots = root_certificates() if tls else b""
        async with channel(circuit.port, roots) as to:
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await to.unary_unary(ECHO)(b"x", timeout=30)
        assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
        assert app.calls == []
        await gateway.get(opened["redirect_url"])
        async with channel(circuit.port, roots) as to:
            assert await to.unary_unary(ECHO)(b"x", timeout=30) == b"x"


async def test_an_open_app_needs_no_setup_and_a_list_of_addresses_still_counts() -> None:
    async with rpc_app() as app, node() as gateway:
        for allowed, works in (("127.0.0.0/8", True), ("10.0.0.0/8", False)):
            session = str(uuid4())
            token = await gateway.announce(app.port, session)
            rules = {"open_to_public": "true", "allowed_client_ips": allowed}
            await gateway.auth(token, session, app="model", protocol="grpc", **rules)
            table = gateway.gateway.traffic.table()
            (circuit,) = (one for one in table.all() if one.session_id == session)
            assert circuit.port is not None
            async with channel(circuit.port) as to:
                call = to.unary_unary(ECHO)(b"x", timeout=30)
                if works:
                    assert await call == b"x"
                else:
                    with pytest.raises(grpc.aio.AioRpcError):
                        await call
        assert app.calls == [ECHO]


async def test_in_wildcard_mode_it_has_a_port_of_its_own() -> None:
    """A name below the domain belongs to HTTP/1 apps; the advertised host is the gateway's."""
    domain = {"domain": ".apps.example", "domain-bind": "127.0.0.1:0"}
    async with rpc_app() as app, node(settings(v2=domain)) as gateway:
        host, port = await gateway.open_tcp(app.port, app="model", protocol="grpc")
        assert (host, port in range(20000, 30000)) == ("127.0.0.1", True)
        async with channel(port) as to:
            assert await to.unary_unary(ECHO)(b"x", timeout=30) == b"x"


async def test_an_open_endpoint_that_speaks_grpc() -> None:
    """Inference: the manager is told the address with its scheme; nobody can show a token."""
    async with rpc_app() as app, node() as gateway:
        for is_open in (False, True):
            document = body(route(app.port, protocol="grpc"), open_to_public=is_open)
            path = f"/v2/endpoints/{uuid4()}"
            said = await gateway.ask("POST", path, json=document, headers=SECRET)
            place = urlsplit(said.json["endpoint"])
            assert place.scheme == "grpc"
            assert place.port
            async with channel(place.port) as to:
                call = to.unary_unary(ECHO)(b"x", timeout=30)
                if is_open:
                    assert await call == b"x"
                else:
                    with pytest.raises(grpc.aio.AioRpcError):
                        await call
        assert app.calls == [ECHO]
