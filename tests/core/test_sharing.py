"""Who gets a connection, and what each of several processes may use."""

import pytest

from wsproxy.core.sharing import (
    EARLY,
    PAUSES,
    WAITING,
    Load,
    choose,
    ended_early,
    pause,
    remember,
    share,
)

IDLE = Load(ready=True)


def busy(count: int) -> Load:
    return Load(ready=True, open=count)


@pytest.mark.parametrize(
    ("loads", "turn", "chosen"),
    [
        ([], 0, None),
        ([IDLE], 7, 0),
        ([busy(2), busy(1), busy(3)], 0, 1),
        ([Load(ready=False), busy(9)], 0, 1),
        ([Load(ready=False)], 0, None),
        ([Load(ready=True, open=3, waiting=3), busy(2)], 0, 1),
        ([Load(ready=True, waiting=WAITING), busy(9000)], 0, 1),
        ([Load(ready=True, waiting=WAITING)], 0, None),
        ([Load(ready=True, late=True), busy(9)], 0, 1),
        ([Load(ready=True, open=2, late=True), Load(ready=True, open=1, late=True)], 0, 1),
    ],
)
def test_the_one_with_the_fewest_gets_the_next(loads, turn, chosen):
    assert choose(loads, turn) == chosen


def test_equals_take_turns():
    assert [choose([IDLE, IDLE, IDLE], turn) for turn in range(5)] == [0, 1, 2, 0, 1]
    assert choose([busy(1), IDLE, IDLE], 2) == 2


@pytest.mark.parametrize(
    ("limit", "processes", "each"),
    [(512, 1, 512), (512, 2, 256), (512, 3, 171), (1, 8, 1), (0, 4, 0)],
)
def test_shares_are_rounded_up(limit, processes, each):
    assert share(limit, processes) == each


def test_the_oldest_is_forgotten_and_news_make_young():
    kept: dict[str, int] = {}
    for key in "abac":
        remember(kept, key, ord(key), 2)
    assert list(kept) == ["a", "c"]


def test_pauses_grow_while_processes_end_early_and_are_over_when_one_lived():
    early, pauses = 0, []
    for _ in range(8):
        early = ended_early(early, EARLY / 2)
        pauses.append(pause(early))
    assert pauses == [*PAUSES[1:], PAUSES[-1], PAUSES[-1], PAUSES[-1]]
    assert pause(ended_early(early, EARLY)) == 0.0
