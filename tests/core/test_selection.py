"""The order of routes: by weight, healthy first, the manager last."""

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import pytest

from wsproxy.core.circuit import Direct, Route, ThroughManager
from wsproxy.core.healthcheck import Verdict
from wsproxy.core.selection import (
    GIVEN_UP,
    PROBE_EVERY,
    REST,
    Health,
    Standing,
    failed,
    in_order,
    key_of,
    probe_due,
    probed,
    rests,
    standing,
)

A = Direct("10.0.0.1", 80, ratio=3.0)
B = Direct("10.0.0.2", 80, ratio=1.0)
OUT = Direct("10.0.0.3", 80, ratio=0.0)
BEHIND = ThroughManager("S", "jupyter", "c")


def nobody(route: Route) -> Standing:
    return Standing.GOOD


def tired(one: Route) -> Callable[[Route], Standing]:
    return lambda route: Standing.TIRED if route == one else Standing.GOOD


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
    assert in_order([A, B, BEHIND], tired(A), never) == (B, A, BEHIND)


def test_three_to_one_over_four_thousand_requests():
    draw = random.Random(7).random
    firsts = Counter(in_order([A, B, OUT], nobody, draw)[0] for _ in range(4000))
    assert firsts[OUT] == 0
    assert abs(firsts[A] - 3000) < 150


def test_a_route_rests_after_three_failures_in_a_row():
    health = Health()
    for _ in range(2):
        health = failed(health, 100.0)
        assert not rests(health, 100.0)
    health = failed(health, 100.0)
    assert rests(health, 100.0 + REST - 0.1)
    assert not rests(health, 100.0 + REST)
    assert rests(failed(health, 200.0), 200.0)  # the first try after the rest failed too


def test_probes_restore_a_route_or_keep_it_at_rest():
    health = Health()
    for _ in range(2):
        health = failed(health, 100.0)
    assert not probe_due(health, 1000.0)  # nothing to find out
    health = failed(health, 100.0)
    assert probe_due(health, 100.0)
    health = probed(health, False, 100.0)
    assert not probe_due(health, 100.0 + PROBE_EVERY - 0.1)
    assert probe_due(health, 100.0 + PROBE_EVERY)
    assert rests(health, 100.0 + PROBE_EVERY)  # until the next look, traffic need not try
    assert standing(health, None, 100.0) is Standing.TIRED
    assert probed(health, True, 110.0) == Health()


def test_a_route_that_stays_unreachable_is_given_up_until_a_probe_connects():
    health = failed(failed(failed(Health(), 0.0), 0.0), 0.0)
    for now in range(5, 75, 10):
        health = probed(health, False, float(now))
    assert standing(health, None, 5.0 + GIVEN_UP - 0.1) is Standing.TIRED
    assert standing(health, None, 5.0 + GIVEN_UP) is Standing.OUT
    assert standing(failed(health, 70.0), None, 70.0) is Standing.OUT
    assert standing(probed(health, True, 75.0), None, 75.0) is Standing.GOOD


@pytest.mark.parametrize(
    ("verdict", "expected"),
    [
        (None, Standing.GOOD),
        (Verdict.HEALTHY, Standing.GOOD),
        (Verdict.UNKNOWN, Standing.TIRED),
        (Verdict.UNHEALTHY, Standing.OUT),
    ],
)
def test_what_http_checks_say_counts(verdict, expected):
    assert standing(Health(), verdict, 0.0) is expected


def test_a_route_that_is_out_carries_nothing():
    out: dict[Route, Standing] = {A: Standing.OUT, B: Standing.TIRED}
    assert in_order([A, B, BEHIND], out.__getitem__, never) == (B, BEHIND)
    assert in_order([A], out.__getitem__, never) == ()


def test_a_new_container_at_an_old_address_starts_anew():
    assert key_of(A) == key_of(replace(A, ratio=1.0, generation="7"))
    assert key_of(A) != key_of(replace(A, route_id="r2"))
    assert key_of(A) != key_of(replace(A, session_id="s2"))
    assert key_of(BEHIND) == BEHIND
