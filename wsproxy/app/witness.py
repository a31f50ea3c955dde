"""What is done with how traffic went: metrics, the access log, signs that a container is gone."""

from wsproxy.collector import Collector
from wsproxy.core.circuit import Circuit, ThroughManager
from wsproxy.core.failure import CONNECTING
from wsproxy.core.routing import RouteTable
from wsproxy.core.wire import Version
from wsproxy.data.site import Outcome
from wsproxy.observe.logs import Access, log_access, wants_access
from wsproxy.observe.metrics import Metrics


class OutcomeWitness:
    """Called by the data plane; must be quick and must not raise."""

    def __init__(self, metrics: Metrics, collector: Collector) -> None:
        self._metrics = metrics
        self._collector = collector

    def __call__(self, outcome: Outcome) -> None:
        version = version_of(outcome)
        if outcome.upgraded:
            self._metrics.tunnel(version)
        else:
            self._metrics.exchange(version, outcome.status, outcome.seconds)
        for _, failure in outcome.failures:
            self._metrics.failure(failure.kind.value, failure.side.value)
        self._collect(outcome)
        side = "" if outcome.failure is None else outcome.failure.side.value
        if wants_access(side):
            log_access(access_of(outcome, version))

    def _collect(self, outcome: Outcome) -> None:
        circuit_id = outcome.forward.circuit_id
        if circuit_id is None:
            return
        failure = outcome.failure
        if failure is not None and failure.kind in CONNECTING:
            self._collector.connect_failed(circuit_id)
        elif outcome.route is not None:
            self._collector.connected(circuit_id)

    def connection_left(self, circuit: Circuit, seconds: float) -> None:
        """A connection of a TCP app, or of a v1 listener, has ended."""
        self._metrics.tunnel(circuit.version.value)
        log_access(
            Access(
                method="",
                target="",
                status=0,
                version=circuit.version.value,
                seconds=seconds,
                circuit=str(circuit.id),
                app=circuit.app,
                upgraded=True,
            )
        )

    def table_changed(self, before: RouteTable, after: RouteTable) -> None:
        """The route table was swapped."""
        for circuit in after.gone_in(before):
            self._metrics.circuit_opened(circuit.protocol.value)


def version_of(outcome: Outcome) -> Version:
    """Of the path that the request took: v1 where it fell back to the manager (design 5.6)."""
    through = isinstance(outcome.route, ThroughManager)
    return Version.V1 if through else outcome.forward.version


def access_of(outcome: Outcome, version: Version) -> Access:
    """The access record of an exchange or a WebSocket."""
    failure, circuit_id = outcome.failure, outcome.forward.circuit_id
    return Access(
        method=outcome.method,
        target=outcome.target,
        status=outcome.status,
        version=version.value,
        seconds=outcome.seconds,
        circuit="" if circuit_id is None else str(circuit_id),
        failure="" if failure is None else failure.kind.value,
        side="" if failure is None else failure.side.value,
        upgraded=outcome.upgraded,
    )
