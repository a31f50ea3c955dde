"""A wheel on a loop whose clock the test moves."""

import asyncio
from collections.abc import Callable
from typing import Any, cast

from wsproxy.net.timer import Timer
from wsproxy.net.wheel import Wheel


class Handle:
    def __init__(self, when: float, action: Callable[[], None]) -> None:
        self.when = when
        self.action = action
        self.over = False

    def cancel(self) -> None:
        self.over = True


class Loop:
    """Just the clock and the timers of a loop."""

    def __init__(self) -> None:
        self.now = 0.0
        self.turns = 0
        self.made = 0
        self.reported: list[BaseException] = []
        self._handles: list[Handle] = []

    def time(self) -> float:
        return self.now

    def call_at(self, when: float, action: Callable[[], None]) -> Handle:
        self.made += 1
        self._handles.append(Handle(when, action))
        return self._handles[-1]

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        self.reported.append(context["exception"])

    @property
    def armed(self) -> list[float]:
        self._handles = [one for one in self._handles if not one.over]
        return [one.when for one in self._handles]

    def turn(self) -> None:
        """Run what is due now, but not what that makes."""
        due = [one for one in self._handles if not one.over and one.when <= self.now]
        for one in due:
            if not one.over:
                one.over = True
                self.turns += 1
                one.action()

    def advance(self, seconds: float) -> None:
        """Time passes, and everything runs when its time has come."""
        until = self.now + seconds
        while self.armed and min(self.armed) <= until:
            self.now = max(self.now, min(self.armed))
            self.turn()
        self.now = until


class Case:
    """A wheel on such a loop, and what its timers did."""

    def __init__(self) -> None:
        self.loop = Loop()
        self.wheel = Wheel(cast(asyncio.AbstractEventLoop, self.loop))
        self.fired: list[str] = []

    def timer(self) -> Timer:
        return Timer(self.wheel)

    def note(self, name: str) -> Callable[[], None]:
        return lambda: self.fired.append(name)

    def set(self, seconds: float, name: str) -> Timer:
        timer = self.timer()
        timer.set(seconds, self.note(name))
        return timer
