"""Closes circuits that nobody needs any more; ``core.collection`` decides which."""

import asyncio
import logging
import time
from collections.abc import Callable
from uuid import UUID

from wsproxy.circuits import Circuits
from wsproxy.core.circuit import Circuit, CloseReason
from wsproxy.core.collection import NO_TROUBLE, CollectionRules, Trouble, Use, use_of, verdict
from wsproxy.core.meter import Meter
from wsproxy.net.tasks import Tasks

log = logging.getLogger(__name__)

MeterOf = Callable[[UUID], Meter | None]
"""The counters of a circuit on this node; None when it carried nothing yet."""

AT_ONCE = 256
"""Circuits looked at before others have their turn: 100 000 would stop the loop for a while."""


class Collector:
    """Looks at every circuit of this node each ``period`` seconds (protocol 5.8)."""

    def __init__(
        self,
        circuits: Circuits,
        meter_of: MeterOf,
        rules: CollectionRules | None = None,
        *,
        period: float = 10.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._circuits = circuits
        self._meter_of = meter_of
        self._rules = rules or CollectionRules()
        self._period = period
        self._clock = clock
        self._troubles: dict[UUID, Trouble] = {}
        self._on_trouble: Callable[[Circuit], None] = lambda circuit: None
        self._tasks = Tasks("collector")

    @property
    def rules(self) -> CollectionRules:
        return self._rules

    def on_trouble(self, tell: Callable[[Circuit], None]) -> None:
        """``tell`` is called for every failed connection: its session may have ended."""
        self._on_trouble = tell

    def connected(self, circuit_id: UUID) -> None:
        """Some route of the circuit was connected."""
        if self._troubles:
            self._troubles.pop(circuit_id, None)

    def connect_failed(self, circuit_id: UUID) -> None:
        """No route of the circuit could be connected."""
        circuit = self._circuits.table.by_id(circuit_id)
        if circuit is not None:
            self._on_trouble(circuit)
            trouble = self._troubles.get(circuit_id, NO_TROUBLE)
            self._troubles[circuit_id] = trouble.and_another(self._clock())

    def use(self, circuit_id: UUID) -> Use:
        return use_of(
            self._meter_of(circuit_id),
            self._circuits.asked_at(circuit_id),
            self._troubles.get(circuit_id, NO_TROUBLE),
        )

    def trouble(self, circuit_id: UUID) -> Trouble:
        return self._troubles.get(circuit_id, NO_TROUBLE)

    def start(self) -> None:
        self._tasks.start(self._forever(), "sweep")

    async def sweep(self) -> int:
        """Close what should go now; how many were closed."""
        closed = 0
        for number, circuit in enumerate(self._circuits.table.all()):
            if number % AT_ONCE == AT_ONCE - 1:
                await asyncio.sleep(0)
            if not self._circuits.bound_here(circuit.id):
                continue
            reason = self._verdict(circuit)
            if reason is None:
                continue
            if await self._circuits.close(
                circuit.id, reason, still=lambda now: self._verdict(now) is not None
            ):
                closed += 1
                log.info("circuit %s was closed: %s", circuit.id, reason)
        table = self._circuits.table
        for circuit_id in [one for one in self._troubles if one not in table]:
            del self._troubles[circuit_id]
        return closed

    async def close(self) -> None:
        await self._tasks.close()

    def _verdict(self, circuit: Circuit) -> CloseReason | None:
        return verdict(circuit, self.use(circuit.id), self._clock(), self._rules)

    async def _forever(self) -> None:
        while True:
            await asyncio.sleep(self._period)
            try:
                await self.sweep()
            except Exception:
                log.exception("collecting unused circuits failed")
