"""What a gateway counts, for Prometheus: a few methods that others call as plain callbacks.

Names of upstream are kept where they mean the same (protocol 7.10), without their ``remote``
label: labels here are from small fixed sets, never addresses, users, sessions or apps. Gauges ask
when they are read, so the data path never touches them.
"""

import re
from collections.abc import Callable, Iterator, Mapping

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Metric,
    generate_latest,
)
from prometheus_client.metrics_core import CounterMetricFamily
from prometheus_client.registry import Collector

from wsproxy import __version__
from wsproxy.core.counted import Counted
from wsproxy.observe.tally import SECONDS, SECONDS_TEXT, TALLIED, Tally

Rows = Mapping[str, tuple[str, tuple[str, ...]]]

COUNTERS: Rows = {
    "wsproxy_tunnels": ("Finished tunnels, WebSocket and TCP", ("version",)),
    "wsproxy_failures": ("Failures, and whose they were", ("kind", "side")),
    "wsproxy_probes": ("Probes of group addresses", ("reason",)),
    "wsproxy_route_checks": ("Looks at routes of inference endpoints", ("kind", "result")),
    "appproxy_circuits_created": ("Circuits opened", ("protocol",)),
}
GAUGES: Rows = {
    "wsproxy_info": ("The running gateway", ("version",)),
    "wsproxy_circuits_open": ("Open circuits", ("version",)),
    "wsproxy_endpoint_routes": ("Routes of inference endpoints", ("standing",)),
    "wsproxy_connections_open": ("Open client connections", ()),
    "appproxy_alive_circuits": ("Open circuits", ()),
}
WATCHED: Rows = {"wsproxy_bytes": ("Bytes between clients and apps", ("way",)), **TALLIED}
"""Counters whose value is kept elsewhere and asked for."""

HISTOGRAMS: Rows = {SECONDS: (SECONDS_TEXT, ())}
"""Name -> meaning, labels."""

_STATUS_OF_REASON = re.compile(r"-([1-5])\d\d$")


class Metrics:
    """One registry of its own: two gateways in one process (tests) do not mix."""

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        self._counters = {
            name: Counter(name, text, labels, registry=registry)
            for name, (text, labels) in COUNTERS.items()
        }
        self._gauges = {
            name: Gauge(name, text, labels, registry=registry)
            for name, (text, labels) in GAUGES.items()
        }
        tally = Tally()
        registry.register(tally)
        self.exchange = tally.exchange
        self._tally = tally
        self._gauges["wsproxy_info"].labels(__version__).set(1)

    def tunnel(self, version: str) -> None:
        """One WebSocket or TCP tunnel ended."""
        self._counters["wsproxy_tunnels"].labels(version).inc()

    def failure(self, kind: str, side: str) -> None:
        """Something failed; the names of ``core.failure``."""
        self._counters["wsproxy_failures"].labels(kind, side).inc()

    def add(self, counted: Counted) -> None:
        """What a process counted that shares this gateway's work."""
        self._tally.add(counted.exchanges)
        for version, count in counted.tunnels:
            self._counters["wsproxy_tunnels"].labels(version).inc(count)
        for kind, side, count in counted.failures:
            self._counters["wsproxy_failures"].labels(kind, side).inc(count)

    def probe(self, reason: str) -> None:
        """A group's address was asked; the code of the version report, statuses by class."""
        self._counters["wsproxy_probes"].labels(_STATUS_OF_REASON.sub(r"-\1xx", reason)).inc()

    def route_check(self, kind: str, good: bool) -> None:
        """A route was looked at: ``connect`` or ``http``."""
        self._counters["wsproxy_route_checks"].labels(kind, "good" if good else "bad").inc()

    def watch_routes(self, standing: str, count: Callable[[], int]) -> None:
        """``count`` is asked at every scrape for the endpoints' routes of this standing."""
        self._gauges["wsproxy_endpoint_routes"].labels(standing).set_function(count)

    def watch_bytes(self, totals: Callable[[], tuple[int, int]]) -> None:
        """``totals`` (to apps, to clients; they only grow) is asked at every scrape."""
        self._registry.register(_Bytes(totals))

    def circuit_opened(self, protocol: str) -> None:
        self._counters["appproxy_circuits_created"].labels(protocol).inc()

    def watch_circuits(self, version: str, count: Callable[[], int]) -> None:
        """``count`` is asked at every scrape for the open circuits of ``version``."""
        self._gauges["wsproxy_circuits_open"].labels(version).set_function(count)

    def watch_totals(self, circuits: Callable[[], int], connections: Callable[[], int]) -> None:
        """Both are asked at every scrape."""
        self._gauges["appproxy_alive_circuits"].set_function(circuits)
        self._gauges["wsproxy_connections_open"].set_function(connections)

    def text(self) -> tuple[bytes, str]:
        """The exposition, and its Content-Type."""
        return generate_latest(self._registry), CONTENT_TYPE_LATEST


class _Bytes(Collector):
    """A counter that asks."""

    def __init__(self, totals: Callable[[], tuple[int, int]]) -> None:
        self._totals = totals

    def collect(self) -> Iterator[Metric]:
        name = "wsproxy_bytes"
        text, labels = WATCHED[name]
        family = CounterMetricFamily(name, text, labels=labels)
        for way, total in zip(("to-app", "to-client"), self._totals(), strict=True):
            family.add_metric([way], total)
        yield family
