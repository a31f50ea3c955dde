"""One reusable deadline: set and cleared per request at the cost of an attribute.

A deadline that is moved later stays in its slot of the wheel, and is put into the right one when
that slot comes up; so a busy connection touches the wheel once in many requests.
"""

from collections.abc import Callable

from wsproxy.core.wheel import Fate, fate
from wsproxy.net.wheel import NEVER, Slot, Wheel


class Timer:
    """At most one pending deadline with its action: never early, at most ``TICK`` late."""

    __slots__ = ("_action", "_at", "_begins", "_loop", "_slot", "_wheel")

    def __init__(self, wheel: Wheel) -> None:
        self._wheel = wheel
        self._loop = wheel.loop
        self._at = NEVER  # when the action is wanted
        self._action: Callable[[], None] | None = None
        self._slot: Slot | None = None
        self._begins = NEVER  # the tick of our slot: an earlier deadline needs another one

    def set(self, seconds: float, action: Callable[[], None]) -> None:
        """Run ``action`` once, ``seconds`` from now, in place of what was set before."""
        self._at = self._loop.time() + seconds
        self._action = action
        if self._begins > self._at:
            self._enter()

    def clear(self) -> None:
        """Forget the action; waiting in the slot for nothing costs nothing."""
        self._action = None

    def close(self) -> None:
        """Nothing of it is kept, however far its deadline is, and it never waits again."""
        self._action = None
        self._leave()
        self._begins = -NEVER

    def come_up(self, now: float) -> None:
        """The wheel has taken it out of its slot: see what is wanted by now."""
        self._slot = None
        self._begins = NEVER
        action = self._action
        what = fate(None if action is None else self._at, now)
        if what is Fate.MOVE:
            self._enter()
        elif what is Fate.FIRE:
            self._action = None
            assert action is not None
            action()

    def _enter(self) -> None:
        self._leave()
        self._slot, self._begins = self._wheel.enter(self, self._at)

    def _leave(self) -> None:
        slot = self._slot
        if slot is not None:
            del slot[self]
            if not slot:
                slot.clear()  # gives back the room that many had taken
            self._slot = None
            self._begins = NEVER
