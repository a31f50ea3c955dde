"""What carries the bytes of apps, put together: the same in one process and in each of several."""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, replace
from typing import Protocol

from yarl import URL

from wsproxy.app import rules
from wsproxy.config.settings import Settings
from wsproxy.core.circuit import Circuit, CloseReason, ThroughManager
from wsproxy.core.configuration import Configuration
from wsproxy.core.configuration import Mode as ManagerMode
from wsproxy.core.heads import Peer
from wsproxy.core.routing import RouteTable
from wsproxy.core.setup import Places
from wsproxy.core.targets import Listening
from wsproxy.data.accepted import Admit, Plane
from wsproxy.data.activity import Activity
from wsproxy.data.client import serve
from wsproxy.data.dial import Dialer
from wsproxy.data.engine import Engine
from wsproxy.data.h2 import Http2Only, only_h2
from wsproxy.data.health import Routes
from wsproxy.data.listeners import Factories
from wsproxy.data.site import Forward, Outcome, Site
from wsproxy.data.sites import CircuitSite, SiteRules, WildcardSite
from wsproxy.data.tcp import serve_tcp
from wsproxy.data.v1 import V1Listener, local_only
from wsproxy.data.watched import Watched
from wsproxy.manager.stream import ManagerStreams
from wsproxy.net.connect import Factory


class Witness(Protocol):
    """Is told how everything ended (``app.witness``)."""

    def __call__(self, outcome: Outcome) -> None: ...

    def passed(self, forward: Forward, status: int, seconds: float) -> bool: ...

    def connection_left(self, circuit: Circuit, seconds: float) -> None: ...

    def connection_tried(self, circuit: Circuit, connected: bool) -> None: ...


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the data plane asks, and whom it tells.

    ``listening``: our own listeners with a port. ``find``: the configuration that a route names.
    ``admit_tcp``: who may connect to a raw app. ``gone``: the manager does not know a v1 circuit's
    session.
    """

    table: Callable[[], RouteTable]
    listening: Callable[[int], Iterable[Listening]]
    find: Callable[[str], Configuration | None]
    routes: Routes
    admit_tcp: Admit
    gone: Callable[[Circuit, CloseReason], Awaitable[object]]


class Carrying:
    """The engine, and what serves each kind of circuit.

    ``begin`` comes before the first connection. ``processes`` share what one client and one app
    may have.
    """

    def __init__(self, settings: Settings, around: Surroundings, processes: int = 1) -> None:
        self._settings = settings
        self._around = around
        self._begun: tuple[Places, Witness] | None = None
        self.streams = ManagerStreams(around.find, rules.stream_rules(settings))
        self.dialer = Dialer(rules.dial_rules(settings, around.listening), self.streams)
        self.activity = Activity()
        engine_rules = rules.engine_rules(settings, processes)
        self.engine = Engine(self.dialer, self.activity, engine_rules)
        self._plane = Plane(
            self.dialer,
            self.engine.open,
            self.activity,
            self.engine.tasks,
            per_client=engine_rules.per_client,
            left=self._left,
            tried=self._tried,
        )
        self._v1_plane = self._plane
        if not settings.v1.remote:  # all clients have one address: it is no measure
            self._v1_plane = replace(self._plane, per_client=0)
        self.tls = rules.tls_contexts(settings)
        self.factories = Factories(http=self._http, tcp=self._tcp, v1=self._v1)

    def begin(self, places: Places, witness: Witness) -> None:
        """Where clients find apps, and who is told how everything ended."""
        self._begun = (places, witness)

    def _beginning(self) -> tuple[Places, Witness]:
        assert self._begun is not None, "begin() comes first"
        return self._begun

    def wildcard(self) -> Factory:
        """Serves the wildcard domain."""
        return self._serve(WildcardSite(self._rules(), self._around.routes))

    def _serve(self, site: Site) -> Factory:
        return serve(self.engine, Watched(site, self._beginning()[1]))

    def _left(self, circuit: Circuit, seconds: float) -> None:
        self._beginning()[1].connection_left(circuit, seconds)

    def _tried(self, circuit: Circuit, connected: bool) -> None:
        self._beginning()[1].connection_tried(circuit, connected)

    def _rules(self) -> SiteRules:
        settings, (places, _) = self._settings, self._beginning()
        webserver = URL(settings.manager.webserver).host if settings.manager.webserver else None
        names = (webserver, *_login_hosts(settings))
        return SiteRules(
            table=self._around.table,
            places=places,
            keys=rules.keys(settings),
            admission=rules.admission_rules(settings, places),
            trusted=settings.gateway.trusted_proxies,
            login_cookies=frozenset(name.encode() for name in settings.v2.login_cookies),
            login_hosts=frozenset(name.lower() for name in names if name),
        )

    def _http(self, circuit: Circuit) -> Factory:
        assert circuit.port is not None
        site = CircuitSite(self._rules(), self._around.routes, circuit.id, circuit.port)
        return self._serve(site)

    def _tcp(self, circuit: Circuit) -> Factory:
        def current() -> Circuit | None:
            return self._around.table().by_id(circuit.id)

        raw = serve_tcp(self._plane, circuit, self._around.admit_tcp, current)
        if circuit.alpn is None:
            return raw
        return only_h2(raw, serve(self.engine, Http2Only()))

    def _v1(self, circuit: Circuit) -> Factory:
        route = circuit.routes[0]
        assert isinstance(route, ThroughManager)
        configuration = self._around.find(route.configuration)
        mode = configuration.mode if configuration is not None else ManagerMode.API
        admit = anyone if self._settings.v1.remote else local_only
        return V1Listener(self._v1_plane, circuit, mode, self._around.gone, admit)


def anyone(circuit: Circuit, peer: Peer) -> bool:
    return True


def _login_hosts(settings: Settings) -> Iterable[str]:
    """Where a browser may have the web server's cookie: its name is also the apps' on a laptop."""
    if settings.manager.forward:
        yield URL(settings.base_url()).host or ""
