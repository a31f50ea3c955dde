"""When an open circuit is what a client wants (protocol 5.4, 12 "reuse ignores ...")."""

from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from tests.support.circuits import PORTS, want
from wsproxy.core.circuit import (
    Direct,
    HostListener,
    Mode,
    PortListener,
    Protocol,
    ThroughManager,
)
from wsproxy.core.healthcheck import HealthCheck
from wsproxy.core.slots import LabelSlot, ListedSlot, PortSlot
from wsproxy.core.want import in_place_of, lost, other_transport, renewed, satisfies, without
from wsproxy.core.wire import Version

WANT = want(allowed_client_ips=("10.0.0.0/8",), envs=(("A", "1"), ("B", "2")), arguments="{}")
OPEN = WANT.circuit(UUID(int=1), PortListener("127.0.0.1", 10201), 100.0)


def test_a_circuit_has_everything_that_was_asked_for():
    assert (OPEN.created_at, OPEN.updated_at, OPEN.generation) == (100.0, 100.0, 1)
    for name in set(type(WANT).__slots__) - {"slot", "reuse", "keep_routes"}:
        assert getattr(OPEN, name) == getattr(WANT, name), name


def test_circuits_hold_the_same_texts_where_those_are_equal():
    first = want(app="A" * 64, owner="AKIA", user_id="u-1", domain_name="default", project_id="p-1")
    names = ("app", "owner", "user_id", "domain_name", "project_id")
    fresh: dict[str, Any] = {name: _copy(getattr(first, name)) for name in names}
    again = replace(first, **fresh)
    listener = PortListener("127.0.0.1", 10201)
    one, other = (each.circuit(UUID(int=1), listener, 0.0) for each in (first, again))

    assert one == other
    for name in names:
        assert getattr(again, name) is not getattr(first, name), name
        assert getattr(other, name) is getattr(one, name), name


def test_no_long_text_is_kept_for_others():
    long = replace(WANT, app="A" * 65).circuit(UUID(int=1), OPEN.listener, 0.0)
    again = replace(WANT, app=_copy(long.app)).circuit(UUID(int=1), OPEN.listener, 0.0)

    assert again == long
    assert again.app is not long.app


def _copy(text: str) -> str:
    """An equal text that is another object."""
    return text.encode().decode()


def test_the_same_wish_is_satisfied():
    assert satisfies(OPEN, WANT)
    assert satisfies(OPEN, replace(WANT, routes=(), token_id="another", session_name="n"))
    assert satisfies(OPEN, replace(WANT, envs=(("B", "2"), ("A", "1"))))


@pytest.mark.parametrize(
    "changes",
    [
        {"session_id": "other"},
        {"app": "other"},
        {"owner": "other"},
        {"version": Version.V1},
        {"user_id": "other"},
        {"mode": Mode.INFERENCE},
        {"protocol": Protocol.TCP},
        {"open_to_public": True},
        {"allowed_client_ips": ()},
        {"envs": ()},
        {"envs": (("A", "1"), ("B", "3"))},
        {"arguments": ""},
        {"slot": PortSlot("127.0.0.1", PORTS, 10200)},
        {"slot": ListedSlot("127.0.0.1", (1, 2))},
        {"slot": LabelSlot("x")},
    ],
)
def test_another_wish_is_not_satisfied(changes):
    assert not satisfies(OPEN, replace(WANT, **changes))


@pytest.mark.parametrize(
    ("listener", "slot", "good"),
    [
        (PortListener("h", 10201), PortSlot("h", PORTS, 10201), True),
        (PortListener("h", 10201), ListedSlot("h", (10201,)), True),
        (PortListener("h", 10201), ListedSlot("h", (5, 0)), True),
        (HostListener("x"), LabelSlot(""), True),
        (HostListener("x"), LabelSlot("X"), True),
        (HostListener("x-0a1b2c3d"), LabelSlot("x"), True),
        (HostListener("x"), LabelSlot("y"), False),
        (HostListener("x"), PortSlot("h", PORTS), False),
    ],
)
def test_a_preference_for_a_slot(listener, slot, good):
    assert satisfies(replace(OPEN, listener=listener), replace(WANT, slot=slot)) is good


def test_v1_compares_session_app_and_owner_only():
    first = replace(WANT, version=Version.V1)
    v1 = first.circuit(UUID(int=1), PortListener("127.0.0.1", 10201), 0.0)
    changed = replace(
        first, envs=(), protocol=Protocol.TCP, slot=ListedSlot("h", (1,)), arguments="x"
    )

    assert satisfies(v1, changed)
    assert not satisfies(v1, replace(changed, owner="another configuration"))


ADDRESS = Direct("10.0.0.5", 30001)


@pytest.mark.parametrize(
    ("session", "owner", "routes", "gone"),
    [
        ("another", "another", (ADDRESS,), True),
        ("another", "another", (replace(ADDRESS, generation="7"),), True),
        ("another", WANT.owner, (ADDRESS,), False),  # one tenant sees only its own
        ("another", "another", (Direct("10.0.0.5", 30002),), False),
        ("another", "another", (ThroughManager("s", "a", "c"),), False),
        (WANT.session_id, "another", (ADDRESS,), False),
    ],
)
def test_an_address_belongs_to_one_tenant(session, owner, routes, gone):
    stale = replace(OPEN, routes=(ADDRESS, ThroughManager("s", "a", "c")))
    want = replace(WANT, session_id=session, owner=owner, routes=routes)
    assert lost(want, stale) == ((ADDRESS,) if gone else ())


MODEL = want(app="llm", mode=Mode.INFERENCE, endpoint_id="e1", session_id="e1", owner="endpoint:e1")
ENDPOINT = MODEL.circuit(UUID(int=2), PortListener("127.0.0.1", 10202), 100.0)


def test_an_endpoint_is_one_circuit_whatever_else_is_asked():
    other = replace(MODEL, app="x", open_to_public=True, slot=LabelSlot("y"), user_id="z")
    assert satisfies(ENDPOINT, other)
    assert not satisfies(ENDPOINT, replace(MODEL, endpoint_id="e2"))
    assert not satisfies(ENDPOINT, replace(MODEL, mode=Mode.INTERACTIVE))


def test_an_endpoint_becomes_what_is_wanted_now():
    check = HealthCheck("/health")
    wanted = replace(
        MODEL,
        app="x",
        routes=(ADDRESS,),
        open_to_public=True,
        health_check=check,
        followed=True,
        user_id="u",
    )
    changed = renewed(ENDPOINT, wanted)
    assert (changed.id, changed.listener, changed.created_at) == (
        ENDPOINT.id,
        ENDPOINT.listener,
        100.0,
    )
    assert (changed.app, changed.routes, changed.open_to_public) == ("x", (ADDRESS,), True)
    assert (changed.health_check, changed.followed, changed.user_id) == (check, True, "u")
    assert renewed(ENDPOINT, MODEL) == ENDPOINT
    kept = renewed(ENDPOINT, replace(wanted, keep_routes=True))
    assert (kept.app, kept.routes, kept.open_to_public) == ("llm", ENDPOINT.routes, True)


def test_other_circuits_only_follow_their_container():
    moved = replace(WANT, routes=(ADDRESS,), open_to_public=True)
    assert renewed(OPEN, moved) == replace(OPEN, routes=(ADDRESS,))
    assert renewed(OPEN, replace(moved, version=Version.V1)) == OPEN


def test_a_listener_of_another_kind_has_the_same_place():
    raw = replace(MODEL, protocol=Protocol.GRPC)
    assert other_transport(ENDPOINT, raw)
    assert not other_transport(ENDPOINT, MODEL)
    bytes_only = replace(ENDPOINT, protocol=Protocol.TCP)
    assert other_transport(bytes_only, raw)  # over TLS it offers h2 from now on
    assert not other_transport(bytes_only, replace(raw, protocol=Protocol.VNC))
    assert not other_transport(ENDPOINT, replace(raw, keep_routes=True))
    assert in_place_of(ENDPOINT, raw).slot == PortSlot("127.0.0.1", (10202,), 10202)
    named = replace(ENDPOINT, listener=HostListener("x"))
    assert in_place_of(named, raw) == raw


def test_a_users_own_endpoint_may_lead_where_another_of_theirs_does():
    stale = replace(ENDPOINT, routes=(ADDRESS, Direct("10.0.0.6", 1)))
    taker = replace(MODEL, endpoint_id="e2", session_id="e2", owner="endpoint:e2")
    taker = replace(taker, routes=(replace(ADDRESS, session_id="s9"),))
    assert lost(taker, stale) == ()
    assert lost(replace(taker, user_id="somebody else"), stale) == (ADDRESS,)
    same = replace(stale, routes=(replace(ADDRESS, session_id="s9"),))
    assert lost(replace(taker, user_id="somebody else"), same) == ()
    assert without(stale, (ADDRESS,)).routes == (Direct("10.0.0.6", 1),)
