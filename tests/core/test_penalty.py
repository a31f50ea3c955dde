import pytest

from wsproxy.core.penalty import CLEAR, PenaltyRules, after_failure

RULES = PenaltyRules(first=1.0, factor=2.0, longest=30.0)


@pytest.mark.parametrize(
    ("failures", "wait"), [(1, 1), (2, 2), (3, 4), (4, 8), (5, 16), (6, 30), (7, 30)]
)
def test_each_failure_in_a_row_rests_longer_up_to_a_limit(failures, wait):
    penalty, now = CLEAR, 100.0
    for _ in range(failures):
        now = max(now, penalty.until)
        penalty = after_failure(penalty, now, RULES)
    assert penalty.wait == wait
    assert penalty.rests(now) and penalty.rests(now + wait - 0.01)
    assert not penalty.rests(now + wait)


def test_clear_does_not_rest():
    assert not CLEAR.rests(0.0)


def test_five_thousand_failures_do_not_overflow():
    penalty = CLEAR
    for _ in range(5000):
        penalty = after_failure(penalty, penalty.until, RULES)
    assert penalty.wait == 30.0
