"""One reusable deadline, on a loop whose clock the test moves."""

import asyncio
from collections.abc import Callable
from typing import cast

from wsproxy.net.timer import Timer


class Handle:
    def __init__(self, when: float, action: Callable[[], None]) -> None:
        self.when = when
        self.action = action
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


class Loop:
    """Just the clock and the timers of a loop."""

    def __init__(self) -> None:
        self.now = 0.0
        self.handles: list[Handle] = []

    def time(self) -> float:
        return self.now

    def call_at(self, when: float, action: Callable[[], None]) -> Handle:
        self.handles.append(Handle(when, action))
        return self.handles[-1]

    def advance(self, seconds: float) -> None:
        self.now += seconds
        for handle in list(self.handles):
            if not handle.cancelled and handle.when <= self.now:
                handle.cancelled = True
                handle.action()


def a_timer() -> tuple[Timer, Loop, list[str]]:
    loop = Loop()
    return Timer(cast(asyncio.AbstractEventLoop, loop)), loop, []


def test_it_fires_once():
    timer, loop, fired = a_timer()
    timer.set(5, lambda: fired.append("a"))
    loop.advance(4)
    assert fired == []
    loop.advance(1)
    loop.advance(10)
    assert fired == ["a"]


def test_moving_it_later_makes_no_new_handle():
    timer, loop, fired = a_timer()
    for _ in range(100):
        timer.set(5, lambda: fired.append("a"))
        loop.advance(0.01)
    assert len(loop.handles) == 1
    loop.advance(4.5)
    assert fired == []
    loop.advance(1)
    assert fired == ["a"]


def test_moving_it_earlier_works():
    timer, loop, fired = a_timer()
    timer.set(50, lambda: fired.append("late"))
    timer.set(1, lambda: fired.append("early"))
    loop.advance(1)
    loop.advance(100)
    assert fired == ["early"]


def test_clearing_and_closing():
    timer, loop, fired = a_timer()
    timer.set(1, lambda: fired.append("a"))
    timer.clear()
    loop.advance(2)
    assert fired == []
    timer.set(1, lambda: fired.append("b"))
    timer.close()
    timer.close()
    loop.advance(2)
    assert fired == []
    assert all(handle.cancelled for handle in loop.handles)


def test_the_action_may_set_it_again():
    timer, loop, fired = a_timer()

    def again() -> None:
        fired.append("a")
        timer.set(1, lambda: fired.append("b"))

    timer.set(1, again)
    loop.advance(1)
    loop.advance(1)
    assert fired == ["a", "b"]
