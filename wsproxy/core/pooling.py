"""Whether a kept connection to an app may carry the next request, as pure rules (design 5.7)."""

from dataclasses import dataclass
from enum import Enum, auto


@dataclass(frozen=True, slots=True)
class PoolRules:
    """Limits of one app (route). ``idle_seconds``: how long a connection may rest."""

    total: int = 512
    idle: int = 32
    idle_seconds: float = 30.0
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
