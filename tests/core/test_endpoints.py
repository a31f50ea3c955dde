"""Inference endpoints as values: slots, addresses, routes, tokens."""

from dataclasses import replace
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.circuits import circuit
from tests.support.management import NODE
from wsproxy.core import endpoints
from wsproxy.core.circuit import Direct, HostListener, Mode, Protocol, ThroughManager
from wsproxy.core.endpoints import EndpointWish
from wsproxy.core.healthcheck import HealthCheck
from wsproxy.core.problem import Problem
from wsproxy.core.setup import Places
from wsproxy.core.slots import LabelSlot, PortSlot, SlotRules
from wsproxy.core.want import Want

ID = UUID("7a5b0f3e-0000-4000-8000-0000000000e1")
PORTS = (10200, 10201)
PORT_MODE = SlotRules("0.0.0.0", PORTS)
WILD = SlotRules("0.0.0.0", PORTS, wildcard=True)
PLACES = Places("http://api", "gw.example.com")
WILD_PLACES = Places("http://api", "gw.example.com", ".apps.example.com", 443, tls=True)
ANY = PortSlot("0.0.0.0", PORTS)
WISH = EndpointWish(ID, "my-model")


def slot(url: str, slots: SlotRules = PORT_MODE, places: Places = PLACES) -> object:
    made = endpoints.want_of(replace(WISH, existing_url=url), slots, places)
    return made.slot if isinstance(made, Want) else made


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("", ANY),
        ("http://gw.example.com:10201", replace(ANY, preferred=10201)),
        ("https://GW.example.com:10201/v1/", replace(ANY, preferred=10201)),
        ("http://gw.example.com:9", ANY),
        ("http://elsewhere.example.com:10201", ANY),
    ],
)
def test_an_existing_url_in_port_mode(url, expected):
    assert slot(url) == expected


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("", LabelSlot("my-model")),
        ("https://llm.apps.example.com", LabelSlot("llm")),
        ("https://LLM.Apps.example.com:8443/x", LabelSlot("llm")),
        ("https://a.b.apps.example.com", LabelSlot("my-model")),
        ("https://apps.example.com", LabelSlot("my-model")),
        ("http://gw.example.com:10201", LabelSlot("my-model")),
    ],
)
def test_an_existing_url_in_wildcard_mode(url, expected):
    assert slot(url, WILD, WILD_PLACES) == expected


def test_a_raw_protocol_has_no_name_in_wildcard_mode():
    made = endpoints.want_of(replace(WISH, protocol=Protocol.GRPC), WILD, WILD_PLACES)
    assert isinstance(made, Want)
    assert made.slot == ANY


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://gw.example.com", "no port"),
        ("http://elsewhere", "no port"),
        ("/path", "no host"),
        ("gw.example.com:10201", "no host"),
        ("http://[::1", "no host"),
        ("http://x:99999", "no host"),
        ("http://", "no host"),
    ],
)
def test_an_existing_url_that_is_none(url, said):
    problem = slot(url)
    assert isinstance(problem, Problem)
    assert problem.status == 400
    assert said in problem.msg


def test_a_wish_becomes_one_circuit_of_its_own():
    check = HealthCheck("/health")
    wish = EndpointWish(
        ID, "m", "vllm", Protocol.HTTP, (Direct("10.0.0.5", 1),), True, "u", "p", "d", "custom",
        "", check, followed=True,
    )  # fmt: skip
    want = endpoints.want_of(wish, PORT_MODE, PLACES)
    assert isinstance(want, Want)
    assert (want.session_id, want.endpoint_id, want.mode) == (str(ID), str(ID), Mode.INFERENCE)
    assert want.owner == f"endpoint:{ID}"
    assert (want.app, want.routes, want.open_to_public) == ("vllm", wish.routes, True)
    assert (want.user_id, want.project_id, want.domain_name) == ("u", "p", "d")
    assert (want.session_name, want.runtime_variant, want.health_check) == ("m", "custom", check)
    assert (want.keep_routes, want.followed) == (False, True)
    kept = endpoints.want_of(WISH, PORT_MODE, PLACES)
    assert isinstance(kept, Want)
    assert (kept.keep_routes, kept.routes) == (True, ())


ONE = Direct("10.0.0.1", 80, "r1", "s1")
TWO = Direct("10.0.0.2", 80, "r2", "s2")
BEHIND = ThroughManager("S", "a", "c")
OPEN = circuit(1, mode=Mode.INFERENCE, routes=(ONE,), followed=True, endpoint_id=str(ID))


@pytest.mark.parametrize(
    ("port", "tls", "url"),
    [
        (443, True, "https://llm.apps.example.com"),
        (8443, True, "https://llm.apps.example.com:8443"),
        (80, False, "http://llm.apps.example.com"),
        (443, False, "http://llm.apps.example.com:443"),
    ],
)
def test_the_address_in_wildcard_mode_has_a_port_where_it_must(port, tls, url):
    named = replace(OPEN, listener=HostListener("llm"))
    places = replace(WILD_PLACES, domain_port=port, tls=tls)
    assert endpoints.endpoint_url(named, places) == url


def test_the_address_in_port_mode_always_has_one():
    assert endpoints.endpoint_url(OPEN, PLACES) == "http://gw.example.com:10200"
    secure = replace(PLACES, tls=True)
    assert endpoints.endpoint_url(OPEN, secure) == "https://gw.example.com:10200"


def test_routes_told_over_http_replace_all():
    changed = endpoints.replaced(OPEN, [TWO])
    assert (changed.routes, changed.followed) == ((TWO,), False)


def test_registering_twice_does_nothing_twice():
    moved = replace(ONE, host="10.0.0.9")
    edited = endpoints.registered(OPEN, [moved, TWO, TWO])
    assert edited.circuit.routes == (ONE, TWO)
    assert (edited.done, edited.already) == (("r2",), ("r1", "r2"))
    assert not edited.circuit.followed


def test_unregistering_what_is_not_there():
    both = replace(OPEN, routes=(ONE, TWO, BEHIND))
    edited = endpoints.unregistered(both, ["r1", "r9", "r1"])
    assert edited.circuit.routes == (TWO, BEHIND)
    assert (edited.done, edited.already) == (("r1",), ("r9",))
    assert endpoints.registered(both, []).circuit.routes == both.routes


def test_checks_alone_change():
    check = HealthCheck("/x")
    assert endpoints.with_check(check)(OPEN) == replace(OPEN, health_check=check)


def test_a_token_names_the_endpoint_and_not_its_containers():
    many = tuple(replace(ONE, session_id=f"s{n}", route_id=f"r{n}") for n in range(1000))
    told = endpoints.claims(replace(OPEN, routes=many), NODE, PLACES, "user", 2_000_000_000)
    assert told["id"] == str(OPEN.id)
    assert (told["exp"], told["user"]) == (2_000_000_000, "user")
    assert told["app_url"] == "http://gw.example.com:10200"
    assert told["endpoint_id"] == str(ID)
    assert "route_info" not in told
    assert len(told["session_ids"]) == 16
    assert "10.0.0" not in str(told)


IDS = st.lists(st.sampled_from([f"r{number}" for number in range(6)]), max_size=8)


@settings(max_examples=100)
@given(st.lists(st.tuples(st.booleans(), IDS), max_size=8))
def test_routes_are_a_set_of_ids_in_the_order_of_their_arrival(calls):
    model: dict[str, None] = {}
    now = replace(OPEN, routes=())
    for adds, ids in calls:
        if adds:
            routes = [Direct("10.0.0.1", 80, one, "s") for one in ids]
            edited = endpoints.registered(now, routes)
            assert set(edited.done) == set(ids) - set(model)
            assert set(edited.done) | set(edited.already) == set(ids)
            model.update(dict.fromkeys(ids))
        else:
            edited = endpoints.unregistered(now, ids)
            assert set(edited.done) == set(ids) & set(model)
            assert set(edited.already) == set(ids) - set(model)
            for one in ids:
                model.pop(one, None)
        now = edited.circuit
        assert [route.route_id for route in now.routes if isinstance(route, Direct)] == [*model]
