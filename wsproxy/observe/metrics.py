"""What a gateway counts, for Prometheus: a few methods that others call as plain callbacks.

Names of upstream are kept where they mean the same (protocol 7.10), without their ``remote``
label: labels here are from small fixed sets, never addresses, users, sessions or apps. Gauges ask
when they are read, so the data path never touches them.
"""

import re
from collections.abc import Callable
from functools import partial

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)

from wsproxy import __version__

DURATIONS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)
"""Bucket limits in seconds."""

_STATUS_OF_REASON = re.compile(r"-([1-5])\d\d$")


class Metrics:
    """One registry of its own: two gateways in one process (tests) do not mix."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._make_ours()
        self._make_upstreams()

    def _make_ours(self) -> None:
        counter = partial(Counter, registry=self.registry)
        gauge = partial(Gauge, registry=self.registry)
        info = gauge("wsproxy_info", "The running gateway", ["version"])
        info.labels(__version__).set(1)
        self._exchanges = counter(
            "wsproxy_exchanges", "Finished HTTP exchanges", ["version", "outcome"]
        )
        self._tunnels = counter(
            "wsproxy_tunnels", "Finished tunnels (WebSocket and TCP)", ["version"]
        )
        self._failures = counter("wsproxy_failures", "Failures", ["kind", "side"])
        self._probes = counter("wsproxy_probes", "Probes of group addresses", ["reason"])
        self._bytes = counter("wsproxy_bytes", "Bytes between clients and apps", ["way"])
        self._circuits = gauge("wsproxy_circuits_open", "Open circuits", ["version"])
        self._connections = gauge("wsproxy_connections_open", "Open client connections")

    def _make_upstreams(self) -> None:
        counter = partial(Counter, registry=self.registry)
        self._received = counter("appproxy_requests_received_http", "HTTP requests")
        self._sent = counter("appproxy_responses_sent_http", "HTTP answers")
        self._created = counter("appproxy_circuits_created", "Circuits opened", ["protocol"])
        self._duration = Histogram(
            "appproxy_proxy_request_iteration_duration_http",
            "Seconds of an HTTP exchange",
            buckets=DURATIONS,
            registry=self.registry,
        )
        self._alive = Gauge("appproxy_alive_circuits", "Open circuits", registry=self.registry)

    def exchange(self, version: str, status: int, seconds: float) -> None:
        """One HTTP exchange ended. ``status`` 0: the client saw no answer."""
        self._received.inc()
        if status:
            self._sent.inc()
        self._exchanges.labels(version, f"{status // 100}xx" if status else "none").inc()
        self._duration.observe(seconds)

    def tunnel(self, version: str) -> None:
        """One WebSocket or TCP tunnel ended."""
        self._tunnels.labels(version).inc()

    def failure(self, kind: str, side: str) -> None:
        """Something failed; the names of ``core.failure``."""
        self._failures.labels(kind, side).inc()

    def probe(self, reason: str) -> None:
        """A group's address was asked; the code of the version report, statuses by class."""
        self._probes.labels(_STATUS_OF_REASON.sub(r"-\1xx", reason)).inc()

    def moved(self, to_app: int, to_client: int) -> None:
        """Bytes since the last call; called at the end of a connection and on a timer."""
        self._bytes.labels("to-app").inc(to_app)
        self._bytes.labels("to-client").inc(to_client)

    def circuit_opened(self, protocol: str) -> None:
        self._created.labels(protocol).inc()

    def watch_circuits(self, version: str, count: Callable[[], int]) -> None:
        """``count`` is asked at every scrape for the open circuits of ``version``."""
        self._circuits.labels(version).set_function(count)

    def watch_totals(self, circuits: Callable[[], int], connections: Callable[[], int]) -> None:
        """Both are asked at every scrape."""
        self._alive.set_function(circuits)
        self._connections.set_function(connections)

    def text(self) -> tuple[bytes, str]:
        """The exposition, and its Content-Type."""
        return generate_latest(self.registry), CONTENT_TYPE_LATEST


def names() -> tuple[str, ...]:
    """Names of all metrics, for the documents."""
    return tuple(sorted(family.name for family in Metrics().registry.collect()))
