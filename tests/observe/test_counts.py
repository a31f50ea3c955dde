"""What workers count, and its sum."""

from wsproxy.core.counted import NOTHING
from wsproxy.observe.counts import Counts
from wsproxy.observe.metrics import Metrics


def lines(metrics: Metrics) -> list[bytes]:
    """Without the times at which counters were made; order means nothing."""
    return sorted(line for line in metrics.text()[0].splitlines() if b"_created" not in line)


def test_what_was_drained_adds_up_to_the_same_as_counting_here():
    apart, together, sums = (Counts(), Counts()), Metrics(), Metrics()
    for number in range(10):
        for counting in (apart[number % 2], together):
            counting.exchange("v2", 200 if number % 3 else 0, number * 0.25)
            counting.tunnel("v1")
            counting.failure("refused", "app")
        if number == 5:
            sums.add(apart[0].drain())
    for counts in apart:
        sums.add(counts.drain())
        assert not counts.drain()
    assert lines(sums) == lines(together)
    sums.add(NOTHING)
    assert lines(sums) == lines(together)
