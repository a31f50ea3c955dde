"""How long a dead address rests before it is asked again (design 3).

Each failure in a row makes the rest longer, up to a limit; one success ends it. Time is a number of
seconds that only grows, given by the caller.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PenaltyRules:
    """Seconds. The first rest, what it is multiplied with, and the longest."""

    first: float = 1.0
    factor: float = 2.0
    longest: float = 30.0


@dataclass(frozen=True, slots=True)
class Penalty:
    """``wait`` is the last rest in seconds, ``until`` when it ends."""

    wait: float = 0.0
    until: float = 0.0

    def rests(self, now: float) -> bool:
        """Whether the remembered failure still stands for an answer."""
        return now < self.until


CLEAR = Penalty()
"""Nothing failed yet, or the last try succeeded."""


def after_failure(before: Penalty, now: float, rules: PenaltyRules) -> Penalty:
    """The next, longer rest. It grows from the last one, so no count of failures can overflow."""
    wait = min(rules.longest, max(rules.first, before.wait * rules.factor))
    return Penalty(wait, now + wait)
