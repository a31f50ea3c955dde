"""When an open circuit is what a client wants (protocol 5.4, 12 "reuse ignores ...")."""

from dataclasses import replace
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
from wsproxy.core.slots import LabelSlot, ListedSlot, PortSlot
from wsproxy.core.want import displaces, satisfies
from wsproxy.core.wire import Version

WANT = want(allowed_client_ips=("10.0.0.0/8",), envs={"A": "1"}, arguments="{}")
OPEN = WANT.circuit(UUID(int=1), PortListener("127.0.0.1", 10201), 100.0)


def test_a_circuit_has_everything_that_was_asked_for():
    assert (OPEN.created_at, OPEN.updated_at, OPEN.generation) == (100.0, 100.0, 1)
    for name in set(type(WANT).__slots__) - {"slot", "reuse"}:
        assert getattr(OPEN, name) == getattr(WANT, name), name
    assert OPEN.envs is not WANT.envs


def test_the_same_wish_is_satisfied():
    assert satisfies(OPEN, WANT)
    assert satisfies(OPEN, replace(WANT, routes=(), token_id="another", session_name="n"))


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
        {"envs": {}},
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
        first, envs={}, protocol=Protocol.TCP, slot=ListedSlot("h", (1,)), arguments="x"
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
    assert displaces(want, stale) is gone
