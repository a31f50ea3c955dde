"""What is counted, under which names, with labels from small sets."""

from prometheus_client.parser import text_string_to_metric_families

from wsproxy.observe.metrics import COUNTERS, GAUGES, HISTOGRAMS, WATCHED, Metrics


def samples(metrics: Metrics) -> dict[tuple[str, tuple[str, ...]], float]:
    text, content_type = metrics.text()
    assert content_type.startswith("text/plain")
    return {
        (sample.name, tuple(sorted(sample.labels.values()))): sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
    }


def test_exchanges_by_version_and_outcome() -> None:
    metrics = Metrics()
    metrics.exchange("v2", 200, 0.02)
    metrics.exchange("v2", 206, 0.02)
    metrics.exchange("v1", 0, 3.0)
    found = samples(metrics)
    assert found["wsproxy_exchanges_total", ("2xx", "v2")] == 2
    assert found["wsproxy_exchanges_total", ("none", "v1")] == 1
    assert found["appproxy_requests_received_http_total", ()] == 3
    assert found["appproxy_responses_sent_http_total", ()] == 2
    assert found["appproxy_proxy_request_iteration_duration_http_count", ()] == 3


def test_failures_tunnels_and_circuits() -> None:
    metrics = Metrics()
    metrics.failure("app", "refused")
    metrics.tunnel("v1")
    metrics.circuit_opened("tcp")
    found = samples(metrics)
    assert found["wsproxy_failures_total", ("app", "refused")] == 1
    assert found["wsproxy_tunnels_total", ("v1",)] == 1
    assert found["appproxy_circuits_created_total", ("tcp",)] == 1


def test_probe_reasons_are_bounded() -> None:
    metrics = Metrics()
    for reason in ("address-answers-404", "address-answers-418", "confirmed"):
        metrics.probe(reason)
    found = samples(metrics)
    assert found["wsproxy_probes_total", ("address-answers-4xx",)] == 2
    assert found["wsproxy_probes_total", ("confirmed",)] == 1


def test_gauges_ask_when_they_are_read() -> None:
    metrics = Metrics()
    open_now = [3]
    metrics.watch_circuits("v2", lambda: open_now[0])
    metrics.watch_totals(lambda: open_now[0], lambda: 7)
    assert samples(metrics)["wsproxy_circuits_open", ("v2",)] == 3
    open_now[0] = 4
    found = samples(metrics)
    assert found["wsproxy_circuits_open", ("v2",)] == 4
    assert found["appproxy_alive_circuits", ()] == 4
    assert found["wsproxy_connections_open", ()] == 7


def test_bytes_both_ways() -> None:
    metrics = Metrics()
    totals = [10, 20]
    metrics.watch_bytes(lambda: (totals[0], totals[1]))
    assert samples(metrics)["wsproxy_bytes_total", ("to-app",)] == 10
    totals[0] = 11
    found = samples(metrics)
    assert found["wsproxy_bytes_total", ("to-app",)] == 11
    assert found["wsproxy_bytes_total", ("to-client",)] == 20


def test_two_gateways_in_one_process_count_apart() -> None:
    one, other = Metrics(), Metrics()
    one.tunnel("v1")
    assert ("wsproxy_tunnels_total", ("v1",)) not in samples(other)


def test_labels_are_from_small_sets() -> None:
    rows = {**COUNTERS, **GAUGES, **HISTOGRAMS, **WATCHED}
    labels = {label for _, names in rows.values() for label in names}
    wanted = {"version", "outcome", "kind", "side", "reason", "way", "protocol"}
    assert labels == wanted | {"standing", "result"}
    assert all(name.startswith(("wsproxy_", "appproxy_")) for name in rows)
