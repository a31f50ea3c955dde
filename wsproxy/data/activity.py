"""What each circuit carries: one ``Meter`` per circuit, for as long as the circuit is known."""

from collections.abc import Mapping
from types import MappingProxyType
from uuid import UUID

from wsproxy.core.meter import Meter


class Activity:
    """All meters of this node. The data plane counts; idle collection and metrics read."""

    def __init__(self) -> None:
        self._meters: dict[UUID, Meter] = {}
        self.front = Meter()
        """Traffic without a circuit (front mode)."""

    @property
    def meters(self) -> Mapping[UUID, Meter]:
        return MappingProxyType(self._meters)

    def meter(self, circuit_id: UUID | None) -> Meter:
        """The meter of a circuit, made when first asked for."""
        if circuit_id is None:
            return self.front
        meter = self._meters.get(circuit_id)
        if meter is None:
            meter = self._meters[circuit_id] = Meter()
        return meter

    def drop(self, circuit_id: UUID) -> Meter | None:
        """Forget a circuit that has ended; what it carried, if anything."""
        return self._meters.pop(circuit_id, None)

    def seen(self, now: float) -> None:
        """Move the first clock of every circuit with an open connection; called on a timer."""
        for meter in self._meters.values():
            meter.seen(now)
