"""Numbers of several rounds, and what follows from them. Pure values."""

import statistics
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

BUSY = 0.9
"""Share of its core from which a proxy counts as the bottleneck."""


class Sample(NamedTuple):
    """One round: ``units`` of work (requests, bytes, messages), and what it took.

    ``cpu`` is the proxy's, in seconds; None where nothing stands between load and backend.
    """

    units: float
    seconds: float
    cpu: float | None = None
    faults: int = 0


@dataclass
class Measured:
    """One target's rounds. ``user``, ``kernel``: where its CPU went, in seconds of all rounds."""

    name: str
    samples: list[Sample] = field(default_factory=list)
    user: float = 0.0
    kernel: float = 0.0

    @property
    def rate(self) -> float:
        """Units a second, the median."""
        return _median(one.units / one.seconds for one in self.samples if one.seconds)

    @property
    def cost(self) -> float | None:
        """Seconds of the proxy's CPU for one unit, the median."""
        costs = [s.cpu / s.units for s in self.samples if s.cpu is not None and s.units]
        return _median(costs) if costs else None

    @property
    def busy(self) -> float | None:
        """The share of its core that the proxy used, the median."""
        shares = [s.cpu / s.seconds for s in self.samples if s.cpu is not None and s.seconds]
        return _median(shares) if shares else None

    @property
    def in_kernel(self) -> float | None:
        """The share of its CPU that the system's calls took."""
        every = self.user + self.kernel
        return self.kernel / every if every else None

    @property
    def faults(self) -> int:
        """Wrong answers, and one for each round that brought nothing."""
        return sum(one.faults + (not one.units) for one in self.samples)


class Ratio(NamedTuple):
    value: float
    note: str = ""


def rate_ratio(ours: Measured, theirs: Measured) -> Ratio | None:
    """How our rate compares to theirs.

    Rates say nothing about two proxies unless each had its core to itself and was what everything
    waited for. Where one was not, the work for each second of CPU is compared instead.
    """
    shares = (ours.busy, theirs.busy)
    if all(share is not None and share >= BUSY for share in shares) and theirs.rate:
        return Ratio(ours.rate / theirs.rate)
    cost = cost_ratio(ours, theirs)
    if cost is None or not cost.value:
        return None
    return Ratio(1 / cost.value, "by CPU: the load, or others on this machine, held it back")


def cost_ratio(ours: Measured, theirs: Measured) -> Ratio | None:
    """CPU for a unit, ours divided by theirs."""
    if not ours.cost or not theirs.cost:
        return None
    return Ratio(ours.cost / theirs.cost)


def slope(points: Iterable[tuple[float, float]]) -> float:
    """How much the second number grows with one more of the first (from first to last point)."""
    every = list(points)
    (x0, y0), (x1, y1) = every[0], every[-1]
    return (y1 - y0) / (x1 - x0) if x1 != x0 else 0.0


def _median(values: Iterable[float]) -> float:
    found = list(values)
    return statistics.median(found) if found else 0.0
