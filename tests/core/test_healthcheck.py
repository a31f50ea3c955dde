"""When a route is checked, and what its checks prove."""

from wsproxy.core.healthcheck import Checked, HealthCheck, Verdict, after, begun, due

CHECK = HealthCheck(interval=10.0, max_retries=3, initial_delay=60.0)


def test_the_first_check_waits_for_the_delay_and_the_next_for_the_interval():
    known = Checked(since=100.0)
    assert not due(known, CHECK, 159.9)
    assert due(known, CHECK, 160.0)
    known = begun(known, 160.0)
    assert not due(known, CHECK, 169.9)
    assert due(known, CHECK, 170.0)


def test_enough_failures_in_a_row_make_it_unhealthy_and_one_good_check_heals():
    known = Checked(0.0)
    seen = []
    for passed in (False, False, True, False, False, False, False, True):
        known = after(known, CHECK, passed)
        seen.append(known.verdict.value)
    assert seen == ["unknown"] * 2 + ["healthy"] * 3 + ["unhealthy"] * 2 + ["healthy"]


def test_without_retries_the_first_failure_counts():
    assert after(Checked(0.0), HealthCheck(max_retries=0), False).verdict is Verdict.UNHEALTHY
