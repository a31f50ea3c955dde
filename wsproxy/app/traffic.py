"""State, circuits and the data plane of one node, put together."""

import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from uuid import uuid4

from yarl import URL

from wsproxy.app import rules
from wsproxy.app.witness import OutcomeWitness
from wsproxy.circuits import CircuitRules, Circuits
from wsproxy.collector import Collector
from wsproxy.config.settings import Settings
from wsproxy.core.admission import SetupAddresses, TcpAdmission, admit_tcp
from wsproxy.core.circuit import Circuit, CloseReason, Mode, PortListener, ThroughManager
from wsproxy.core.clientip import parse_address
from wsproxy.core.collection import CollectionRules
from wsproxy.core.configuration import Mode as ManagerMode
from wsproxy.core.heads import Peer
from wsproxy.core.routing import RouteTable
from wsproxy.core.selection import Standing
from wsproxy.core.setup import Places
from wsproxy.core.targets import Listening
from wsproxy.core.wire import Version
from wsproxy.data.accepted import Plane
from wsproxy.data.activity import Activity
from wsproxy.data.checks import RouteChecks
from wsproxy.data.client import serve
from wsproxy.data.dial import Dialer
from wsproxy.data.engine import Engine
from wsproxy.data.health import Routes
from wsproxy.data.listeners import Factories, Listeners
from wsproxy.data.sites import CircuitSite, SiteRules, WildcardSite
from wsproxy.data.tcp import serve_tcp
from wsproxy.data.v1 import V1Listener, local_only
from wsproxy.data.watched import Watched
from wsproxy.manager.configurations import Configurations
from wsproxy.manager.stream import ManagerStreams
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
        self._places: Places | None = None
        self.configurations = Configurations()
        self.streams = ManagerStreams(self.configurations.by_id, rules.stream_rules(settings))
        dialer = Dialer(rules.dial_rules(settings, self.listening), self.streams)
        self.activity = Activity()
        self.engine = Engine(dialer, self.activity, rules.engine_rules(settings))
        self._plane = Plane(
            dialer,
            self.engine.open,
            self.activity,
            self.engine.tasks,
            per_client=settings.limits.connections_per_client,
            left=lambda circuit, seconds: self._witness.connection_left(circuit, seconds),
        )
        self._v1_plane = self._plane
        if not settings.v1.remote:  # all clients have one address: it is no measure
            self._v1_plane = replace(self._plane, per_client=0)
        self.tls = rules.tls_context(settings)
        factories = Factories(http=self._http, tcp=self._tcp, v1=self._v1)
        self.listeners = Listeners(self.engine, factories, tls=self.tls)
        self.store = open_store(settings.state.url.get_secret_value())
        self.feed = Feed(self.store, node=uuid4().hex)
        limits = CircuitRules(per_session=settings.limits.circuits_per_session)
        self.circuits = Circuits(self.store, self.feed, self.listeners, limits)
        unused = CollectionRules(unused=settings.limits.unused_circuit)
        self.collector = Collector(self.circuits, self.activity.meters.get, unused)
        self.metrics = metrics
        self._witness = OutcomeWitness(metrics, self.collector)
        self.setup_addresses = SetupAddresses()
        self.routes = Routes(time.monotonic)
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
        self._places = places
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
        return self.circuits.table

    def wildcard(self) -> Factory:
        """Serves the wildcard domain."""
        return serve(self.engine, Watched(WildcardSite(self._rules(), self.routes), self._witness))

    def listening(self, port: int) -> Iterable[Listening]:
        """Our own listeners with this port: no route may lead to one (design 9, Targets)."""
        for host, bound in self.listeners.sites():
            if bound == port:
                yield Listening(host, port)
        circuit = self.table().by_port(port)
        if circuit is not None and isinstance(circuit.listener, PortListener):
            for host in circuit.listener.host.split(","):
                yield Listening(host, port)

    # what serves a circuit's port

    def _rules(self) -> SiteRules:
        settings, places = self._settings, self._places
        assert places is not None, "begin() comes first"
        webserver = URL(settings.manager.webserver).host if settings.manager.webserver else None
        names = (webserver, *_login_hosts(settings))
        return SiteRules(
            table=self.table,
            places=places,
            keys=rules.keys(settings),
            admission=rules.admission_rules(settings, places),
            trusted=settings.gateway.trusted_proxies,
            login_cookies=frozenset(name.encode() for name in settings.v2.login_cookies),
            login_hosts=frozenset(name.lower() for name in names if name),
        )

    def _http(self, circuit: Circuit) -> Factory:
        assert circuit.port is not None
        site = CircuitSite(self._rules(), self.routes, circuit.id, circuit.port)
        return serve(self.engine, Watched(site, self._witness))

    def _tcp(self, circuit: Circuit) -> Factory:
        def current() -> Circuit | None:
            return self.table().by_id(circuit.id)

        return serve_tcp(self._plane, circuit, self._admit_tcp, current)

    def _admit_tcp(self, circuit: Circuit, peer: Peer) -> bool:
        rule = TcpAdmission(self._settings.v2.tcp_admission)
        return admit_tcp(circuit, parse_address(peer.host), rule, self.setup_addresses) is None

    def _v1(self, circuit: Circuit) -> Factory:
        route = circuit.routes[0]
        assert isinstance(route, ThroughManager)
        configuration = self.configurations.by_id(route.configuration)
        mode = configuration.mode if configuration is not None else ManagerMode.API
        admit = _anyone if self._settings.v1.remote else local_only
        return V1Listener(self._v1_plane, circuit, mode, self._gone, admit)

    async def _gone(self, circuit: Circuit, reason: CloseReason) -> None:
        await self.circuits.close(circuit.id, reason)

    def _forget(self, before: RouteTable, after: RouteTable) -> None:
        for circuit in before.gone_in(after):
            self.setup_addresses.forget(circuit.id)


def _anyone(circuit: Circuit, peer: Peer) -> bool:
    return True


def _login_hosts(settings: Settings) -> Iterable[str]:
    """Where a browser may have the web server's cookie: its name is also the apps' on a laptop."""
    if settings.manager.forward:
        yield URL(settings.base_url()).host or ""
