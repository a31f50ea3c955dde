"""Which route carries a request: the order in which they are tried (protocol 7.4, design 5.5, 5.6).

Direct routes come in weighted random order, good ones first, tired ones behind them as a last
resort; a way through the manager comes last of all. A ratio of zero takes a route out.

What is known of a route comes from the requests it carried, from connect probes while it rests, and
from the HTTP checks that the manager asked for.
"""

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

from wsproxy.core.circuit import Direct, Route, ThroughManager
from wsproxy.core.healthcheck import Verdict

FAILURES = 3
REST = 10.0
"""A route rests ``REST`` seconds after ``FAILURES`` failures in a row."""

PROBE_EVERY = 10.0
"""Seconds between two connect probes of a resting route."""

GIVEN_UP = 60.0
"""Seconds without a connection after which a probed route carries nothing until one is made."""

Draw = Callable[[], float]
"""Gives numbers in [0, 1)."""


class Standing(StrEnum):
    GOOD = "good"
    TIRED = "tired"  # only when no good one is left
    OUT = "out"  # never


@dataclass(frozen=True, slots=True)
class Health:
    """What is remembered of one route. The default is a route nobody complained about.

    ``probed_at`` and ``unreachable_since`` are 0.0 for never.
    """

    failures: int = 0
    rests_until: float = 0.0
    probed_at: float = 0.0
    unreachable_since: float = 0.0


def key_of(route: Route) -> Hashable:
    """Whose health it is: one address of one container. A new route id is a new container."""
    if isinstance(route, Direct):
        return (route.host, route.port, route.route_id, route.session_id)
    return route


def failed(health: Health, now: float) -> Health:
    """After one more failure of the app's side."""
    failures = health.failures + 1
    return replace(
        health, failures=failures, rests_until=now + REST if failures >= FAILURES else 0.0
    )


def rests(health: Health, now: float) -> bool:
    """After the rest the route is tried again; one more failure sends it back at once."""
    return now < health.rests_until


def probe_due(health: Health, now: float) -> bool:
    """Whether to see if the route can be connected: it has failed, and the last look is old."""
    return health.failures >= FAILURES and now >= health.probed_at + PROBE_EVERY


def probed(health: Health, connected: bool, now: float) -> Health:
    """After a connect probe: restored, or at rest until the probe after the next one."""
    if connected:
        return Health()
    return Health(
        failures=health.failures,
        rests_until=now + 2 * PROBE_EVERY,
        probed_at=now,
        unreachable_since=health.unreachable_since or now,
    )


def standing(health: Health, verdict: Verdict | None, now: float) -> Standing:
    """What may be done with a route. ``verdict`` is None where no HTTP checks are wanted."""
    given_up = health.unreachable_since and now >= health.unreachable_since + GIVEN_UP
    if given_up or verdict is Verdict.UNHEALTHY:
        return Standing.OUT
    if rests(health, now) or verdict is Verdict.UNKNOWN:
        return Standing.TIRED
    return Standing.GOOD


def in_order(
    routes: Iterable[Route], standing_of: Callable[[Route], Standing], draw: Draw
) -> tuple[Route, ...]:
    """The routes in the order in which they are to be tried; empty when there is none."""
    every = tuple(routes)
    ranks: dict[Standing, list[Direct]] = {rank: [] for rank in Standing}
    for route in every:
        if isinstance(route, Direct) and route.ratio > 0:
            ranks[standing_of(route)].append(route)
    behind = [route for route in every if isinstance(route, ThroughManager)]
    good, tired = ranks[Standing.GOOD], ranks[Standing.TIRED]
    return (*_shuffled(good, draw), *_shuffled(tired, draw), *behind)


def _shuffled(routes: list[Direct], draw: Draw) -> list[Direct]:
    """Each place is drawn by weight from what is left; a single route needs no draw."""
    left, drawn = list(routes), []
    while len(left) > 1:
        drawn.append(left.pop(_pick([route.ratio for route in left], draw())))
    return drawn + left


def _pick(weights: list[float], point: float) -> int:
    mark = point * sum(weights)
    for index, weight in enumerate(weights):
        mark -= weight
        if mark < 0:
            return index
    return len(weights) - 1  # rounding
