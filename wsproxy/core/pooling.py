"""Whether a kept connection to an app may carry the next request, as pure rules (design 5.7)."""

from dataclasses import dataclass
from enum import Enum, auto


@dataclass(frozen=True, slots=True)
class PoolRules:
    """Limits of one app (route). ``idle_seconds``: how long a connection may rest.

    More than ``lasting`` connections rest only for ``surplus_seconds``: a rush needs them again
    at once (closing and connecting costs more than all of a small request), but an app may keep a
    thread for each, so they do not stay.
    """

    total: int = 512
    idle: int = 256
    lasting: int = 32
    idle_seconds: float = 30.0
    surplus_seconds: float = 2.0
    fresh_seconds: float = 2.0


class Advice(Enum):
    REUSE = auto()
    DIAL = auto()
    WAIT = auto()  # for a place


def usable(rested: float, safe: bool, rules: PoolRules) -> bool:
    """Whether a connection that rested so long may be used.

    An app may close a resting connection just as we write to it. A safe request is then sent again;
    another one cannot be, so it gets only connections that were busy a moment ago.
    """
    return rested < (rules.idle_seconds if safe else min(rules.fresh_seconds, rules.idle_seconds))


def advice(usable_idle: int, places_taken: int, rules: PoolRules) -> Advice:
    """What the next request shall do."""
    if usable_idle:
        return Advice.REUSE
    return Advice.DIAL if places_taken < rules.total else Advice.WAIT


def keep(idle: int, waiting: int, rules: PoolRules) -> bool:
    """Whether a connection that has become free stays open."""
    return waiting > 0 or idle < rules.idle


def tired(younger: int, rested: float, rules: PoolRules) -> bool:
    """Whether a resting connection is closed. ``younger``: how many rest that came after it."""
    return rested >= (rules.idle_seconds if younger < rules.lasting else rules.surplus_seconds)


def next_look(most: int, rules: PoolRules) -> float:
    """Seconds to the next search for tired ones; ``most``: how many rest on the fullest route."""
    return rules.surplus_seconds if most > rules.lasting else rules.idle_seconds / 2
