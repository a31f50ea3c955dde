"""A data plane for tests: one listener, one site that passes everything to given routes."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Callable
from uuid import UUID

from tests.support.apps import RawApp, eventually
from wsproxy.core.circuit import Direct, Route
from wsproxy.core.headers import HeaderRules, upstream_headers
from wsproxy.core.heads import Peer, RequestHead
from wsproxy.core.wire import Version
from wsproxy.data.client import serve
from wsproxy.data.dial import Dialer, DialRules, StreamOpener
from wsproxy.data.engine import Engine
from wsproxy.data.rules import EngineRules
from wsproxy.data.site import Forward, Outcome, Plan

CIRCUIT = UUID("00000000-0000-4000-8000-000000000001")


class PassSite:
    """Forwards everything, unless ``planner`` says otherwise; keeps what was recorded."""

    def __init__(self, *routes: Route) -> None:
        self.routes = routes
        self.rules = HeaderRules()
        self.version = Version.V2
        self.response_headers: tuple[tuple[bytes, bytes], ...] = ()
        self.planner: Callable[[RequestHead, Peer], Plan | None] = lambda head, peer: None
        self.heads: list[RequestHead] = []
        self.outcomes: list[Outcome] = []

    def plan(self, head: RequestHead, peer: Peer) -> Plan:
        self.heads.append(head)
        return self.planner(head, peer) or Forward(
            self.routes,
            upstream_headers(head, peer, self.rules),
            self.version,
            self.response_headers,
            CIRCUIT,
        )

    def passed(self, forward: Forward, status: int, seconds: float) -> bool:
        return False

    def record(self, outcome: Outcome) -> None:
        self.outcomes.append(outcome)

    async def outcome(self, number: int = 0) -> Outcome:
        """What was recorded as the given one, once it is there."""
        await eventually(lambda: len(self.outcomes) > number, f"outcome {number}")
        return self.outcomes[number]


def to(app: RawApp) -> Direct:
    return Direct(app.host, app.port)


class Gateway:
    """A running listener of the engine."""

    def __init__(self, site: PassSite, engine: Engine, port: int) -> None:
        self.site = site
        self.engine = engine
        self.port = port


@contextlib.asynccontextmanager
async def gateway(
    *routes: Route | RawApp,
    rules: EngineRules | None = None,
    dial: DialRules | None = None,
    streams: StreamOpener | None = None,
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[Gateway]:
    """A gateway before the given apps; when it ends nothing may be left open."""
    site = PassSite(*(to(one) if isinstance(one, RawApp) else one for one in routes))
    engine = Engine(Dialer(dial or DialRules(), streams), rules=rules)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(serve(engine, site), "127.0.0.1", 0, ssl=tls)
    try:
        yield Gateway(site, engine, server.sockets[0].getsockname()[1])
    finally:
        engine.draining = True  # as when a node stops
        server.close()
        await server.wait_closed()
        for client in list(engine.open.clients):
            client.abort()
        for tunnel in list(engine.open.tunnels):
            tunnel.abort()
        await engine.close()
        await eventually(lambda: not engine.open.clients and not engine.open.tunnels, "all gone")
        await eventually(lambda: "open=0" in repr(engine.pool), f"{engine.pool} is empty")
        assert not len(engine.tasks)
        assert engine.open.of_circuit(CIRCUIT) == 0
        assert engine.open.wheel.waiting == 0
        assert all(meter.connections == 0 for meter in engine.activity.meters.values())
