"""A wheel of deadlines: which slot one waits in, and what becomes of it when the slot comes up.

Time is cut into ticks, and the slot of a tick comes up at the tick's end. So a deadline is never
met early, and at most one tick late.
"""

from enum import Enum, auto
from math import ceil, floor

TICK = 0.125
"""Seconds. A power of two, so that slots stand for exact times; whole milliseconds, as a loop may
count no finer."""

FAR = 1e9
"""Seconds; who waits for a later time looks again then."""


class Fate(Enum):
    DROP = auto()
    FIRE = auto()
    MOVE = auto()  # to the slot of its time


def slot_of(at: float, last: int) -> int:
    """The first slot that comes up at ``at`` or later, of those after the ``last`` that came up.

    What waits for a time that has passed gets the next one too: a slot that is being run does not
    grow.
    """
    return max(ceil(min(at, FAR) / TICK), last + 1)


def comes_up(slot: int) -> float:
    """When."""
    return slot * TICK


def last_up(now: float) -> int:
    """The last slot that has come up."""
    return floor(now / TICK)


def fate(at: float | None, now: float) -> Fate:
    """Of one whose slot has come up. ``at``: the time it waits for by now; None: for nothing."""
    if at is None:
        return Fate.DROP
    return Fate.FIRE if at <= now else Fate.MOVE
