"""State, circuits and the data plane of one node, put together."""

import time
from collections.abc import Callable, Iterable
from uuid import uuid4

from wsproxy.app.carrying import Carrying, Surroundings
from wsproxy.app.witness import OutcomeWitness
from wsproxy.circuits import CircuitRules, Circuits
from wsproxy.collector import Collector
from wsproxy.config.settings import Settings
from wsproxy.core.admission import SetupAddresses, TcpAdmission, admit_tcp
from wsproxy.core.circuit import Circuit, CloseReason, Mode, PortListener
from wsproxy.core.clientip import parse_address
from wsproxy.core.collection import CollectionRules
from wsproxy.core.heads import Peer
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
        self.store = open_store(settings.state.url.get_secret_value())
        self.feed = Feed(self.store, node=uuid4().hex)
        limits = CircuitRules(per_session=settings.limits.circuits_per_session)
        self.circuits = Circuits(self.store, self.feed, self.listeners, limits)
        unused = CollectionRules(unused=settings.limits.unused_circuit)
        self.collector = Collector(self.circuits, self.activity.meters.get, unused)
        self._witness = OutcomeWitness(metrics, self.collector)
        dialer = self._carrying.dialer
        self.checks = RouteChecks(self.table, self.routes, dialer, count=metrics.route_check)
        self.feed.on_change(self._forget)
        self.feed.on_change(self.checks.forget)
        self.feed.on_change(self._witness.table_changed)
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

    async def close(self) -> None:
        """End everything at once. Idempotent."""
        await self.checks.close()
        await self.collector.close()
        await self.circuits.stop()
        await self.listeners.close_all()
        await self.streams.close()
        await self.feed.close()
        await self.store.close()

    def _counting(self, version: Version) -> Callable[[], int]:
        return lambda: sum(one.version is version for one in self.table().all())

    def _standing(self, standing: Standing) -> Callable[[], int]:
        return lambda: sum(
            self.routes.standing(circuit, route) is standing
            for circuit in self.table().all()
            if circuit.mode is Mode.INFERENCE
            for route in circuit.routes
        )

    def table(self) -> RouteTable:
        return self.feed.table

    def wildcard(self) -> Factory:
        """Serves the wildcard domain."""
        return self._carrying.wildcard()

    def listening(self, port: int) -> Iterable[Listening]:
        """Our own listeners with this port: no route may lead to one (design 9, Targets)."""
        for host, bound in self.listeners.sites():
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
