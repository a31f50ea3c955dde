"""Asks strangers rarely: answers are kept, questions are shared, failures rest (design 3).

``Probe`` is generic: its key is an address, or a group of a manager; its question is any function
that never raises. A good answer holds for ``keep`` seconds. After a failure the key rests, longer
each time (``core.penalty``); the next question after a rest is asked beside its caller, who waits
only ``patience`` seconds for it. So a dead address costs its callers next to nothing, and one that
was mended is noticed at once.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from wsproxy.core.address import Malformed, parse
from wsproxy.core.penalty import CLEAR, Penalty, PenaltyRules, after_failure
from wsproxy.core.version import Fault, Observation, Trouble, judge
from wsproxy.net.asking import Asker
from wsproxy.net.tasks import Tasks

K = TypeVar("K", bound=Hashable)

MEMORY = 1024
"""Keys remembered; the one not used for longest goes first (keys may come from requests)."""


@dataclass(frozen=True, slots=True)
class ProbeRules:
    """Seconds: how long a good answer holds, and how long a caller waits after a rest."""

    keep: float = 30.0
    patience: float = 0.25
    penalty: PenaltyRules = field(default_factory=PenaltyRules)


@dataclass(slots=True)
class _Memory:
    """What is known of one key; ``asking`` is the question under way."""

    seen: Observation | None = None
    until: float = 0.0
    penalty: Penalty = CLEAR
    asking: "asyncio.Task[Observation] | None" = None


UNASKED = Fault(Trouble.SILENT, "nobody asks any more: the gateway stops")


class Probe(Generic[K]):
    """One question at a time per key, shared by all who want to know."""

    def __init__(
        self,
        question: Callable[[K], Awaitable[Observation]],
        rules: ProbeRules | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._question = question
        self._rules = rules or ProbeRules()
        self._clock = clock
        self._memories: OrderedDict[K, _Memory] = OrderedDict()
        self._tasks = Tasks("probe")
        self._closed = False

    def __repr__(self) -> str:
        return f"Probe({len(self._memories)} remembered, {len(self._tasks)} asking)"

    async def see(self, key: K) -> Observation:
        """What is known of ``key``, or what is seen when asking. A caller may leave at any time."""
        memory = self._memories.setdefault(key, _Memory())
        self._memories.move_to_end(key)
        if memory.seen is not None and self._clock() < memory.until:
            return memory.seen
        if memory.asking is None:
            if self._closed:
                return memory.seen or UNASKED
            memory.asking = self._tasks.start(self._ask(key, memory), "ask")
            self._forget_old()
        asking = memory.asking
        # asyncio.wait leaves the task alone, whether the caller is cancelled or out of patience
        await asyncio.wait({asking}, timeout=self._patience(memory))
        if asking.done() and not asking.cancelled():
            return asking.result()
        return memory.seen or UNASKED

    def _patience(self, memory: _Memory) -> float | None:
        """Who asks for the first time, or after a good answer ran out, waits for the deadline."""
        return None if memory.penalty == CLEAR else self._rules.patience

    async def _ask(self, key: K, memory: _Memory) -> Observation:
        try:
            seen = await self._question(key)
        finally:
            memory.asking = None
        now = self._clock()
        if judge(seen).degraded:
            memory.penalty = after_failure(memory.penalty, now, self._rules.penalty)
            memory.until = memory.penalty.until
        else:
            memory.penalty = CLEAR
            memory.until = now + self._rules.keep
        memory.seen = seen
        return seen

    def _forget_old(self) -> None:
        while len(self._memories) > MEMORY:
            self._memories.popitem(last=False)

    async def close(self) -> None:
        """End every question; those who wait for one get the last answer, or a failure."""
        self._closed = True
        await self._tasks.close()


def asking(asker: Asker) -> Callable[[str], Awaitable[Observation]]:
    """The question for a probe whose keys are addresses as they are written in the settings."""

    async def question(text: str) -> Observation:
        address = parse(text)
        return address if isinstance(address, Malformed) else await asker.ask(address)

    return question
