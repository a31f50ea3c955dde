"""State, circuits and the data plane of one node, put together."""

import asyncio
import time
from collections.abc import Callable, Iterable
from uuid import uuid4

from wsproxy.app import rules
from wsproxy.app.carrying import Carrying, Surroundings
from wsproxy.app.fleet import Fleet, Home
from wsproxy.app.gathering import Gathering
from wsproxy.app.witness import OutcomeWitness, opened_in
from wsproxy.circuits import CircuitRules, Circuits, ListenerHost
from wsproxy.collector import Collector
from wsproxy.config.settings import Settings
from wsproxy.core.admission import SetupAddresses, TcpAdmission, admit_tcp
from wsproxy.core.circuit import Alpn, Circuit, CloseReason, PortListener
from wsproxy.core.clientip import parse_address
from wsproxy.core.collection import CollectionRules
from wsproxy.core.heads import Peer
from wsproxy.core.problem import Problem
from wsproxy.core.routing import RouteTable
from wsproxy.core.selection import Standing
from wsproxy.core.setup import Places
from wsproxy.core.targets import Listening
from wsproxy.core.wire import Version
from wsproxy.data.checks import RouteChecks
from wsproxy.data.health import Routes
from wsproxy.data.listeners import Listeners
from wsproxy.manager.configurations import Configurations
from wsproxy.net.connect import Factory
from wsproxy.observe.metrics import Metrics
from wsproxy.state.factory import open_store
from wsproxy.state.feed import Feed


class Traffic:
    """Everything that carries bytes, and the circuits that say where they go.

    ``begin`` must be told the places before the first circuit is opened: with port 0 in the
    settings they are known only then.
    """

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        self._settings = settings
        self.configurations = Configurations()
        self.metrics = metrics
        self.routes = Routes(time.monotonic)
        self.setup_addresses = SetupAddresses()
        around = Surroundings(
            self.table,
            self.listening,
            self.configurations.by_id,
            self.routes,
            self._admit_tcp,
            self._gone,
        )
        self._carrying = Carrying(settings, around)
        self.streams = self._carrying.streams
        self.activity = self._carrying.activity
        self.engine = self._carrying.engine
        self.tls = self._carrying.tls
        self.listeners = Listeners(self.engine, self._carrying.factories, tls=self.tls)
        self._gathering = Gathering(self.table, self.activity, metrics, self.routes)
        self.store = open_store(settings.state.url.get_secret_value())
        self.feed = Feed(self.store, node=uuid4().hex)
        limits = CircuitRules(per_session=settings.limits.circuits_per_session)
        self.fleet = self._fleet(rules.processes(settings))
        self.host: ListenerHost = self.listeners if self.fleet is None else self.fleet
        self.circuits = Circuits(self.store, self.feed, self.host, limits)
        unused = CollectionRules(unused=settings.limits.unused_circuit)
        self.collector = Collector(self.circuits, self.activity.meters.get, unused)
        self._witness = OutcomeWitness(metrics, self.collector)
        dialer = self._carrying.dialer
        self.checks = RouteChecks(self.table, self.routes, dialer, count=self._looked)
        self.feed.on_change(self._forget)
        self.feed.on_change(self.checks.forget)
        self.feed.on_change(opened_in(metrics))
        if self.fleet is not None:
            self.feed.on_change(self.fleet.table_changed)
            self._gathering.begin(self.collector, self.circuits.close)
        metrics.watch_bytes(self.activity.carried)
        for version in Version:
            metrics.watch_circuits(version.value, self._counting(version))
        for standing in Standing:
            metrics.watch_routes(standing.value, self._standing(standing))

    async def begin(self, places: Places) -> None:
        """Read the state; from now on circuits can be opened."""
        self._carrying.begin(places, self._witness)
        await self.feed.start()
        self.collector.start()
        self.checks.start()

    def _looked(self, kind: str, good: bool) -> None:
        """A route was looked at; what that means is known right after."""
        self.metrics.route_check(kind, good)
        if self.fleet is not None:
            asyncio.get_running_loop().call_soon(self.fleet.tell_news)

    def _fleet(self, processes: int) -> Fleet | None:
        if processes == 1:
            return None
        home = Home(self.table, self.configurations.by_id, self._admit_tcp, self._gathering)
        return Fleet(self._settings, processes, home)

    async def serve_domain(self, host: str, port: int, factory: Factory) -> int | Problem:
        """Accept for the wildcard domain; ``factory`` serves it where there is one process."""
        if self.fleet is not None:
            return await self.fleet.serve_domain(host, port)
        tls = self.tls.get(Alpn.HTTP1)
        return await self.listeners.serve_site(host, port, factory, tls=tls)

    async def spread(self, places: Places) -> None:
        """Start the worker processes, if there are any, once all shared listeners are bound."""
        if self.fleet is not None:
            await self.fleet.start(places, tuple(Listening(*site) for site in self._sites()))

    def _sites(self) -> list[tuple[str, int]]:
        fleet = self.fleet.sites() if self.fleet is not None else []
        return [*self.listeners.sites(), *fleet]

    @property
    def connections(self) -> int:
        """Open connections of clients, and in several processes their tunnels."""
        fleet = self.fleet.connections if self.fleet is not None else 0
        return len(self.engine.open.clients) + fleet

    async def drain(self, grace: float) -> None:
        """Stop accepting, let requests finish within ``grace``, end tunnels last."""
        ends = [self.listeners.drain(grace)]
        if self.fleet is not None:
            ends.append(self.fleet.drain(grace))
        await asyncio.gather(*ends)

    async def close(self) -> None:
        """End everything at once. Idempotent."""
        await self.checks.close()
        await self.collector.close()
        await self.circuits.stop()
        await self.listeners.close_all()
        if self.fleet is not None:
            await self.fleet.close_all()
        await self.streams.close()
        await self.feed.close()
        await self.store.close()

    def _counting(self, version: Version) -> Callable[[], int]:
        return lambda: sum(one.version is version for one in self.table().all())

    def _standing(self, standing: Standing) -> Callable[[], int]:
        return lambda: sum(
            self.routes.standing(circuit, route) is standing
            for circuit in self.table().endpoints()
            for route in circuit.routes
        )

    def table(self) -> RouteTable:
        return self.feed.table

    def wildcard(self) -> Factory:
        """Serves the wildcard domain."""
        return self._carrying.wildcard()

    def listening(self, port: int) -> Iterable[Listening]:
        """Our own listeners with this port: no route may lead to one (design 9, Targets)."""
        for host, bound in self._sites():
            if bound == port:
                yield Listening(host, port)
        circuit = self.table().by_port(port)
        if circuit is not None and isinstance(circuit.listener, PortListener):
            for host in circuit.listener.host.split(","):
                yield Listening(host, port)

    def _admit_tcp(self, circuit: Circuit, peer: Peer) -> bool:
        rule = TcpAdmission(self._settings.v2.tcp_admission)
        return admit_tcp(circuit, parse_address(peer.host), rule, self.setup_addresses) is None

    async def _gone(self, circuit: Circuit, reason: CloseReason) -> None:
        await self.circuits.close(circuit.id, reason)

    def _forget(self, before: RouteTable, after: RouteTable) -> None:
        for circuit in before.gone_in(after):
            self.setup_addresses.forget(circuit.id)
