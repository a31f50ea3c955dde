"""Several processes that share one gateway's work: who gets a connection, and what each may use."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

K = TypeVar("K")
V = TypeVar("V")

WAITING = 256
"""Connections that may wait in the way to one process before others get the next ones."""

PAUSES = (0.0, 0.5, 1.0, 2.0, 4.0, 8.0)
"""Seconds before a process is started anew, by how many ended early in a row."""

LATE = 3.0
"""Seconds without a word after which a process counts as hanging; they report twice a second."""

EARLY = 10.0
"""Seconds; a process that ended before that may be one that always will."""


@dataclass(frozen=True, slots=True)
class Load:
    """One process: whether it serves, and its connections; ``waiting`` of them are on their way."""

    ready: bool
    open: int = 0
    waiting: int = 0
    late: bool = False  # it has not been heard for long


def choose(loads: Sequence[Load], turn: int) -> int | None:
    """Which process gets the next connection: the one with the fewest; ties go round by ``turn``.

    One that hangs gets some only when all do. None when nobody can take one now.
    """
    count = len(loads)
    order = [(turn + step) % count for step in range(count)]
    able = [at for at in order if loads[at].ready and loads[at].waiting < WAITING]
    return min(able, key=lambda at: (loads[at].late, loads[at].open), default=None)


def share(limit: int, processes: int) -> int:
    """What one of several processes may use of a limit; 0 stays "no limit".

    >>> share(512, 1), share(512, 3), share(1, 4), share(0, 2)
    (512, 171, 1, 0)
    """
    return -(-limit // processes)


def ended_early(before: int, lived: float) -> int:
    """How many processes in one place have ended early in a row, after one that lived so long."""
    return before + 1 if lived < EARLY else 0


def pause(early: int) -> float:
    """Seconds to wait before the next one is started."""
    return PAUSES[min(early, len(PAUSES) - 1)]


def remember(kept: dict[K, V], key: K, value: V, most: int) -> None:
    """Keep the newest ``most`` entries. Whoever does the same with the same keys keeps the same."""
    kept.pop(key, None)
    kept[key] = value
    if len(kept) > most:
        del kept[next(iter(kept))]
