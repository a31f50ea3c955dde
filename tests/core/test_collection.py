"""What is collected, when, and what never is (protocol 5.8)."""

from dataclasses import replace

import pytest

from tests.support.circuits import circuit
from wsproxy.core.circuit import CloseReason, Mode, Protocol
from wsproxy.core.collection import (
    NO_TROUBLE,
    CollectionRules,
    Trouble,
    Use,
    lifetime,
    use_of,
    verdict,
)
from wsproxy.core.meter import Meter
from wsproxy.core.wire import Version

RULES = CollectionRules(unused=100.0, failures=3, failing_for=20.0)
NOW = 1000.0
HTTP = circuit(1, created_at=0.0)
TCP = replace(HTTP, protocol=Protocol.TCP)
GONE = Trouble(3, NOW - 20)


@pytest.mark.parametrize("made", [HTTP, TCP])
@pytest.mark.parametrize(
    ("use", "reason"),
    [
        (Use(0, NOW - 99), None),
        (Use(0, NOW - 100), CloseReason.IDLE),
        (Use(0, 0.0), CloseReason.IDLE),
        (Use(1, 0.0), None),  # somebody is connected
        (Use(0, NOW, GONE), CloseReason.ROUTE_GONE),
        (Use(0, NOW, replace(GONE, count=2)), None),
        (Use(0, NOW, replace(GONE, since=NOW - 19)), None),
        (Use(1, NOW, GONE), None),
    ],
)
def test_interactive_circuits_go_when_unused_or_when_the_container_is_gone(made, use, reason):
    assert verdict(made, use, NOW, RULES) is reason


@pytest.mark.parametrize(
    "kept", [replace(HTTP, version=Version.V1), replace(HTTP, mode=Mode.INFERENCE)]
)
def test_others_stay(kept):
    assert verdict(kept, Use(0, 0.0, GONE), NOW, RULES) is None
    assert lifetime(kept, Use(0, 0.0), NOW, RULES) is None


def test_a_new_circuit_has_its_time():
    assert verdict(replace(HTTP, created_at=NOW - 99), Use(), NOW, RULES) is None


def test_collecting_can_be_turned_off():
    never = replace(RULES, unused=0.0)

    assert verdict(HTTP, Use(), NOW, never) is None
    assert lifetime(HTTP, Use(), NOW, never) is None


def test_the_time_that_is_left():
    assert lifetime(HTTP, Use(0, NOW - 30), NOW, RULES) == 70.0
    assert lifetime(HTTP, Use(1, 0.0), NOW, RULES) == 100.0


def test_use_is_what_the_meter_says_or_that_it_was_opened_again():
    assert use_of(None, 7.0, GONE) == Use(0, 7.0, GONE)
    assert use_of(Meter(connections=2, last_open=9.0), 7.0, NO_TROUBLE) == Use(2, 9.0)
    assert use_of(Meter(last_open=5.0), 7.0, NO_TROUBLE) == Use(0, 7.0)
    assert use_of(Meter(last_open=5.0, last_arrival=8.0), 7.0, NO_TROUBLE) == Use(0, 8.0)


def test_failures_in_a_row_keep_the_time_of_the_first():
    assert NO_TROUBLE.and_another(5.0).and_another(9.0) == Trouble(2, 5.0)
