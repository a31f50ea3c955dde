"""What a node knows of its routes: from what they carried, from probes, from HTTP checks.

Only memory and look-ups; ``core.selection`` and ``core.healthcheck`` decide, ``data.checks`` looks.
"""

from collections.abc import Callable, Collection, Hashable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar
from uuid import UUID

from wsproxy.core.circuit import Circuit, Direct, Route
from wsproxy.core.failure import counts_against_route
from wsproxy.core.healthcheck import Checked, HealthCheck, Verdict, after, begun, due
from wsproxy.core.selection import (
    Health,
    Standing,
    failed,
    key_of,
    probe_due,
    probed,
    standing,
)
from wsproxy.data.site import Outcome

_MOST_FAILING = 4096
_UNKNOWN = Health()

CheckKey = tuple[UUID, Hashable]


def check_key(circuit: Circuit, route: Route) -> CheckKey:
    """Each endpoint has checks of its own, also where two share a container."""
    return (circuit.id, key_of(route))


@dataclass(frozen=True, slots=True)
class News:
    """What has changed for routes; None: nothing is known of it any more."""

    health: tuple[tuple[Hashable, Health | None], ...] = ()
    verdicts: tuple[tuple[CheckKey, Verdict | None], ...] = ()

    def __bool__(self) -> bool:
        return bool(self.health or self.verdicts)


class Routes:
    """The health of all routes of a node. ``clock`` gives seconds that are never set back."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._health: dict[Hashable, Health] = {}
        self._checked: dict[CheckKey, Checked] = {}

    def __repr__(self) -> str:
        return f"Routes({len(self._health)} with failures)"

    @property
    def troubled(self) -> bool:
        """Whether any route has failed lately."""
        return bool(self._health)

    def standing(self, circuit: Circuit, route: Route) -> Standing:
        """What may be done with one route of a circuit now. Asked for each request."""
        if not self._health and circuit.health_check is None:
            return Standing.GOOD
        health = self._health.get(key_of(route), _UNKNOWN)
        return standing(health, self.verdict(circuit, route), self._clock())

    def standing_in(self, circuit: Circuit) -> Callable[[Route], Standing]:
        return lambda route: self.standing(circuit, route)

    def verdict(self, circuit: Circuit, route: Route) -> Verdict | None:
        """What HTTP checks say; None where the manager wants none."""
        if circuit.health_check is None:
            return None
        known = self._checked.get(check_key(circuit, route))
        return known.verdict if known is not None else Verdict.UNKNOWN

    def record(self, outcome: Outcome) -> None:
        """Count what the app's side did; a client that leaves proves nothing (observed 7)."""
        for route, failure in outcome.failures:
            if counts_against_route(failure):
                self.failed(key_of(route))
        if not self._health:
            return
        if outcome.route is not None and outcome.failure is None and outcome.status:
            self.worked(key_of(outcome.route))
        if len(self._health) > _MOST_FAILING:
            self._health.pop(next(iter(self._health)))

    def failed(self, key: Hashable) -> None:
        """A request met a failure of the app's side."""
        self._health[key] = failed(self._health.get(key, _UNKNOWN), self._clock())

    def worked(self, key: Hashable) -> None:
        """A request went well."""
        self._health.pop(key, None)

    # for the checks

    def probe_due(self, route: Direct) -> bool:
        return probe_due(self._health.get(key_of(route), _UNKNOWN), self._clock())

    def probed(self, route: Direct, connected: bool) -> None:
        """A connect probe has ended."""
        key = key_of(route)
        health = probed(self._health.get(key, _UNKNOWN), connected, self._clock())
        if connected:
            self._health.pop(key, None)
        else:
            self._health[key] = health

    def check_due(self, circuit: Circuit, route: Direct, check: HealthCheck) -> bool:
        """Whether to check now; a route is known from the first time somebody asks."""
        now = self._clock()
        known = self._checked.setdefault(check_key(circuit, route), Checked(now))
        return due(known, check, now)

    def check_begun(self, circuit: Circuit, route: Direct) -> None:
        key = check_key(circuit, route)
        self._checked[key] = begun(self._checked[key], self._clock())

    def checked(self, circuit: Circuit, route: Direct, check: HealthCheck, passed: bool) -> None:
        """An HTTP check has ended. One that passed forgives what requests met before."""
        key = check_key(circuit, route)
        if key in self._checked:
            self._checked[key] = after(self._checked[key], check, passed)
        if passed:
            self._health.pop(key_of(route), None)

    def keep(self, living: Collection[CheckKey]) -> None:
        """Forget the checks of routes that are gone."""
        for key in [key for key in self._checked if key not in living]:
            del self._checked[key]

    # between processes

    def known(self) -> "Known":
        """All that is known now."""
        verdicts = {key: known.verdict for key, known in self._checked.items()}
        return Known(dict(self._health), verdicts)

    def learn(self, news: "News") -> None:
        """What another process knows better."""
        for key, health in news.health:
            if health is None:
                self._health.pop(key, None)
            else:
                self._health[key] = health
        for check, verdict in news.verdicts:
            if verdict is None:
                self._checked.pop(check, None)
            else:
                self._checked[check] = Checked(self._clock(), verdict)


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of the routes that somebody complained about, and what checks say."""

    health: Mapping[Hashable, Health] = field(default_factory=dict)
    verdicts: Mapping[CheckKey, Verdict] = field(default_factory=dict)

    def since(self, before: "Known") -> News:
        """What is new."""
        return News(_changes(before.health, self.health), _changes(before.verdicts, self.verdicts))


K = TypeVar("K")
V = TypeVar("V")


def _changes(before: Mapping[K, V], now: Mapping[K, V]) -> tuple[tuple[K, V | None], ...]:
    gone: list[tuple[K, V | None]] = [(key, None) for key in before if key not in now]
    return (*gone, *((key, value) for key, value in now.items() if before.get(key) != value))
