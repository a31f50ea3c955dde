"""What is done with how traffic went: metrics, the access log, signs that a container is gone."""

from collections.abc import Callable
from typing import Protocol
from uuid import UUID

from wsproxy.core.circuit import Circuit, ThroughManager
from wsproxy.core.failure import CONNECTING
from wsproxy.core.routing import RouteTable
from wsproxy.core.wire import Version
from wsproxy.data.site import Forward, Outcome
from wsproxy.observe.logs import Access, log_access, wants_access
from wsproxy.observe.metrics import Metrics


class Counting(Protocol):
    """Counts (``observe``)."""

    def exchange(self, version: str, status: int, seconds: float) -> None: ...
    def tunnel(self, version: str) -> None: ...
    def failure(self, kind: str, side: str) -> None: ...


class Signs(Protocol):
    """Hears whether circuits can be connected (``collector``)."""

    def connected(self, circuit_id: UUID) -> None: ...
    def connect_failed(self, circuit_id: UUID) -> None: ...


class OutcomeWitness:
    """Called by the data plane; must be quick and must not raise."""

    def __init__(self, counting: Counting, signs: Signs) -> None:
        self._metrics = counting
        self._collector = signs

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

    def passed(self, forward: Forward, status: int, seconds: float) -> bool:
        """The same for an exchange that went well, if nobody wants to read of it."""
        if wants_access(""):
            return False
        self._metrics.exchange(forward.version, status, seconds)
        if forward.circuit_id is not None:
            self._collector.connected(forward.circuit_id)
        return True

    def _collect(self, outcome: Outcome) -> None:
        circuit_id = outcome.forward.circuit_id
        if circuit_id is None:
            return
        failure = outcome.failure
        if failure is not None and failure.kind in CONNECTING:
            self._collector.connect_failed(circuit_id)
        elif outcome.route is not None:
            self._collector.connected(circuit_id)

    def connection_tried(self, circuit: Circuit, connected: bool) -> None:
        """Whether a connection of a TCP app found its way there."""
        note = self._collector.connected if connected else self._collector.connect_failed
        note(circuit.id)

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


def opened_in(metrics: Metrics) -> Callable[[RouteTable, RouteTable], None]:
    """Counts circuits when they appear in the route table (a listener of ``state.feed``)."""

    def swapped(before: RouteTable, after: RouteTable) -> None:
        for circuit in after.gone_in(before):
            metrics.circuit_opened(circuit.protocol.value)

    return swapped


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
