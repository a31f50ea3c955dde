"""Which route carries a request: the order in which they are tried (protocol 7.4, design 5.5, 5.6).

Direct routes come in weighted random order, healthy ones first, resting ones behind them as a last
resort; a way through the manager comes last of all. A ratio of zero takes a route out.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from wsproxy.core.circuit import Direct, Route, ThroughManager

FAILURES = 3
REST = 10.0
"""A route rests ``REST`` seconds after ``FAILURES`` failures in a row."""

Draw = Callable[[], float]
"""Gives numbers in [0, 1)."""


@dataclass(frozen=True, slots=True)
class Health:
    """What is remembered of one route. The default is a route nobody complained about."""

    failures: int = 0
    rests_until: float = 0.0


def failed(health: Health, now: float) -> Health:
    """After one more failure of the app's side."""
    failures = health.failures + 1
    return Health(failures, now + REST if failures >= FAILURES else 0.0)


def rests(health: Health, now: float) -> bool:
    """After the rest the route is tried again; one more failure sends it back at once."""
    return now < health.rests_until


def in_order(
    routes: Iterable[Route], resting: Callable[[Route], bool], draw: Draw
) -> tuple[Route, ...]:
    """The routes in the order in which they are to be tried; empty when there is none."""
    every = tuple(routes)
    direct = [route for route in every if isinstance(route, Direct) and route.ratio > 0]
    healthy = [route for route in direct if not resting(route)]
    tired = [route for route in direct if route not in healthy]
    behind = [route for route in every if isinstance(route, ThroughManager)]
    return (*_shuffled(healthy, draw), *_shuffled(tired, draw), *behind)


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
