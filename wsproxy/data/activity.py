"""What each circuit carries: one ``Meter`` per circuit, for as long as the circuit is known."""

from collections.abc import Mapping
from types import MappingProxyType
from uuid import UUID

from wsproxy.core.meter import Carried, Meter


class Activity:
    """All meters of this node. The data plane counts; idle collection and metrics read."""

    def __init__(self) -> None:
        self._meters: dict[UUID, Meter] = {}
        self.front = Meter()
        """Traffic without a circuit (front mode)."""
        self._ended_in = 0
        self._ended_out = 0

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
        meter = self._meters.pop(circuit_id, None)
        if meter is not None:
            self._ended_in += meter.bytes_in
            self._ended_out += meter.bytes_out
        return meter

    def late(self, carried: Carried) -> None:
        """Count what a circuit carried that has ended already."""
        self._ended_in += carried.bytes_in
        self._ended_out += carried.bytes_out

    def carried(self) -> tuple[int, int]:
        """All bytes to apps and to clients since the start, ended circuits included."""
        known = [self.front, *self._meters.values()]
        to_apps = self._ended_in + sum(meter.bytes_in for meter in known)
        return to_apps, self._ended_out + sum(meter.bytes_out for meter in known)

    def seen(self, now: float) -> None:
        """Move the first clock of every circuit with an open connection; called on a timer."""
        for meter in self._meters.values():
            meter.seen(now)
