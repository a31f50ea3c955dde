"""The order of routes: by weight, healthy first, the manager last."""

import random
from collections import Counter

import pytest

from wsproxy.core.circuit import Direct, Route, ThroughManager
from wsproxy.core.selection import REST, Health, failed, in_order, rests

A = Direct("10.0.0.1", 80, ratio=3.0)
B = Direct("10.0.0.2", 80, ratio=1.0)
OUT = Direct("10.0.0.3", 80, ratio=0.0)
BEHIND = ThroughManager("S", "jupyter", "c")


def nobody(route: Route) -> bool:
    return False


def never() -> float:
    raise AssertionError("a single candidate needs no draw")


@pytest.mark.parametrize(
    ("routes", "order"),
    [
        ([], ()),
        ([OUT], ()),
        ([A], (A,)),
        ([A, OUT], (A,)),
        ([BEHIND, A], (A, BEHIND)),
        ([BEHIND], (BEHIND,)),
    ],
)
def test_one_candidate_is_always_taken(routes, order):
    assert in_order(routes, nobody, never) == order


@pytest.mark.parametrize(("point", "first"), [(0.0, A), (0.74, A), (0.75, B), (0.99, B), (1.0, B)])
def test_the_weights_share_the_line(point, first):
    order = in_order([A, B, BEHIND], nobody, lambda: point)
    assert order[0] == first
    assert set(order[:2]) == {A, B}
    assert order[2] == BEHIND


def test_a_resting_route_is_the_last_resort():
    assert in_order([A, B, BEHIND], lambda route: route == A, never) == (B, A, BEHIND)


def test_three_to_one_over_four_thousand_requests():
    draw = random.Random(7).random
    firsts = Counter(in_order([A, B, OUT], nobody, draw)[0] for _ in range(4000))
    assert firsts[OUT] == 0
    assert abs(firsts[A] - 3000) < 200


def test_a_route_rests_after_three_failures_in_a_row():
    health = Health()
    for _ in range(2):
        health = failed(health, 100.0)
        assert not rests(health, 100.0)
    health = failed(health, 100.0)
    assert rests(health, 100.0 + REST - 0.1)
    assert not rests(health, 100.0 + REST)
    assert rests(failed(health, 200.0), 200.0)  # the first try after the rest failed too
