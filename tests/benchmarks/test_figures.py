import pytest

from benchmarks.figures import Measured, Sample, cost_ratio, rate_ratio, slope


def measured(*samples: Sample) -> Measured:
    return Measured("x", list(samples))


def busy(units: float, cpu: float = 0.95) -> Measured:
    return measured(Sample(units, 1.0, cpu))


def test_medians_stand_for_all_rounds() -> None:
    found = measured(Sample(10, 1, 0.1), Sample(1000, 1, 0.9), Sample(30, 1, 0.6))
    assert found.rate == 30
    assert found.cost == pytest.approx(0.01)
    assert found.busy == 0.6


def test_without_a_proxy_there_is_no_cost() -> None:
    found = measured(Sample(10, 1))
    assert (found.cost, found.busy) == (None, None)
    assert cost_ratio(busy(10), found) is None


def test_the_share_of_the_kernel() -> None:
    assert Measured("x", user=1.0, kernel=3.0).in_kernel == 0.75
    assert Measured("x").in_kernel is None


def test_a_round_that_brought_nothing_is_a_fault() -> None:
    assert measured(Sample(0, 1, 0.1), Sample(5, 1, 0.1, faults=2)).faults == 3
    assert measured().rate == 0.0


def test_rates_are_compared_when_both_proxies_were_the_bottleneck() -> None:
    ratio = rate_ratio(busy(60), busy(100, cpu=0.99))
    assert ratio is not None
    assert ratio.value == pytest.approx(0.6)
    assert ratio.note == ""


def test_else_the_work_for_each_second_of_cpu_is_compared() -> None:
    """Somebody else had the core half of the time: the rate says nothing, the CPU does."""
    ratio = rate_ratio(busy(30, cpu=0.475), busy(100, cpu=0.95))
    assert ratio is not None
    assert ratio.value == pytest.approx(0.6 / 0.95, rel=0.06)
    assert "CPU" in ratio.note


def test_costs_are_ours_divided_by_theirs() -> None:
    ratio = cost_ratio(busy(100, cpu=0.2), busy(100, cpu=0.8))
    assert ratio is not None
    assert ratio.value == pytest.approx(0.25)


def test_rounds_are_compared_one_by_one() -> None:
    """Somebody slowed the second round of both, and the third of one."""
    ours = measured(Sample(100, 1, 1), Sample(50, 1, 1), Sample(100, 1, 1), Sample(100, 1, 1))
    theirs = measured(Sample(50, 1, 1), Sample(25, 1, 1), Sample(10, 1, 1), Sample(50, 1, 1))
    rate, cost = rate_ratio(ours, theirs), cost_ratio(ours, theirs)
    assert rate is not None and rate.value == 2.0
    assert cost is not None and cost.value == 0.5


def test_where_a_round_is_missing_medians_are_compared() -> None:
    ours = measured(Sample(100, 1, 1), Sample(80, 1, 1))
    for theirs in (
        measured(Sample(45, 1, 1)),
        measured(Sample(45, 1, 1), Sample(0, 1, 1), Sample(45, 1, 1)),
    ):
        rate = rate_ratio(ours, theirs)
        assert rate is not None and rate.value == 2.0


def test_nothing_is_compared_with_nothing() -> None:
    assert rate_ratio(busy(10), measured()) is None


def test_slope_is_what_one_more_costs() -> None:
    assert slope([(100, 5000.0), (300, 7000.0)]) == 10.0
    assert slope([(100, 5000.0)]) == 0.0
