"""One reusable deadline, on a loop whose clock the test moves."""

import weakref

import pytest

from tests.net.wheel_case import Case
from wsproxy.core.wheel import TICK
from wsproxy.net.timer import Timer
from wsproxy.net.wheel import Wheel


@pytest.fixture
def case() -> Case:
    return Case()


def test_it_fires_once(case):
    case.set(5, "a")
    case.loop.advance(4.99)
    assert case.fired == []
    case.loop.advance(0.01)
    case.loop.advance(10)
    assert case.fired == ["a"]


@pytest.mark.parametrize("seconds", [0.0, 0.01, TICK, TICK + 0.001, 1.0, 300.03])
@pytest.mark.parametrize("begin", [0.0, 0.06, 7 * TICK, 1000.1])
def test_never_early_and_at_most_a_tick_late(case, begin, seconds):
    case.loop.now = begin
    timer, at = case.timer(), []
    timer.set(seconds, lambda: at.append(case.loop.now))
    case.loop.advance(seconds + TICK)
    assert begin + seconds <= at[0] <= begin + seconds + TICK


def test_moving_it_later_makes_no_new_handle(case):
    timer = case.timer()
    for _ in range(100):
        timer.set(5, case.note("a"))
        case.loop.advance(0.01)
    assert case.loop.made == 1
    case.loop.advance(4.98)
    assert case.fired == []
    case.loop.advance(1)
    assert case.fired == ["a"]


def test_moving_it_earlier_works(case):
    timer = case.set(50, "late")
    timer.set(1, case.note("early"))
    assert case.wheel.waiting == 1
    case.loop.advance(1)
    assert case.fired == ["early"]
    case.loop.advance(100)
    assert case.fired == ["early"]


def test_moving_it_within_its_slot_makes_nothing(case):
    timer = case.set(5 * TICK, "a")
    timer.set(4.5 * TICK, case.note("b"))
    assert case.loop.made == 1
    case.loop.advance(5 * TICK)
    assert case.fired == ["b"]


def test_there_and_back_again(case):
    timer = case.set(50, "a")
    for _ in range(3):
        timer.set(1, case.note("b"))
        timer.set(50, case.note("c"))
    assert case.wheel.waiting == 1
    case.loop.advance(49)
    assert case.fired == []
    case.loop.advance(50)
    assert case.fired == ["c"]


def test_what_is_cleared_does_not_happen(case):
    timer = case.set(1, "a")
    timer.clear()
    case.loop.advance(2)
    assert case.fired == []
    assert case.wheel.waiting == 0
    timer.set(1, case.note("b"))
    case.loop.advance(2)
    assert case.fired == ["b"]


def test_what_is_cleared_can_be_set_again_meanwhile(case):
    timer = case.set(1, "a")
    timer.clear()
    case.loop.advance(0.5)
    timer.set(1, case.note("b"))
    assert case.loop.made == 1
    case.loop.advance(0.9)
    assert case.fired == []
    case.loop.advance(TICK)
    assert case.fired == ["b"]


def test_what_is_closed_has_left_at_once(case):
    timer = case.set(600, "a")
    timer.close()
    timer.close()
    assert case.wheel.waiting == 0
    owner = weakref.ref(_Owner(case.wheel))
    assert owner() is None  # without a search for cycles
    case.loop.advance(1000)
    assert case.fired == []


def test_what_is_closed_stays_closed(case):
    timer = case.timer()
    timer.close()
    timer.set(0, case.note("a"))
    assert case.wheel.waiting == 0
    case.loop.advance(10)
    assert case.fired == []


class _Owner:
    """Like a connection: it has a timer whose action is its own."""

    def __init__(self, wheel: Wheel) -> None:
        self.timer = Timer(wheel)
        self.timer.set(600, self.late)
        self.timer.close()

    def late(self) -> None:
        raise AssertionError("it was closed")


def test_the_action_may_set_it_again(case):
    timer = case.timer()

    def again() -> None:
        case.fired.append("a")
        timer.set(1, case.note("b"))

    timer.set(1, again)
    case.loop.advance(1)
    assert case.fired == ["a"]
    case.loop.advance(1)
    assert case.fired == ["a", "b"]


def test_who_sets_itself_at_once_waits_for_the_next_slot(case):
    """Else it would run for ever, before everybody else of the slot."""
    timer = case.timer()

    def again() -> None:
        case.fired.append("again")
        timer.set(0, again)

    case.set(1, "other")
    timer.set(1, again)
    case.loop.advance(1)
    assert sorted(case.fired) == ["again", "other"]
    case.loop.advance(4 * TICK)
    assert case.fired.count("again") == 5
