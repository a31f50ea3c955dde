import pytest

from wsproxy.core.pooling import Advice, PoolRules, advice, keep, next_look, tired, usable

RULES = PoolRules(total=2, idle=1, idle_seconds=30.0, fresh_seconds=2.0)


@pytest.mark.parametrize(
    ("rested", "safe", "wanted"),
    [
        (0.0, False, True),
        (1.9, False, True),
        (2.0, False, False),
        (29.0, True, True),
        (30.0, True, False),
    ],
)
def test_usable(rested: float, safe: bool, wanted: bool):
    assert usable(rested, safe, RULES) is wanted


@pytest.mark.parametrize(
    ("idle", "taken", "wanted"),
    [(1, 2, Advice.REUSE), (0, 1, Advice.DIAL), (0, 2, Advice.WAIT), (1, 0, Advice.REUSE)],
)
def test_advice(idle: int, taken: int, wanted: Advice):
    assert advice(idle, taken, RULES) is wanted


@pytest.mark.parametrize(("idle", "waiting", "wanted"), [(0, 0, True), (1, 0, False), (1, 1, True)])
def test_keep(idle: int, waiting: int, wanted: bool):
    assert keep(idle, waiting, RULES) is wanted


SURPLUS = PoolRules(lasting=2, idle_seconds=30.0, surplus_seconds=2.0)


@pytest.mark.parametrize(
    ("younger", "rested", "wanted"),
    [(0, 29.9, False), (1, 30.0, True), (1, 2.0, False), (2, 1.9, False), (2, 2.0, True)],
)
def test_tired(younger: int, rested: float, wanted: bool):
    assert tired(younger, rested, SURPLUS) is wanted


@pytest.mark.parametrize(("most", "wanted"), [(0, 15.0), (2, 15.0), (3, 2.0)])
def test_next_look(most: int, wanted: float):
    assert next_look(most, SURPLUS) == wanted
