"""Many deadlines on one wheel: a loop whose clock the test moves, and real ones."""

import asyncio
import gc
import sys
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import Any

import pytest
import uvloop
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.net.wheel_case import Case
from wsproxy.core.wheel import TICK
from wsproxy.net.timer import Timer
from wsproxy.net.wheel import PORTION, Wheel

LOOPS = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}
DEADLINE = 60.0


@pytest.fixture
def case() -> Case:
    return Case()


def test_one_handle_for_all_and_it_is_for_the_first(case):
    late = case.set(300, "late")
    case.set(10, "early")
    case.set(75, "middle")
    assert case.loop.armed == [10]
    case.loop.advance(10)
    assert case.loop.armed == [75]
    case.loop.advance(65)
    assert case.loop.armed == [300]
    late.close()
    case.loop.advance(225)
    assert case.fired == ["early", "middle"]
    assert case.loop.armed == []


def test_nothing_is_armed_when_nothing_waits(case):
    assert case.loop.armed == []
    for number in range(1, 100):
        case.set(number, "never").close()
    case.set(2.5, "first")
    case.loop.advance(2.5)
    assert case.fired == ["first"]
    assert case.loop.armed == []  # the empty slots are skipped
    assert case.loop.turns == 2
    case.set(2, "again")
    case.loop.advance(2)
    assert case.fired == ["first", "again"]


def test_short_connections_cost_nothing_later(case):
    """Many timers of one slot that are closed soon leave no slot behind for each of them."""
    for _ in range(2000):
        case.set(600, "never").close()
    assert case.wheel.waiting == 0
    assert case.loop.made == 1
    case.loop.advance(601)
    assert case.loop.turns == 1


def test_a_slot_that_emptied_gives_its_room_back(case):
    timers = [case.set(600, "never") for _ in range(5000)]
    (slot,) = case.wheel._slots.values()
    assert sys.getsizeof(slot) > 100_000
    for timer in timers:
        timer.close()
    assert sys.getsizeof(slot) < 200


def test_a_slot_that_emptied_is_used_again(case):
    case.set(5, "a").close()
    case.set(5, "b")
    case.loop.advance(5)
    assert case.fired == ["b"]


def test_an_action_that_raises_does_not_stop_the_others(case):
    def wrong() -> None:
        raise ValueError("wrong")

    timers = [case.timer() for _ in range(2)]
    case.set(1, "a")
    for timer in timers:
        timer.set(1, wrong)
    case.set(1, "b")
    case.set(2, "c")
    case.loop.advance(3)
    assert sorted(case.fired) == ["a", "b", "c"]
    assert [str(error) for error in case.loop.reported] == ["wrong", "wrong"]


def test_an_action_that_stops_the_loop_leaves_the_wheel_in_order(case):
    def stop() -> None:
        raise KeyboardInterrupt

    case.set(1, "a")
    case.timer().set(1, stop)
    with pytest.raises(KeyboardInterrupt):
        case.loop.advance(1)
    case.loop.advance(1)
    assert case.fired == ["a"]


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        (lambda case, timer: timer.close(), []),
        (lambda case, timer: timer.clear(), []),
        (lambda case, timer: timer.set(5, case.note("later")), ["later"]),
        (lambda case, timer: timer.set(0, case.note("now")), ["now"]),
    ],
)
def test_an_action_may_change_others_of_the_slot(case, change, wanted):
    """Whoever is first changes the others: none of them does what it was to do."""
    timers = {case.timer() for _ in range(4)}

    def first(me: Timer) -> None:
        case.fired.append("first")
        for timer in timers - {me}:
            change(case, timer)

    for timer in timers:
        timer.set(1, partial(first, timer))
    case.loop.advance(1)
    assert case.fired[0] == "first"
    case.loop.advance(20)
    assert case.fired == ["first", *wanted * 3]
    assert case.wheel.waiting == 0


def test_an_action_may_close_its_own_timer(case):
    timer = case.timer()
    timer.set(1, timer.close)
    case.loop.advance(1)
    assert case.wheel.waiting == 0


def test_many_at_once_leave_turns_for_others(case):
    """Ten thousand idle connections whose time ends together do not stop the loop."""
    count = 10 * PORTION + 1
    for number in range(count):
        case.set(75, str(number))
    case.loop.now = 75.0
    for turn in range(1, 11):
        case.loop.turn()
        assert len(case.fired) == turn * PORTION
        assert case.loop.armed == [75]
    case.loop.turn()
    assert len(set(case.fired)) == count
    assert case.loop.armed == []


def test_a_loop_that_was_held_up_runs_all_slots_it_missed(case):
    for number in range(20):
        case.set(number * TICK, str(number))
    moved = case.set(1, "old")
    moved.set(1.5, case.note("moved"))
    case.loop.now = 10.0
    case.loop.turn()
    assert sorted(case.fired) == sorted([*map(str, range(20)), "moved"])
    assert case.loop.armed == []


def test_a_handle_that_fires_a_bit_early_fires_again(case):
    """Loops round times; nobody is early for that."""
    case.set(1, "a")
    case.loop.now = 0.9999
    for handle in case.loop._handles:
        handle.when = 0.9999
    case.loop.turn()
    assert case.fired == []
    assert case.loop.armed == [1]
    case.loop.advance(0.001)
    assert case.fired == ["a"]


def test_what_is_shown(case):
    case.set(1, "a")
    closed = case.set(2, "b")
    assert repr(case.wheel) == "Wheel(waiting=2)"
    closed.close()
    assert repr(case.wheel) == "Wheel(waiting=1)"


# -- against a model

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("set"), st.integers(0, 4), st.floats(0, 4)),
        st.tuples(st.just("clear"), st.integers(0, 4), st.just(0.0)),
        st.tuples(st.just("close"), st.integers(0, 4), st.just(0.0)),
        st.tuples(st.just("advance"), st.just(0), st.floats(0, 2)),
    ),
    max_size=40,
)


@settings(max_examples=200, deadline=None)
@given(STEPS)
def test_it_does_what_exact_timers_would_do(steps):
    """As a table of deadlines does: each fires once, in its tick, and nothing else does."""
    case = Case()
    timers = [case.timer() for _ in range(5)]  # a new one in place of each that is closed
    wanted: dict[int, float] = {}

    def fire(number: int) -> Callable[[], None]:
        def action() -> None:
            at = wanted.pop(number)
            assert at <= case.loop.now <= at + TICK

        return action

    for what, number, seconds in [*steps, ("advance", 0, 10.0)]:
        if what == "set":
            wanted[number] = case.loop.now + seconds
            timers[number].set(seconds, fire(number))
        elif what == "advance":
            case.loop.advance(seconds)
        else:
            wanted.pop(number, None)
            getattr(timers[number], what)()
            if what == "close":
                timers[number] = case.timer()
        assert all(at + TICK >= case.loop.now for at in wanted.values())
        assert len(wanted) <= case.wheel.waiting <= len(timers)
        assert len(case.loop.armed) <= 1
    assert not wanted
    assert not case.loop.reported
    assert case.wheel.waiting == 0
    assert case.loop.armed == []


# -- real loops


@pytest.fixture(params=sorted(LOOPS))
def run(request):
    def runner(work):
        async def limited() -> None:
            async with asyncio.timeout(DEADLINE):
                await work()

        with asyncio.Runner(loop_factory=LOOPS[request.param]) as made:
            made.run(limited())

    return runner


def test_on_a_real_loop(run):
    async def work() -> None:
        loop = asyncio.get_running_loop()
        wheel = Wheel()
        done: asyncio.Future[float] = loop.create_future()
        first, moved = Timer(wheel), Timer(wheel)
        fired: list[str] = []
        moved.set(0.01, lambda: fired.append("too early"))
        wanted = loop.time() + 3 * TICK
        moved.set(3 * TICK, lambda: done.set_result(loop.time()))
        first.set(TICK, lambda: fired.append("first"))
        assert await done >= wanted
        assert fired == ["first"]
        assert wheel.waiting == 0

    run(work)


def test_others_get_their_turn_between_portions(run):
    async def work() -> None:
        loop = asyncio.get_running_loop()
        wheel = Wheel()
        fired: list[int] = []
        seen: list[int] = []
        all_done: asyncio.Future[None] = loop.create_future()
        timers = [Timer(wheel) for _ in range(4 * PORTION)]

        def fire() -> None:
            if not fired:
                loop.call_soon(look)
            fired.append(1)
            if len(fired) == len(timers):
                all_done.set_result(None)

        def look() -> None:
            seen.append(len(fired))
            if not all_done.done():
                loop.call_soon(look)

        for timer in timers:
            timer.set(0.01, fire)
        await all_done
        steps = [after - before for before, after in pairwise([0, *seen])]
        assert max(steps) <= PORTION  # in whatever slots they were
        assert len({*seen} - {0, len(timers)}) >= 3

    run(work)


def test_a_loop_may_end_while_timers_wait(run):
    async def work() -> None:
        wheel = Wheel()
        timers = [Timer(wheel) for _ in range(3)]
        for timer in timers:
            timer.set(600, lambda: None)
        assert wheel.waiting == 3

    run(work)
    gc.collect()


def test_a_raising_action_is_told_to_the_loop(run):
    async def work() -> None:
        loop = asyncio.get_running_loop()
        told: asyncio.Future[dict[str, Any]] = loop.create_future()
        loop.set_exception_handler(lambda loop, context: told.set_result(context))
        timer = Timer(Wheel())

        def wrong() -> None:
            raise ValueError("wrong")

        timer.set(0.01, wrong)
        context = await told
        assert str(context["exception"]) == "wrong"
        assert "deadline" in context["message"]

    run(work)
