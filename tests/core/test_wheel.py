import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsproxy.core.wheel import FAR, TICK, Fate, comes_up, fate, last_up, slot_of

NEVER_RAN = -1


@pytest.mark.parametrize(
    ("at", "last", "wanted"),
    [
        (0.0, NEVER_RAN, 0),
        (0.001, NEVER_RAN, 1),
        (1.0, NEVER_RAN, 8),  # exactly at the end of a tick: in time
        (1.0000001, NEVER_RAN, 9),
        (1.125, NEVER_RAN, 9),
        (1.0, 7, 8),
        (1.0, 8, 9),  # that one has come up already
        (0.2, 100, 101),  # late: as soon as there is a slot
        (-5.0, NEVER_RAN, 0),
        (FAR, 8, int(FAR / TICK)),
        (1e308, 8, int(FAR / TICK)),
        (float("inf"), 8, int(FAR / TICK)),
    ],
)
def test_slot_of(at: float, last: int, wanted: int):
    assert slot_of(at, last) == wanted


@pytest.mark.parametrize(
    ("now", "wanted"), [(0.0, 0), (0.124, 0), (0.125, 1), (0.126, 1), (60.0, 480)]
)
def test_last_up(now: float, wanted: int):
    assert last_up(now) == wanted


@pytest.mark.parametrize(
    ("at", "now", "wanted"),
    [
        (None, 5.0, Fate.DROP),
        (4.9, 5.0, Fate.FIRE),
        (5.0, 5.0, Fate.FIRE),
        (5.001, 5.0, Fate.MOVE),
    ],
)
def test_fate(at: float | None, now: float, wanted: Fate):
    assert fate(at, now) is wanted


TIMES = st.floats(0, 1e8)


@given(TIMES)
def test_never_early_and_at_most_a_tick_late(at: float):
    assert at <= comes_up(slot_of(at, NEVER_RAN)) <= at + TICK


@given(TIMES, TIMES)
def test_who_is_moved_goes_to_a_later_slot(at: float, now: float):
    last = last_up(now)
    assert comes_up(last) <= now < comes_up(last + 1)
    if fate(at, now) is Fate.MOVE:
        assert slot_of(at, NEVER_RAN) > last
