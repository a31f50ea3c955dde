"""One timer of the loop for all deadlines of a node's connections.

A loop's timer for every request, or every connection, would fill the loop's heap. Here they wait in
slots, and the loop is asked to wake us for the first one. Which slot, and what becomes of who waits
in it: ``core.wheel``.
"""

import asyncio
from heapq import heappop, heappush
from typing import Protocol

from wsproxy.core.wheel import comes_up, last_up, slot_of

NEVER = float("inf")

PORTION = 64
"""Deadlines that are looked at before others have a turn of the loop."""


class Waiting(Protocol):
    """Who waits in a slot (``net.timer``)."""

    def come_up(self, now: float) -> None:
        """It has been taken out of its slot."""
        ...


Slot = dict[Waiting, None]
"""Who is closed leaves it at once. Used as a set, but smaller."""


class Wheel:
    """The deadlines of one loop, which sleeps when there are none.

    ``_numbers`` is a heap of the slots there are. One that has emptied stays until it comes up or
    would be the next to do so: who leaves searches nothing, and may leave one wake-up for nothing.
    """

    __slots__ = ("_armed", "_handle", "_last", "_numbers", "_slots", "loop")

    def __init__(self, loop: asyncio.AbstractEventLoop | None = None) -> None:
        self.loop = loop or asyncio.get_running_loop()
        self._slots: dict[int, Slot] = {}
        self._numbers: list[int] = []
        self._last = -1  # the last slot that came up
        self._armed = NEVER  # the slot that the handle is for
        self._handle: asyncio.TimerHandle | None = None

    def __repr__(self) -> str:
        return f"Wheel(waiting={self.waiting})"

    @property
    def waiting(self) -> int:
        """How many are in slots; some may want nothing any more."""
        return sum(map(len, self._slots.values()))

    def enter(self, one: Waiting, at: float) -> tuple[Slot, float]:
        """Its slot from now on, and when the tick of that slot begins."""
        number = slot_of(at, self._last)
        slot = self._slots.get(number)
        if slot is None:
            slot = self._slots[number] = {}
            heappush(self._numbers, number)
        slot[one] = None
        if number < self._armed:
            self._arm()
        return slot, comes_up(number - 1)

    def _arm(self) -> None:
        """For the first slot that is not empty."""
        numbers = self._numbers
        while numbers and not self._slots[numbers[0]]:
            del self._slots[heappop(numbers)]
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None
        self._armed = NEVER
        if numbers:
            self._armed = numbers[0]
            self._handle = self.loop.call_at(comes_up(numbers[0]), self._come_up)

    def _come_up(self) -> None:
        self._handle = None
        now = self.loop.time()
        self._last = last_up(now)
        try:
            self._run(now)
        finally:
            self._arm()

    def _run(self, now: float) -> None:
        for _ in range(PORTION):
            one = self._next()
            if one is None:
                return
            try:
                one.come_up(now)
            except Exception as error:
                self.loop.call_exception_handler(
                    {"message": "the action of a deadline failed", "exception": error}
                )

    def _next(self) -> Waiting | None:
        """Take one out of a slot that has come up. Nobody enters such a slot any more."""
        while self._numbers and self._numbers[0] <= self._last:
            slot = self._slots[self._numbers[0]]
            if slot:
                return slot.popitem()[0]
            del self._slots[heappop(self._numbers)]
        return None
