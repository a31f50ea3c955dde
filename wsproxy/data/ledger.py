"""What a worker process has to tell of its traffic: everything that changed since the last time."""

from collections.abc import Callable, Hashable
from copy import copy
from uuid import UUID

from wsproxy.core.meter import Carried, Meter, carried
from wsproxy.core.told import UNTRIED, WORKED, Tried
from wsproxy.data.activity import Activity
from wsproxy.data.health import Routes


class Signs:
    """Stands for the collector where traffic is carried."""

    def __init__(self) -> None:
        self._tried: dict[UUID, Tried] = {}

    def connected(self, circuit_id: UUID) -> None:
        self._tried[circuit_id] = WORKED

    def connect_failed(self, circuit_id: UUID) -> None:
        self._tried[circuit_id] = self._tried.get(circuit_id, UNTRIED).and_failed()

    def drain(self) -> tuple[tuple[UUID, Tried], ...]:
        told, self._tried = tuple(self._tried.items()), {}
        return told


class TellingRoutes(Routes):
    """Routes whose experience others want to share."""

    def __init__(self, clock: Callable[[], float]) -> None:
        super().__init__(clock)
        self._tried: dict[Hashable, Tried] = {}

    def failed(self, key: Hashable) -> None:
        super().failed(key)
        self._tried[key] = self._tried.get(key, UNTRIED).and_failed()

    def worked(self, key: Hashable) -> None:
        super().worked(key)
        self._tried[key] = WORKED

    def drain(self) -> tuple[tuple[Hashable, Tried], ...]:
        told, self._tried = tuple(self._tried.items()), {}
        return told


class Ledger:
    """What was told of each circuit's meter, so that only the rest is told next time."""

    def __init__(self, activity: Activity) -> None:
        self._activity = activity
        self._told: dict[UUID, Meter] = {}

    def changes(self) -> tuple[Carried, ...]:
        told = self._told
        new = [one for one in self._activity.meters.items() if told.get(one[0]) != one[1]]
        return tuple(self._tell(circuit_id, meter) for circuit_id, meter in new)

    def last(self, circuit_id: UUID) -> Carried:
        """What is left to tell of a circuit that ends; its meter is forgotten."""
        meter = self._activity.drop(circuit_id) or Meter()
        last = self._tell(circuit_id, meter)
        del self._told[circuit_id]
        return last

    def _tell(self, circuit_id: UUID, meter: Meter) -> Carried:
        before = self._told.get(circuit_id, Meter())
        self._told[circuit_id] = copy(meter)
        return carried(circuit_id, before, meter)
