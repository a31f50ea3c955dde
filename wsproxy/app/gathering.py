"""What the workers tell, put where the main process would have counted it itself."""

from collections.abc import Awaitable, Callable
from uuid import UUID

from wsproxy.app.witness import Signs
from wsproxy.core.circuit import CloseReason
from wsproxy.core.meter import Carried
from wsproxy.core.routing import RouteTable
from wsproxy.core.told import Closed, Report, SessionGone
from wsproxy.data.activity import Activity
from wsproxy.data.health import Known, News, Routes
from wsproxy.net.tasks import Tasks
from wsproxy.observe.metrics import Metrics

Connections = dict[UUID, int]
"""Of one worker: how many connections each circuit has there."""

End = Callable[[UUID, CloseReason], Awaitable[object]]
"""Closes a circuit."""


class Gathering:
    """Adds up; ``begin`` must have named the collector before the first report."""

    def __init__(
        self,
        table: Callable[[], RouteTable],
        activity: Activity,
        metrics: Metrics,
        routes: Routes,
    ) -> None:
        self._table = table
        self._activity = activity
        self._metrics = metrics
        self._routes = routes
        self._told = Known()
        self._tasks = Tasks("gathering")
        self._after: tuple[Signs, End] | None = None

    def begin(self, collector: Signs, end: End) -> None:
        self._after = (collector, end)

    def report(self, connections: Connections, report: Report) -> None:
        for one in report.carried:
            self._carried(connections, one)
        self._metrics.add(report.counted)
        for circuit_id, tried in report.circuits:
            self._tried(circuit_id, tried.worked, tried.failures)
        for key, tried in report.routes:
            if tried.worked:
                self._routes.worked(key)
            for _ in range(tried.failures):
                self._routes.failed(key)

    def _carried(self, connections: Connections, one: Carried) -> None:
        if one.circuit_id not in self._table() and one.circuit_id not in self._activity.meters:
            self._activity.late(one)
            return
        more = one.connections - connections.get(one.circuit_id, 0)
        self._activity.meter(one.circuit_id).add(one, more)
        if one.connections:
            connections[one.circuit_id] = one.connections
        else:
            connections.pop(one.circuit_id, None)

    def _tried(self, circuit_id: UUID, worked: bool, failures: int) -> None:
        assert self._after is not None
        collector, _ = self._after
        if worked:
            collector.connected(circuit_id)
        for _ in range(failures):
            collector.connect_failed(circuit_id)

    def closed(self, connections: Connections, closed: Closed) -> None:
        """A worker has ended a circuit's connections."""
        self._carried(connections, closed.carried)
        connections.pop(closed.circuit_id, None)

    def forget(self, circuit_id: UUID) -> None:
        """The circuit is closed."""
        self._activity.drop(circuit_id)

    def arrived(self, circuit_id: UUID, now: float) -> None:
        """A connection goes to a worker: the circuit stays until the worker says what came of it.

        No use yet: the visitor may be refused there.
        """
        meter = self._activity.meter(circuit_id)
        meter.last_arrival = max(meter.last_arrival, now)

    def lost(self, connections: Connections, now: float) -> None:
        """A worker has died, and its connections with it."""
        for circuit_id, count in connections.items():
            meter = self._activity.meters.get(circuit_id)
            if meter is not None:
                meter.add(Carried(circuit_id, last_open=now), -count)
        connections.clear()

    def session_gone(self, gone: SessionGone) -> None:
        assert self._after is not None
        self._tasks.start(_finish(self._after[1](gone.circuit_id, gone.reason)), "session gone")

    def news(self) -> News:
        """What is new about routes since the last time."""
        known = self._routes.known()
        news, self._told = known.since(self._told), known
        return news

    def all_news(self) -> News:
        """For a new worker: all that the others were told."""
        return self._told.since(Known())

    async def close(self) -> None:
        await self._tasks.close()


async def _finish(work: Awaitable[object]) -> None:
    await work
