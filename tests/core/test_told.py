"""What a worker tells of things it tried."""

from wsproxy.core.told import UNTRIED, WORKED, Tried


def test_failures_count_from_the_last_success_on():
    assert UNTRIED.and_failed().and_failed() == Tried(worked=False, failures=2)
    assert WORKED.and_failed() == Tried(worked=True, failures=1)
