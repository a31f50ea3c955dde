"""What the sites of v2 circuits make of a request head."""

from collections.abc import Callable
from dataclasses import replace
from ipaddress import ip_network
from uuid import UUID

import pytest

from tests.support.circuits import circuit, label_circuit
from wsproxy.core import jwts, permits, tokens
from wsproxy.core.admission import AdmissionRules
from wsproxy.core.circuit import Circuit, Direct, Mode, Route, ThroughManager
from wsproxy.core.failure import Failure, FailureKind, Side
from wsproxy.core.heads import Peer, RequestHead
from wsproxy.core.permits import PermitRules
from wsproxy.core.routing import RouteTable
from wsproxy.core.selection import REST
from wsproxy.core.setup import Keys, Places
from wsproxy.core.wire import SETUP_PATH, Version
from wsproxy.data.health import Routes
from wsproxy.data.site import Forward, Outcome, Refuse, Reply
from wsproxy.data.sites import CircuitSite, SiteRules, WildcardSite

KEYS = Keys("a jwt secret of some length", "a permit secret of some length")
NOW = 1000.0
ONE, TWO = Direct("10.0.0.1", 80), Direct("10.0.0.2", 80)
BEHIND = ThroughManager("S", "jupyter", "c")
APP = circuit(1, routes=(ONE,))
SAME = Places("http://127.0.0.1:5050", "127.0.0.1")
ELSEWHERE = Places("http://127.0.0.1:5050", "apps.example.com")
WILD = Places("http://api.example.com", "127.0.0.1", ".apps.example.com", 80)
PEER = Peer("192.0.2.7", 40000)


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


def rules(*circuits: Circuit, places: Places = SAME, **changes: object) -> SiteRules:
    table = RouteTable.of((one, True) for one in circuits)
    base = SiteRules(
        table=lambda: table,
        places=places,
        keys=KEYS,
        admission=AdmissionRules(PermitRules(KEYS.permit_secret), KEYS.jwt_secret),
        clock=Clock(),
        draw=lambda: 0.0,
    )
    return replace(base, **changes)  # type: ignore[arg-type]


def site(known: Circuit | None, *, places: Places = SAME, **changes: object) -> CircuitSite:
    one = rules(*([known] if known else []), places=places, **changes)
    return CircuitSite(one, Routes(one.clock), known.id if known else UUID(int=1), 10200)


PERMIT = f"{permits.cookie_name(APP.id)}={permits.issue(KEYS.permit_secret, APP.id, NOW)}"


def head(
    path: str = "/lab", method: str = "GET", cookie: str = f"{PERMIT}; mine=1", **more: str
) -> RequestHead:
    """A request head; underscores in names stand for dashes."""
    pairs = {"host": "127.0.0.1:10200", "cookie": cookie, **more}
    raw = ((k.replace("_", "-").encode(), v.encode()) for k, v in pairs.items() if v)
    return RequestHead(method, path, tuple(raw))


def fields(headers: tuple[tuple[bytes, bytes], ...]) -> dict[str, str]:
    return {name.decode().lower(): value.decode() for name, value in headers}


def forward(plan: object) -> Forward:
    assert isinstance(plan, Forward), plan
    return plan


def test_a_permitted_request_goes_on():
    plan = forward(site(APP).plan(head(), PEER))
    assert plan.routes == (ONE,)
    assert plan.circuit_id == APP.id
    assert (plan.version, plan.response_headers) == (Version.V2, ())
    sent = fields(plan.request_headers)
    assert sent["cookie"] == "mine=1"  # the permit stays with us
    assert sent["x-forwarded-for"] == "192.0.2.7"


@pytest.mark.parametrize(
    ("changes", "request_head", "status", "said"),
    [
        ({}, head(cookie=""), 401, "E20004"),
        ({}, head(cookie=f"{permits.cookie_name(APP.id)}=wrong"), 401, "E20005"),
        ({"allowed_client_ips": ("10.0.0.0/8",)}, head(), 403, "address"),
        ({"mode": Mode.INFERENCE}, head(), 401, "E20006"),
    ],
)
def test_who_is_not_admitted_gets_a_problem(changes, request_head, status, said):
    plan = site(replace(APP, **changes)).plan(request_head, PEER)
    assert isinstance(plan, Refuse)
    assert plan.problem.status == status
    assert said in plan.problem.msg
    assert plan.version is Version.V2


def test_options_and_open_circuits_need_no_permit():
    assert forward(site(APP).plan(head(method="OPTIONS", cookie=""), PEER)).routes
    open_one = site(replace(APP, open_to_public=True))
    assert forward(open_one.plan(head(cookie=""), PEER)).routes


def test_the_clients_address_comes_through_trusted_proxies():
    listed = replace(APP, allowed_client_ips=("198.51.100.0/24",))
    behind = site(listed, trusted=(ip_network("192.0.2.0/24"),))
    assert isinstance(behind.plan(head(x_forwarded_for="198.51.100.9"), PEER), Forward)
    assert isinstance(behind.plan(head(x_forwarded_for="203.0.113.9"), PEER), Refuse)
    assert isinstance(site(listed).plan(head(x_forwarded_for="198.51.100.9"), PEER), Refuse)


def test_a_stale_permit_is_renewed_with_the_answer():
    one = site(APP)
    clock = one._rules.clock
    assert isinstance(clock, Clock)
    clock.now += permits.RENEW_AFTER
    plan = forward(one.plan(head(), PEER))
    assert plan.response_headers[0][0] == b"Set-Cookie"
    assert plan.response_headers[0][1].startswith(permits.cookie_name(APP.id).encode())


def test_a_port_whose_circuit_is_gone():
    plan = site(None).plan(head(), PEER)
    assert isinstance(plan, Refuse)
    assert (plan.problem.status, plan.problem.msg) == (400, "Unregistered slot 10200")


def test_a_changed_route_counts_from_the_next_request_on():
    held = [RouteTable.of([(APP, True)])]
    one = site(APP, table=lambda: held[0])
    assert forward(one.plan(head(), PEER)).routes == (ONE,)
    held[0] = RouteTable.of([(replace(APP, routes=(TWO,), generation=2), True)])
    assert forward(one.plan(head(), PEER)).routes == (TWO,)


def test_the_way_through_the_manager_is_the_last():
    known = replace(APP, routes=(BEHIND, ONE))
    assert forward(site(known).plan(head(), PEER)).routes == (ONE, BEHIND)


@pytest.mark.parametrize(
    ("host", "expected"), [("127.0.0.1", None), ("ui.example.com", "AIOHTTP_SESSION=secret")]
)
def test_a_login_cookie_stays_away_from_apps_on_the_web_servers_name(host, expected):
    one = site(APP, login_cookies=frozenset({b"AIOHTTP_SESSION"}), login_hosts=frozenset({host}))
    plan = forward(one.plan(head(cookie=f"AIOHTTP_SESSION=secret; {PERMIT}"), PEER))
    assert fields(plan.request_headers).get("cookie") == expected


@pytest.mark.parametrize(("public", "kept"), [(False, False), (True, True)])
def test_the_gateways_bearer_token_is_not_the_apps(public, kept):
    inference = replace(APP, mode=Mode.INFERENCE, open_to_public=public)
    from_us = "Bearer " + _signed(inference)
    plan = forward(site(inference).plan(head(cookie="", authorization=from_us), PEER))
    assert ("authorization" in fields(plan.request_headers)) is kept


def _signed(known: Circuit) -> str:
    return jwts.sign({"id": str(known.id)}, KEYS.jwt_secret)


# health of routes

REFUSED = Failure(FailureKind.REFUSED, Side.APP)
GONE = Failure(FailureKind.CLIENT_GONE, Side.CLIENT)


def outcome(
    plan: Forward, *failures: Failure, end: Failure | None = None, status: int = 200
) -> Outcome:
    tried: list[tuple[Route, Failure]] = [(ONE, failure) for failure in failures]
    return Outcome(plan, route=ONE, status=status, failure=end, failures=tried)


def test_a_failing_route_rests_behind_the_others():
    two = site(replace(APP, routes=(ONE, TWO)))
    plan = forward(two.plan(head(), PEER))
    assert plan.routes[0] == ONE  # the draw is always zero
    for _ in range(3):
        two.record(outcome(plan, REFUSED, end=REFUSED, status=502))
    assert forward(two.plan(head(), PEER)).routes == (TWO, ONE)
    clock = two._rules.clock
    assert isinstance(clock, Clock)
    clock.now += REST
    assert forward(two.plan(head(), PEER)).routes == (ONE, TWO)


def test_a_good_answer_clears_the_record():
    two = site(replace(APP, routes=(ONE, TWO)))
    plan = forward(two.plan(head(), PEER))
    for _ in range(2):
        two.record(outcome(plan, REFUSED, end=REFUSED, status=502))
    two.record(outcome(plan))
    assert "0 with failures" in repr(two._routes)


def test_three_clients_that_leave_harm_nobody():
    two = site(replace(APP, routes=(ONE, TWO)))
    plan = forward(two.plan(head(), PEER))
    for _ in range(3):
        two.record(outcome(plan, GONE, end=GONE, status=200))
    assert forward(two.plan(head(), PEER)).routes[0] == ONE


def test_the_memory_of_failures_is_bounded():
    routes = Routes(lambda: NOW)
    plan = forward(site(APP).plan(head(), PEER))
    for number in range(5000):
        tried = Outcome(plan, failures=[(Direct("10.0.0.9", number), REFUSED)])
        routes.record(tried)
    assert repr(routes) == "Routes(4096 with failures)"


# the setup page on the app's own origin


def token(known: Circuit = APP, redirect: str = "/tree", now: float = NOW) -> str:
    return tokens.issue_setup(UUID(int=5), known.id, redirect, KEYS.jwt_secret, now)


def test_the_setup_page_is_on_the_apps_origin_where_names_differ():
    plan = site(APP, places=ELSEWHERE).plan(head(f"{SETUP_PATH}?token={token()}"), PEER)
    assert isinstance(plan, Reply)
    sent = fields(plan.headers)
    assert (plan.status, plan.version) == (302, Version.V2)
    assert sent["location"] == "http://apps.example.com:10200/tree"
    assert sent["set-cookie"].startswith(permits.cookie_name(APP.id))
    assert sent["access-control-allow-origin"] == "*"
    assert sent["cache-control"] == "no-store"


def test_where_names_are_equal_the_path_is_the_apps():
    assert isinstance(site(APP).plan(head(f"{SETUP_PATH}?token={token()}"), PEER), Forward)


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("", 400),
        ("?token=", 400),
        ("?" + "&".join(["a=1"] * 100), 400),
        ("?token=garbage", 401),
        ("?token=" + token(now=NOW - 400), 401),
        ("?token=" + token(circuit(2)), 404),
    ],
)
def test_what_the_setup_page_refuses(query, status):
    plan = site(APP, places=ELSEWHERE).plan(head(SETUP_PATH + query), PEER)
    assert isinstance(plan, Refuse)
    assert plan.problem.status == status
    assert fields(plan.headers)["access-control-allow-origin"] == "*"


def test_other_methods_on_the_setup_page():
    one = site(APP, places=ELSEWHERE)
    post = one.plan(head(SETUP_PATH, method="POST"), PEER)
    assert isinstance(post, Refuse)
    assert post.problem.status == 405
    assert fields(post.headers)["allow"] == "GET, HEAD, OPTIONS"
    asked = head(SETUP_PATH, method="OPTIONS", access_control_request_headers="x-a")
    preflight = one.plan(asked, PEER)
    assert isinstance(preflight, Reply)
    assert preflight.status == 204
    assert fields(preflight.headers)["access-control-allow-headers"].startswith("x-a")


# the wildcard domain

NAMED = label_circuit(1, "app-1", routes=(ONE,))


def wildcard(*circuits: Circuit) -> Callable[[str], object]:
    one = rules(*circuits, places=WILD)
    domain = WildcardSite(one, Routes(one.clock))
    return lambda host: domain.plan(head(host=host), PEER)


@pytest.mark.parametrize(
    "host", ["app-1.apps.example.com", "APP-1.Apps.Example.com:8443", "app-1.apps.example.com."]
)
def test_a_host_name_finds_its_circuit(host):
    assert forward(wildcard(NAMED)(host)).circuit_id == NAMED.id


@pytest.mark.parametrize(
    ("host", "named"),
    [
        ("app-2.apps.example.com", "app-2"),
        ("app-1.example.com", "app-1.example.com"),
        ("apps.example.com", "apps.example.com"),
        ("x.app-1.apps.example.com", "x.app-1"),
        ("app-1", "app-1"),
        ("127.0.0.1", "127.0.0.1"),
        ("a b", ""),
    ],
)
def test_other_names_are_not_registered(host, named):
    plan = wildcard(NAMED)(host)
    assert isinstance(plan, Refuse)
    assert plan.problem.status == 400
    assert plan.problem.msg == f"E20009: Subdomain {named} not registered"


def test_in_wildcard_mode_the_setup_page_is_always_on_the_apps_origin():
    one = rules(NAMED, places=WILD)
    request = head(f"{SETUP_PATH}?token={token(NAMED)}", host="app-1.apps.example.com")
    plan = WildcardSite(one, Routes(one.clock)).plan(request, PEER)
    assert isinstance(plan, Reply)
    assert fields(plan.headers)["location"] == "http://app-1.apps.example.com:80/tree"
