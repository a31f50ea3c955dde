"""Requests that differ in their target only are planned once, and only while that is right."""

import gc
from dataclasses import replace
from ipaddress import ip_network

import pytest

from tests.data.test_sites import APP, NOW, ONE, PEER, PERMIT, TWO, Clock, rules
from tests.support.circuits import circuit
from wsproxy.core import permits
from wsproxy.core.circuit import Circuit
from wsproxy.core.framing import Body, BodyKind, HeadLimits, Request, read_request
from wsproxy.core.heads import Peer
from wsproxy.core.healthcheck import HealthCheck
from wsproxy.core.meter import Meter
from wsproxy.core.routing import RouteTable
from wsproxy.core.selection import GIVEN_UP
from wsproxy.core.wire import SETUP_PATH
from wsproxy.data.connections import Use
from wsproxy.data.health import Routes
from wsproxy.data.lanes import key_of
from wsproxy.data.recipes import LARGEST, Ready, Recipes
from wsproxy.data.site import Forward, Refuse
from wsproxy.data.sites import CircuitSite

LIMITS = HeadLimits()
USE = Use(Meter(), set())
FIELDS = f"Host: 127.0.0.1:10200\r\nAccept: */*\r\nCookie: {PERMIT}; mine=1\r\n"


def raw(target: str = "/lab", method: str = "GET", fields: str = FIELDS, minor: int = 1) -> bytes:
    return f"{method} {target} HTTP/1.{minor}\r\n{fields}\r\n".encode()


class Kitchen:
    """A site, its clock and table, and the recipes."""

    def __init__(self, known: Circuit = APP, **changes: object) -> None:
        self.clock = Clock()
        self.table = RouteTable.of([(known, True)])
        changed = {"clock": self.clock, "table": lambda: self.table, **changes}
        self.site = CircuitSite(rules(**changed), Routes(self.clock), known.id, 10200)  # type: ignore[arg-type]
        self.recipes = Recipes(limit=4)

    def cook(self, text: bytes, peer: Peer = PEER) -> Forward | Refuse:
        """Read, plan and learn."""
        request = read_request(text)
        assert isinstance(request, Request)
        plan = self.site.plan(request.head, peer)
        assert isinstance(plan, Forward | Refuse)
        if isinstance(plan, Forward):
            self.recipes.learn(
                text, self.site, peer, Ready(request, plan, USE, request.head.target)
            )
        return plan

    def finds(self, text: bytes, peer: Peer = PEER, limits: HeadLimits = LIMITS) -> bytes | None:
        """The head for the app, if there is a recipe."""
        ready = self.recipes.find(text, self.site, peer, limits)
        return None if ready is None else ready.head


def test_another_target_needs_no_more_thought():
    kitchen = Kitchen()
    plan = kitchen.cook(raw("/lab"))
    assert isinstance(plan, Forward)

    ready = kitchen.recipes.find(raw("/api/kernels?x=1"), kitchen.site, PEER, LIMITS)

    assert ready is not None
    assert ready.head.startswith(b"GET /api/kernels?x=1 HTTP/1.1\r\nHost: 127.0.0.1:10200\r\n")
    assert b"Cookie: mine=1\r\nX-Forwarded-For: 192.0.2.7\r\n" in ready.head
    assert b"appproxy_permit" not in ready.head
    assert (ready.request.head.method, ready.target) == ("GET", "/api/kernels?x=1")
    assert ready.request.head.first(b"accept") == "*/*"
    assert ready.use is USE
    assert ready.forward.routes == plan.routes and ready.forward.circuit_id == APP.id


def test_a_lone_route_is_ready_for_the_short_way():
    kitchen = Kitchen()
    kitchen.cook(raw())
    ready = kitchen.recipes.find(raw("/api/kernels?1"), kitchen.site, PEER, LIMITS)
    assert ready is not None and ready.key == key_of(ONE)

    kitchen.cook(raw(method="POST", fields=FIELDS + "Content-Length: 2\r\n"))
    posted = raw("/else", method="POST", fields=FIELDS + "Content-Length: 2\r\n")
    ready = kitchen.recipes.find(posted, kitchen.site, PEER, LIMITS)
    assert ready is not None and ready.key is None


def test_the_body_of_the_same_fields_is_framed_the_same():
    kitchen = Kitchen()
    fields = FIELDS + "Content-Length: 12\r\n"
    kitchen.cook(raw("/a", "POST", fields))

    ready = kitchen.recipes.find(raw("/b", "POST", fields), kitchen.site, PEER, LIMITS)

    assert ready is not None and ready.request.body == Body(BodyKind.LENGTH, 12)
    assert ready.head.count(b"Content-Length: 12\r\n") == 1


@pytest.mark.parametrize(
    "other",
    [
        raw(fields=FIELDS.replace("mine=1", "mine=2")),
        raw(fields=FIELDS.replace(PERMIT, "")),
        raw(method="OPTIONS"),
        raw(method="POST"),
        raw("http://127.0.0.1:10200/lab"),
        raw("*", "OPTIONS"),
        raw(minor=0),
        raw(SETUP_PATH + "?token=x"),
        raw("/la b"),
        raw("/l\x7fab"),
        raw("/" + "x" * LIMITS.target_bytes),
    ],
)
def test_what_may_be_different_is_read_anew(other):
    kitchen = Kitchen()
    kitchen.cook(raw())
    assert kitchen.finds(raw("/other")) is not None

    assert kitchen.finds(other) is None


def test_a_preflight_opens_nothing_for_other_methods():
    kitchen = Kitchen()
    bare = "Host: 127.0.0.1:10200\r\n"
    kitchen.cook(raw(method="OPTIONS", fields=bare))
    assert kitchen.finds(raw("/x", "OPTIONS", bare)) is not None

    assert kitchen.finds(raw("/x", "GET", bare)) is None
    assert isinstance(kitchen.cook(raw("/x", "GET", bare)), Refuse)


@pytest.mark.parametrize(
    "peer", [Peer("192.0.2.8", 40000), Peer("192.0.2.7", 40000, tls=True)], ids=repr
)
def test_another_client_is_planned_anew(peer):
    kitchen = Kitchen()
    kitchen.cook(raw())
    assert kitchen.finds(raw(), Peer(PEER.host, 1)) is not None  # of another connection

    assert kitchen.finds(raw(), peer) is None


def test_another_site_is_planned_anew():
    kitchen, other = Kitchen(), Kitchen()
    kitchen.cook(raw())

    assert kitchen.recipes.find(raw(), other.site, PEER, LIMITS) is None


def test_a_head_over_the_limit_is_left_to_the_reader():
    kitchen = Kitchen()
    kitchen.cook(raw())

    assert kitchen.finds(raw(), limits=HeadLimits(head_bytes=len(raw()) - 1)) is None
    assert kitchen.finds(raw(), limits=HeadLimits(head_bytes=len(raw()))) is not None


def test_it_ends_with_the_circuit_and_with_its_change():
    kitchen = Kitchen()
    kitchen.cook(raw())
    kitchen.table = kitchen.table.with_circuit(circuit(2))
    assert kitchen.finds(raw()) is not None  # another circuit is no matter

    kitchen.table = kitchen.table.with_circuit(replace(APP, routes=(TWO,), generation=2))
    assert kitchen.finds(raw()) is None
    plan = kitchen.cook(raw())
    assert isinstance(plan, Forward) and plan.routes == (TWO,)

    kitchen.table = kitchen.table.without(APP.id)
    assert kitchen.finds(raw()) is None


def test_it_ends_when_the_permit_wants_to_be_renewed():
    kitchen = Kitchen()
    kitchen.cook(raw())
    kitchen.clock.now = NOW + permits.RENEW_AFTER - 1
    assert kitchen.finds(raw()) is not None

    kitchen.clock.now = NOW + permits.RENEW_AFTER
    assert kitchen.finds(raw()) is None
    plan = kitchen.cook(raw())
    assert isinstance(plan, Forward) and plan.response_headers
    assert kitchen.finds(raw()) is None  # one cookie is enough


def test_balanced_routes_are_drawn_for_every_request():
    draws = iter([0.0, 0.9, 0.0])
    kitchen = Kitchen(replace(APP, routes=(ONE, TWO)), draw=lambda: next(draws))
    planned = kitchen.cook(raw())
    assert isinstance(planned, Forward) and planned.routes[0] == ONE

    first = [kitchen.recipes.find(raw(), kitchen.site, PEER, LIMITS) for _ in range(2)]

    assert [ready.forward.routes[0] for ready in first if ready] == [TWO, ONE]


def test_what_looks_at_the_target_is_not_learnt():
    kitchen = Kitchen(replace(APP, app="rstudio"))
    kitchen.cook(raw())

    assert len(kitchen.recipes) == 0


@pytest.mark.parametrize(
    "text",
    [
        raw(fields=FIELDS + "Connection: Upgrade\r\nUpgrade: websocket\r\n"),
        raw(fields=FIELDS + f"X-Long: {'x' * LARGEST}\r\n"),
        raw("http://127.0.0.1:10200/lab"),
        raw(minor=0),
    ],
)
def test_what_is_rare_or_large_is_not_learnt(text):
    kitchen = Kitchen()
    assert isinstance(kitchen.cook(text), Forward)

    assert len(kitchen.recipes) == 0


def test_a_forgotten_plan_leaves_no_cycle():
    kitchen = Kitchen()
    kitchen.cook(raw())
    assert kitchen.finds(raw()) is not None
    for _ in range(10):  # what other tests have left may take several searches
        if not gc.collect():
            break
    kitchen.recipes = Recipes()
    assert gc.collect() == 0


def test_there_are_never_more_than_the_limit():
    kitchen = Kitchen()
    for number in range(9):
        kitchen.cook(raw(fields=FIELDS + f"X-N: {number}\r\n"))
        assert len(kitchen.recipes) <= 4
    assert kitchen.finds(raw(fields=FIELDS + "X-N: 8\r\n")) is not None
    assert repr(kitchen.recipes) == "Recipes(1)"


def test_a_list_of_addresses_is_asked_about_every_client():
    listed = replace(APP, allowed_client_ips=("192.0.2.7/32",))
    kitchen = Kitchen(listed, trusted=(ip_network("10.0.0.0/8"),))
    kitchen.cook(raw())

    assert kitchen.finds(raw()) is not None
    assert isinstance(kitchen.cook(raw(), Peer("192.0.2.8")), Refuse)
    assert kitchen.finds(raw(), Peer("192.0.2.8")) is None


def test_the_permit_of_one_circuit_opens_no_other_learnt_or_not():
    kitchen = Kitchen()
    kitchen.cook(raw())
    other = circuit(2)
    neighbour = CircuitSite(rules(other), Routes(Clock()), other.id, 10201)

    assert kitchen.recipes.find(raw(), neighbour, PEER, LIMITS) is None
    request = read_request(raw())
    assert isinstance(request, Request)
    assert isinstance(neighbour.plan(request.head, PEER), Refuse)


def test_a_lone_route_that_is_out_carries_nothing():
    kitchen = Kitchen()
    kitchen.cook(raw())
    routes = kitchen.site.routes
    for _ in range(3):
        routes.probed(ONE, connected=False)
        kitchen.clock.now += GIVEN_UP

    ready = kitchen.recipes.find(raw(), kitchen.site, PEER, LIMITS)
    assert ready is None or ready.forward.routes == ()


def test_a_checked_route_is_asked_about_for_every_request():
    kitchen = Kitchen(replace(APP, health_check=HealthCheck()))
    kitchen.cook(raw())

    ready = kitchen.recipes.find(raw(), kitchen.site, PEER, LIMITS)

    assert ready is not None and ready.forward.routes == (ONE,)
