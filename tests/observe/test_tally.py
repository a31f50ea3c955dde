"""Exchanges counted in integers come out in the form of the library."""

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from wsproxy.observe.tally import DURATIONS, SECONDS, Tally


def samples(tally: Tally) -> dict[tuple[str, tuple[str, ...]], float]:
    registry = CollectorRegistry()
    registry.register(tally)
    return {
        (sample.name, tuple(sorted(sample.labels.values()))): sample.value
        for family in text_string_to_metric_families(generate_latest(registry).decode())
        for sample in family.samples
    }


def test_nothing_yet():
    found = samples(Tally())

    assert found["appproxy_requests_received_http_total", ()] == 0
    assert found[f"{SECONDS}_count", ()] == 0


@pytest.mark.parametrize(
    ("seconds", "limit"), [(0.0, "0.005"), (0.005, "0.005"), (0.0051, "0.01"), (300, "300.0")]
)
def test_a_bucket_holds_what_is_not_longer(seconds, limit):
    tally = Tally()
    tally.exchange("v2", 200, seconds)
    found = samples(tally)
    limits = [str(float(one)) for one in DURATIONS]

    assert found[f"{SECONDS}_bucket", (limit,)] == 1
    for shorter in limits[: limits.index(limit)]:
        assert found[f"{SECONDS}_bucket", (shorter,)] == 0


def test_very_long_ones_are_counted_too():
    tally = Tally()
    tally.exchange("v1", 0, 301.0)
    tally.exchange("v1", 502, 1.0)
    found = samples(tally)

    assert found[f"{SECONDS}_bucket", ("+Inf",)] == 2
    assert found[f"{SECONDS}_bucket", ("300.0",)] == 1
    assert found[f"{SECONDS}_sum", ()] == 302.0
    assert found["wsproxy_exchanges_total", ("none", "v1")] == 1
    assert found["wsproxy_exchanges_total", ("5xx", "v1")] == 1
    assert found["appproxy_responses_sent_http_total", ()] == 1
