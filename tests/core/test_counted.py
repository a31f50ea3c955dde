"""Counts that are told only where there are any."""

import pytest

from wsproxy.core.counted import NO_EXCHANGES, NOTHING, Counted, Exchanges


def test_nothing_is_nothing():
    assert not NOTHING
    assert not NO_EXCHANGES
    assert not Exchanges(buckets=(0, 0))


@pytest.mark.parametrize(
    "counted",
    [
        Counted(Exchanges((("v2", 2, 1),), (1,), 5)),
        Counted(tunnels=(("v1", 1),)),
        Counted(failures=(("refused", "app", 1),)),
    ],
)
def test_something_is_something(counted):
    assert counted
