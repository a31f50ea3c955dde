"""Numbers of several rounds, and what follows from them. Pure values."""

import statistics
from collections.abc import Callable, Iterable
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

    @property
    def rate(self) -> float | None:
        """Units a second."""
        return self.units / self.seconds if self.seconds else None

    @property
    def cost(self) -> float | None:
        """Seconds of the proxy's CPU for one unit."""
        return self.cpu / self.units if self.cpu is not None and self.units else None


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
        return _median(one.rate for one in self.samples if one.rate is not None)

    @property
    def cost(self) -> float | None:
        """Seconds of the proxy's CPU for one unit, the median."""
        costs = [one.cost for one in self.samples if one.cost is not None]
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
    rates = _in_pairs(ours, theirs, lambda sample: sample.rate)
    if all(share is not None and share >= BUSY for share in shares) and rates:
        return Ratio(rates)
    cost = cost_ratio(ours, theirs)
    if cost is None or not cost.value:
        return None
    return Ratio(1 / cost.value, "by CPU: the load, or others on this machine, held it back")


def cost_ratio(ours: Measured, theirs: Measured) -> Ratio | None:
    """CPU for a unit, ours divided by theirs."""
    cost = _in_pairs(ours, theirs, lambda sample: sample.cost)
    return Ratio(cost) if cost else None


def _in_pairs(
    ours: Measured, theirs: Measured, of: Callable[[Sample], float | None]
) -> float | None:
    """The median of the ratios of each round: what slowed both in one of them is not counted.

    Where a round is missing, the ratio of the medians.
    """
    mine, other = ([of(sample) for sample in one.samples] for one in (ours, theirs))
    if len(mine) == len(other) and all(mine) and all(other):
        return _median(a / b for a, b in zip(mine, other, strict=True) if a and b)
    a, b = (_median(value for value in every if value) for every in (mine, other))
    return a / b if b else None


def slope(points: Iterable[tuple[float, float]]) -> float:
    """How much the second number grows with one more of the first (from first to last point)."""
    every = list(points)
    (x0, y0), (x1, y1) = every[0], every[-1]
    return (y1 - y0) / (x1 - x0) if x1 != x0 else 0.0


def _median(values: Iterable[float]) -> float:
    found = list(values)
    return statistics.median(found) if found else 0.0
