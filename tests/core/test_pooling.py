import pytest

from wsproxy.core.pooling import Advice, PoolRules, advice, keep, usable

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
