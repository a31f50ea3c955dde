import pytest

from benchmarks.goals import GOALS, Goal, Row, Verdict

HIGH = Goal("a rate", 0.6, 0.8)
LOW = Goal("a price", 0.4, 0.3, low=True, text="{:.1f} kB")


@pytest.mark.parametrize(
    ("goal", "value", "verdict"),
    [
        (HIGH, 0.8, Verdict.AIM),
        (HIGH, 0.79, Verdict.LEAST),
        (HIGH, 0.6, Verdict.LEAST),
        (HIGH, 0.59, Verdict.MISSED),
        (LOW, 0.3, Verdict.AIM),
        (LOW, 0.4, Verdict.LEAST),
        (LOW, 0.41, Verdict.MISSED),
        (LOW, None, Verdict.UNKNOWN),
    ],
)
def test_verdict(goal: Goal, value: float | None, verdict: Verdict) -> None:
    assert Row("work", goal, value).verdict is verdict


def test_a_number_is_shown_as_its_goal_says() -> None:
    assert LOW.shown(1.234) == "1.2 kB"
    assert LOW.shown(None) == ""


@pytest.mark.parametrize("name", GOALS)
def test_an_aim_is_never_easier_than_the_least(name: str) -> None:
    goal = GOALS[name]
    assert goal.aim <= goal.at_least if goal.low else goal.aim >= goal.at_least
