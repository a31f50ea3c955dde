"""One reusable deadline: set and cleared per request at the cost of an attribute.

``call_later`` for every request would fill the loop's heap with cancelled timers. Here a timer that
is moved later stays in the heap and looks, when it fires, whether it is still wanted.
"""

import asyncio
from collections.abc import Callable

NEVER = float("inf")


class Timer:
    """At most one pending deadline with its action."""

    __slots__ = ("_action", "_at", "_due", "_handle", "_loop")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._handle: asyncio.TimerHandle | None = None
        self._due = NEVER  # when the handle fires
        self._at = NEVER  # when the action is wanted
        self._action: Callable[[], None] | None = None

    def set(self, seconds: float, action: Callable[[], None]) -> None:
        """Run ``action`` once, ``seconds`` from now, in place of what was set before."""
        self._at = self._loop.time() + seconds
        self._action = action
        if self._handle is None or self._due > self._at:
            self._arm()

    def clear(self) -> None:
        """Forget the action; the sleeping handle costs nothing."""
        self._at = NEVER
        self._action = None

    def close(self) -> None:
        self.clear()
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _arm(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
        self._due = self._at
        self._handle = self._loop.call_at(self._at, self._fired)

    def _fired(self) -> None:
        self._handle = None
        action = self._action
        if action is None:
            return
        if self._loop.time() < self._at:
            self._arm()
            return
        self.clear()
        action()
