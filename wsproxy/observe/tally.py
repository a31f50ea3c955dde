"""Finished HTTP exchanges, counted in integers: one is counted for every request.

The library's own counters take a lock and a look-up each; here the numbers are put into its form
when somebody reads them.
"""

from bisect import bisect_left
from collections.abc import Iterator, Mapping
from math import inf

from prometheus_client import Metric
from prometheus_client.metrics_core import CounterMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector

from wsproxy.core.counted import Exchanges

DURATIONS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)
"""Bucket limits in seconds."""

EXCHANGES = "wsproxy_exchanges"
REQUESTS = "appproxy_requests_received_http"
ANSWERS = "appproxy_responses_sent_http"
SECONDS = "appproxy_proxy_request_iteration_duration_http"

TALLIED: Mapping[str, tuple[str, tuple[str, ...]]] = {
    EXCHANGES: ("Finished HTTP exchanges", ("version", "outcome")),
    REQUESTS: ("HTTP requests", ()),
    ANSWERS: ("HTTP answers", ()),
}
"""Name -> meaning, labels."""

SECONDS_TEXT = "Seconds of an HTTP exchange"


class Tally(Collector):
    """Mutable state: a count per version and class of status, and one per bucket."""

    def __init__(self) -> None:
        self._ended: dict[tuple[str, int], int] = {}
        self._buckets = [0] * (len(DURATIONS) + 1)
        self._seconds = 0.0

    def exchange(self, version: str, status: int, seconds: float) -> None:
        """One ended. ``status`` 0: the client saw no answer."""
        key = (version, status // 100)
        self._ended[key] = self._ended.get(key, 0) + 1
        self._buckets[bisect_left(DURATIONS, seconds)] += 1
        self._seconds += seconds

    def drain(self) -> Exchanges:
        """Everything counted so far; from now on counting begins anew."""
        ended = tuple((*key, count) for key, count in self._ended.items())
        counted = Exchanges(ended, tuple(self._buckets), round(self._seconds * 1e6))
        self._ended, self._buckets, self._seconds = {}, [0] * len(self._buckets), 0.0
        return counted

    def add(self, counted: Exchanges) -> None:
        """What another one counted."""
        for version, status, count in counted.ended:
            key = (version, status)
            self._ended[key] = self._ended.get(key, 0) + count
        for bucket, count in enumerate(counted.buckets):
            self._buckets[bucket] += count
        self._seconds += counted.microseconds / 1e6

    def collect(self) -> Iterator[Metric]:
        text, labels = TALLIED[EXCHANGES]
        ended = CounterMetricFamily(EXCHANGES, text, labels=labels)
        for (version, status), count in self._ended.items():
            ended.add_metric([version, f"{status}xx" if status else "none"], count)
        yield ended
        every = sum(self._ended.values())
        answered = sum(count for (_, status), count in self._ended.items() if status)
        yield CounterMetricFamily(REQUESTS, TALLIED[REQUESTS][0], value=every)
        yield CounterMetricFamily(ANSWERS, TALLIED[ANSWERS][0], value=answered)
        yield HistogramMetricFamily(
            SECONDS, SECONDS_TEXT, buckets=self._limits(), sum_value=self._seconds
        )

    def _limits(self) -> list[tuple[str, float]]:
        """Each limit with how many were not longer."""
        total, found = 0, []
        for limit, count in zip((*DURATIONS, inf), self._buckets, strict=True):
            total += count
            found.append(("+Inf" if limit == inf else str(float(limit)), float(total)))
        return found
