"""What is done with the outcome of each exchange: metrics, and signs that a container is gone."""

from wsproxy.collector import Collector
from wsproxy.core.circuit import ThroughManager
from wsproxy.core.failure import CONNECTING
from wsproxy.core.wire import Version
from wsproxy.data.site import Outcome
from wsproxy.observe.metrics import Metrics


class OutcomeWitness:
    """Called by the data plane; must be quick and must not raise."""

    def __init__(self, metrics: Metrics, collector: Collector) -> None:
        self._metrics = metrics
        self._collector = collector

    def __call__(self, outcome: Outcome) -> None:
        version = outcome.forward.version
        if isinstance(outcome.route, ThroughManager):
            version = Version.V1
        if outcome.upgraded:
            self._metrics.tunnel(version.value)
        else:
            self._metrics.exchange(version.value, outcome.status, outcome.seconds)
        for _, failure in outcome.failures:
            self._metrics.failure(failure.kind.value, failure.side.value)
        self._collect(outcome)

    def _collect(self, outcome: Outcome) -> None:
        circuit_id = outcome.forward.circuit_id
        if circuit_id is None:
            return
        failure = outcome.failure
        if failure is not None and failure.kind in CONNECTING:
            self._collector.connect_failed(circuit_id)
        elif outcome.route is not None:
            self._collector.connected(circuit_id)
