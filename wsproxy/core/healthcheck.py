"""HTTP health checks of the routes of an inference endpoint: when one is due, what it proves.

The manager says how (protocol 6.5); a node remembers for each route what it saw.
"""

from dataclasses import dataclass, replace
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """What the manager wants to know. Times are seconds; ``path`` starts with ``/``.

    A route is unhealthy after ``max_retries`` failed checks in a row. ``max_wait_time`` is for one
    check, connecting included.
    """

    path: str = "/"
    interval: float = 10.0
    max_retries: int = 10
    max_wait_time: float = 15.0
    expected_status_code: int = 200
    initial_delay: float = 0.0


class Verdict(StrEnum):
    UNKNOWN = "unknown"  # no check has passed yet, and not enough have failed
    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"


@dataclass(frozen=True, slots=True)
class Checked:
    """What a node knows of one route. ``since``: first seen; ``last``: the last check began."""

    since: float
    verdict: Verdict = Verdict.UNKNOWN
    failures: int = 0
    last: float | None = None


def due(known: Checked, check: HealthCheck, now: float) -> bool:
    """Whether the route is to be checked now."""
    if known.last is None:
        return now >= known.since + check.initial_delay
    return now >= known.last + check.interval


def begun(known: Checked, now: float) -> Checked:
    """A check has begun."""
    return replace(known, last=now)


def after(known: Checked, check: HealthCheck, passed: bool) -> Checked:
    """A check has ended. One good check makes a route healthy, also one that was not."""
    if passed:
        return replace(known, verdict=Verdict.HEALTHY, failures=0)
    failures = known.failures + 1
    bad = failures >= max(1, check.max_retries)
    return replace(known, verdict=Verdict.UNHEALTHY if bad else known.verdict, failures=failures)
