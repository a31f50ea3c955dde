"""The management API on circuits whose listeners are not real."""

import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from tests.support.circuits import PORTS, FakeHost
from tests.support.stores import FailingStore
from wsproxy.api import health
from wsproxy.api.cross_origin import CrossOriginRules
from wsproxy.api.endpoint import Endpoint
from wsproxy.api.guard import by_secret
from wsproxy.api.server import ApiPolicy, build
from wsproxy.api.v2 import management
from wsproxy.circuits import CircuitRules, Circuits, Opened, Want
from wsproxy.collector import Collector
from wsproxy.core.circuit import Circuit
from wsproxy.core.collection import CollectionRules
from wsproxy.core.cors import Origins
from wsproxy.core.documents import NodeFacts
from wsproxy.core.meter import Meter
from wsproxy.core.wire import Version
from wsproxy.state.feed import Feed, FeedRules
from wsproxy.state.memory import MemoryStore

SECRET = "an api secret for tests"
NODE = NodeFacts(
    id=UUID(int=77),
    authority="gateway.example:5050",
    hostname="gateway.example",
    api_port=5050,
    started_at=1_800_000_000.0,
    ports=PORTS,
)
Client = TestClient[web.Request, web.Application]


@dataclass(slots=True)
class Managed:
    """One node: its circuits, what they carried, and a client that knows the secret."""

    store: FailingStore
    feed: Feed
    host: FakeHost
    circuits: Circuits
    collector: Collector
    client: Client
    now: list[float]
    meters: dict[UUID, Meter] = field(default_factory=dict)
    draining: bool = False

    async def open(self, want: Want) -> Circuit:
        outcome = await self.circuits.open(want)
        assert isinstance(outcome, Opened), outcome
        return outcome.circuit

    async def ask(self, method: str, path: str, **options: Any) -> tuple[int, Any]:
        """With the secret; every answer must be JSON and carry the version."""
        headers = {"X-BackendAI-Token": SECRET, "Accept": "application/json"}
        headers.update(options.pop("headers", {}))
        async with self.client.request(method, path, headers=headers, **options) as response:
            assert "X-BackendAI-Wsproxy-Version" in response.headers
            return response.status, await response.json()


@contextlib.asynccontextmanager
async def managed(
    node: NodeFacts = NODE,
    endpoints: Callable[["Managed"], Sequence[Endpoint]] | None = None,
    unused: float = 100.0,
) -> AsyncIterator[Managed]:
    """A running node; time stands still at ``now[0]``."""
    now = [1_800_000_000.0]

    def clock() -> float:
        return now[0]

    store, host = FailingStore(MemoryStore(clock)), FakeHost()
    feed = Feed(store, "n1", FeedRules(wait=0.05, retry=0.01))
    circuits = Circuits(store, feed, host, CircuitRules(retry=0.01), clock=clock)
    meters: dict[UUID, Meter] = {}
    rules = CollectionRules(unused=unused, failures=3, failing_for=20.0)
    collector = Collector(circuits, meters.get, rules, period=0.01, clock=clock)
    server = Managed(store, feed, host, circuits, collector, None, now, meters)  # type: ignore[arg-type]  # set below
    rows = (endpoints or (lambda one: every_endpoint(one, node)))(server)
    policy = ApiPolicy(Version.V1, CrossOriginRules(Origins(), Origins()), _host_allowed)
    async with TestClient(TestServer(build(rows, policy))) as client:
        server.client = client
        await feed.start()
        try:
            yield server
        finally:
            await collector.close()
            await circuits.stop()
            await feed.close()
            await store.close()


def every_endpoint(one: Managed, node: NodeFacts) -> list[Endpoint]:
    """As the gateway puts them together."""

    def clock() -> float:
        return one.now[0]

    part = management.ManagementPart(node, one.circuits, one.collector, one.meters.get, clock)
    check = health.HealthPart(
        node,
        one.circuits,
        one.collector,
        ready=lambda: one.feed.ready and not one.draining,
        degraded=lambda: one.feed.degraded,
        clock=clock,
    )
    guard = by_secret(SECRET, clock)
    return [*management.endpoints(part, guard), *health.endpoints(check, guard)]


def _host_allowed(host: str, insists: bool) -> bool:
    return not insists or host.startswith("127.0.0.1")
