"""The sites of v2 circuits: one port for one circuit, or one domain for many (design 5, 9).

Per request: find the circuit in the route table, admit, then say how the request goes on. Nothing
here waits; the engine connects, relays and reports back.
"""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from urllib.parse import parse_qsl
from uuid import UUID

from wsproxy.core import hosts, setup
from wsproxy.core.admission import (
    AdmissionRules,
    Visit,
    admit,
    unregistered_label,
    unregistered_port,
)
from wsproxy.core.circuit import Circuit, Mode, Route
from wsproxy.core.clientip import client_address
from wsproxy.core.cors import Origins, Preflight, cors_headers
from wsproxy.core.forwarded import Networks
from wsproxy.core.headers import HeaderRules, upstream_headers
from wsproxy.core.heads import Peer, RawHeaders, RequestHead
from wsproxy.core.problem import Problem
from wsproxy.core.routing import RouteTable
from wsproxy.core.selection import in_order
from wsproxy.core.setup import Keys, Page, Places
from wsproxy.core.wire import SETUP_PATH, Version
from wsproxy.data.health import Routes
from wsproxy.data.site import Forward, Outcome, Plan, Refuse, Reply

_SETUP_METHODS = ("GET", "HEAD", "OPTIONS")


@dataclass(frozen=True, slots=True)
class SiteRules:
    """What the sites need of the settings.

    ``login_cookies`` are the web server's own; apps on one of the names ``login_hosts`` would get
    them too, because cookies ignore ports (design 5.3).
    """

    table: Callable[[], RouteTable]
    places: Places
    keys: Keys
    admission: AdmissionRules
    trusted: Networks = ()
    login_cookies: frozenset[bytes] = frozenset()
    login_hosts: frozenset[str] = frozenset()
    clock: Callable[[], float] = time.time
    draw: Callable[[], float] = random.random


class _Apps:
    """What both sites do once the circuit is known."""

    def __init__(self, rules: SiteRules, routes: Routes) -> None:
        self._rules = rules
        self._routes = routes

    @property
    def rules(self) -> SiteRules:
        return self._rules

    @property
    def routes(self) -> Routes:
        return self._routes

    def passed(self, forward: Forward, status: int, seconds: float) -> bool:
        return not self._routes.troubled

    def record(self, outcome: Outcome) -> None:
        self._routes.record(outcome)

    def _serve(self, circuit: Circuit, head: RequestHead, peer: Peer) -> Plan:
        rules = self._rules
        if head.path == SETUP_PATH and setup.own_setup(circuit, rules.places):
            return self._setup(circuit, head)
        client = None
        if circuit.allowed_client_ips:
            client = client_address(peer.host, head.values(b"x-forwarded-for"), rules.trusted)
        verdict = admit(Visit(circuit, head, client, rules.clock()), rules.admission)
        if isinstance(verdict, Problem):
            return Refuse(verdict, Version.V2)
        renewed: RawHeaders = ()
        if verdict.renew:
            renewed = ((b"Set-Cookie", verdict.renew.encode()),)
        header_rules = self._header_rules(circuit, head)
        forward = Forward(
            routes=in_order(circuit.routes, self._routes.standing_in(circuit), rules.draw),
            request_headers=upstream_headers(head, peer, header_rules),
            version=Version.V2,
            response_headers=renewed,
            circuit_id=circuit.id,
            way_back=circuit.way_back,
        )
        if renewed or verdict.until <= rules.clock() or header_rules.looks_at_target:
            return forward
        return replace(forward, again=_Again(self, circuit, verdict.until))

    def order(self, circuit: Circuit) -> tuple[Route, ...]:
        """The circuit's routes as they are tried now."""
        return in_order(circuit.routes, self._routes.standing_in(circuit), self._rules.draw)

    def _header_rules(self, circuit: Circuit, head: RequestHead) -> HeaderRules:
        rules = self._rules
        shared = rules.login_hosts and hosts.host_name(head.first(b"host")) in rules.login_hosts
        gateways_own = circuit.mode is Mode.INFERENCE and not circuit.open_to_public
        return HeaderRules(
            trusted=rules.trusted,
            login_cookies=rules.login_cookies if shared else frozenset(),
            strip_authorization=gateways_own,
            app=circuit.app,
        )

    # the one path of an app's origin that is ours (design 9, Permits)

    def _setup(self, circuit: Circuit, head: RequestHead) -> Plan:
        if head.method == "OPTIONS":
            return Reply(204, _cors(head, asks_first=True), Version.V2)
        if head.method not in _SETUP_METHODS:
            allow = (b"Allow", ", ".join(_SETUP_METHODS).encode())
            return Refuse(Problem("method-not-allowed"), Version.V2, (allow, *_cors(head)))
        page = self._page(circuit, head)
        if isinstance(page, Problem):
            return Refuse(page, Version.V2, _cors(head))
        headers = _raw(page.answer.headers) + _cors(head)
        return Reply(page.answer.status, headers, Version.V2, page.answer.body)

    def _page(self, circuit: Circuit, head: RequestHead) -> Page | Problem:
        """A token for another circuit is none here: the cookie would be of no use."""
        rules = self._rules
        try:
            token = dict(parse_qsl(head.query, max_num_fields=64)).get("token", "")
        except ValueError:
            token = ""
        if not token:
            return Problem("invalid-api-params", msg="token: Field required")

        def here(circuit_id: UUID) -> Circuit | None:
            return circuit if circuit_id == circuit.id else None

        return setup.page(token, here, rules.places, rules.keys, rules.clock())


def _raw(pairs: tuple[tuple[str, str], ...]) -> RawHeaders:
    return tuple((name.encode(), value.encode("latin-1")) for name, value in pairs)


def _cors(head: RequestHead, asks_first: bool = False) -> RawHeaders:
    """As ``/setup`` on the control API answers: readable for every page, no credentials."""
    preflight = None
    if asks_first:
        asked = head.first(b"access-control-request-headers")
        private = head.first(b"access-control-request-private-network") == "true"
        preflight = Preflight(_SETUP_METHODS, asked, private)
    return _raw(cors_headers("open", None, Origins(), preflight))


class _Again:
    """The plan of one request, good for more of them while nothing that it rests on has changed:
    the circuit, the time of its permit, and the target's being the app's.
    """

    __slots__ = (
        "_apps",
        "_circuit",
        "_clock",
        "_fixed",
        "_table",
        "_tables",
        "_until",
    )

    def __init__(self, apps: _Apps, circuit: Circuit, until: float) -> None:
        rules = apps.rules
        self._apps = apps
        self._circuit = circuit
        self._until = until
        self._clock = rules.clock
        self._tables = rules.table
        self._table = rules.table()
        self._fixed = len(circuit.routes) == 1 and circuit.health_check is None

    def __call__(self, target: str, plan: Forward) -> Forward | None:
        table = self._tables()
        if table is not self._table:
            if table.by_id(self._circuit.id) is not self._circuit:
                return None
            self._table = table
        if self._clock() >= self._until or target.startswith(_RESERVED):
            return None
        if self._fixed and not self._apps.routes.troubled:
            return plan
        return replace(plan, routes=self._apps.order(self._circuit))


_RESERVED = SETUP_PATH.rpartition("/")[0]
"""What begins so may be the gateway's."""


class CircuitSite(_Apps):
    """The port of one circuit. The listener may outlive the circuit for a moment."""

    def __init__(self, rules: SiteRules, routes: Routes, circuit_id: UUID, port: int) -> None:
        super().__init__(rules, routes)
        self._circuit_id = circuit_id
        self._port = port

    def plan(self, head: RequestHead, peer: Peer) -> Plan:
        circuit = self._rules.table().by_id(self._circuit_id)
        if circuit is None:
            return Refuse(unregistered_port(self._port), Version.V2)
        return self._serve(circuit, head, peer)


class WildcardSite(_Apps):
    """All circuits with a name below the domain, on one listener."""

    def plan(self, head: RequestHead, peer: Peer) -> Plan:
        name = hosts.host_name(head.first(b"host")) or ""
        label = name.removesuffix(self._rules.places.domain.lower())
        circuit = None
        if label != name:
            circuit = self._rules.table().by_label(label)
        if circuit is None:
            return Refuse(unregistered_label(label), Version.V2)
        return self._serve(circuit, head, peer)
