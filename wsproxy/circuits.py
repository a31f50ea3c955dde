"""The operations that both dialects call: open, find, close, close all of a session (design 2).

Opening takes a slot, binds the listener, stores the circuit and shows it in the route table, in
this order; ``core.lifecycle`` says how to go back from each stage. Opening and closing in one
session wait for each other, so two requests for one app give one circuit, and a deletion that
comes while an app is opened closes that one too.
"""

import asyncio
import logging
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Protocol
from uuid import UUID, uuid4
from weakref import WeakValueDictionary

from wsproxy.core import lifecycle
from wsproxy.core.circuit import Circuit, CloseReason, Direct, Mode
from wsproxy.core.lifecycle import Stage, Step, Undo
from wsproxy.core.problem import Problem
from wsproxy.core.replica import Entry, Removed
from wsproxy.core.routing import RouteTable
from wsproxy.core.slots import Either, Slot, Taken, candidates, slot_of
from wsproxy.core.want import (
    Want,
    in_place_of,
    lost,
    other_transport,
    renewed,
    satisfies,
    without,
)
from wsproxy.core.wire import Version
from wsproxy.net.tasks import Tasks
from wsproxy.state.base import Refused, Store, StoreUnavailable
from wsproxy.state.feed import Feed
from wsproxy.state.owed import Deletions

log = logging.getLogger(__name__)

__all__ = ["CircuitRules", "Circuits", "ListenerHost", "Opened", "Want"]

SALTS = 4
"""Random suffixes to try for a label before giving up; one collides once in 2**32."""


class ListenerHost(Protocol):
    """The side that serves traffic, as the control side sees it (``data.listeners``)."""

    async def open(self, circuit: Circuit) -> Circuit | Problem:
        """Bind what ``circuit.listener`` asks for; the circuit comes back with the real port.

        Connections are accepted when it returns. ``appproxy/port-not-available`` means that
        another slot may do; then nothing is left bound.
        """
        ...

    async def close(self, circuit: Circuit, reason: CloseReason) -> None:
        """End the listener and its connections. Idempotent, also for circuits never opened."""
        ...

    def alive(self, circuit: Circuit) -> bool:
        """Whether the listener still accepts."""
        ...


@dataclass(frozen=True, slots=True)
class Opened:
    circuit: Circuit
    reused: bool


@dataclass(frozen=True, slots=True)
class CircuitRules:
    """``per_session``: how many circuits one session may have; ``retry``: seconds between tries to
    tell the store what was deleted while it was away.
    """

    per_session: int = 64
    retry: float = 2.0


@dataclass(slots=True)
class _Life:
    """A circuit on its way, and how far it came."""

    circuit: Circuit
    slot: Slot
    stage: Stage = Stage.NEW
    reason: CloseReason = CloseReason.REQUESTED

    def step(self, step: Step) -> None:
        self.stage = lifecycle.after(self.stage, step)


@dataclass(slots=True)
class _Reserved:
    """Slots of circuits that are being opened or closed on this node."""

    slots: set[Slot] = field(default_factory=set)

    def add(self, slot: Slot) -> None:
        """Keep the slot from others; "any port" is no slot yet."""
        if slot.port or slot.label:
            self.slots.add(slot)

    def discard(self, slot: Slot) -> None:
        self.slots.discard(slot)

    def with_table(self, table: RouteTable) -> Taken:
        return Taken(
            Either(table.ports(), {slot.port for slot in self.slots if slot.port}),
            Either(table.labels(), {slot.label for slot in self.slots if slot.label}),
        )


class Circuits:
    """All circuits of a node. Construct after the feed; ``stop`` before the store is closed."""

    def __init__(
        self,
        store: Store,
        feed: Feed,
        host: ListenerHost,
        rules: CircuitRules | None = None,
        *,
        clock: Callable[[], float] = time.time,
        salt: Callable[[], str] = lambda: secrets.token_hex(4),
    ) -> None:
        self._store = store
        self._feed = feed
        self._host = host
        self._rules = rules or CircuitRules()
        self._clock = clock
        self._salt = salt
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._reserved = _Reserved()
        self._turn = 0
        self._asked: dict[UUID, float] = {}
        self._ending: set[UUID] = set()
        self._deletions = Deletions(store, self._rules.retry)
        self._tasks = Tasks("circuits")
        feed.on_change(self._table_changed)

    @property
    def table(self) -> RouteTable:
        """The route table as of now; immutable."""
        return self._feed.table

    @property
    def node(self) -> str:
        return self._feed.node

    @property
    def owed(self) -> int:
        """Deletions that the store does not know of yet."""
        return len(self._deletions)

    def asked_at(self, circuit_id: UUID) -> float:
        """When somebody last asked this node to open the circuit (unix seconds, 0.0 = never)."""
        return self._asked.get(circuit_id, 0.0)

    def bound_here(self, circuit_id: UUID) -> bool:
        """Whether this node bound the circuit's listener."""
        return self._feed.here(circuit_id)

    def here(self) -> tuple[Circuit, ...]:
        """The circuits whose listener this node bound."""
        return tuple(circuit for circuit in self.table.all() if self._feed.here(circuit.id))

    def find(
        self,
        session_id: str,
        *,
        app: str | None = None,
        owner: str | None = None,
        version: Version | None = None,
    ) -> tuple[Circuit, ...]:
        """The open circuits of a session, oldest first."""
        return tuple(
            circuit
            for circuit in self.table.of_session(session_id, owner)
            if (app is None or circuit.app == app)
            and (version is None or circuit.version is version)
        )

    async def open(self, want: Want) -> Opened | Problem:
        """What is wanted: an open circuit that is that already, or a new one, or why not.

        Problems: 409 ``appproxy/port-not-available``, 503 ``appproxy/no-free-port``,
        ``appproxy/circuit-limit``, ``store-unavailable``, and what the listener host says.
        """
        await self._fence(want)
        async with self._lock(want.session_id):
            outcome = await self._reuse(want) if want.reuse else None
            if outcome is None:
                outcome = await self._create(want)
            if isinstance(outcome, Opened):
                self._asked[outcome.circuit.id] = self._clock()
            return outcome

    async def change(
        self, circuit_id: UUID, revise: Callable[[Circuit], Circuit]
    ) -> Circuit | Problem | None:
        """Give an open circuit another form: routes, checks. None: it is not open.

        ``revise`` is asked at the last moment, and must be pure. Connections go on.
        """
        changed = await self._change(circuit_id, revise)
        if isinstance(changed, Circuit):
            await self._fence(changed)
        return changed

    async def _change(
        self, circuit_id: UUID, revise: Callable[[Circuit], Circuit]
    ) -> Circuit | Problem | None:
        known = self.table.by_id(circuit_id)
        if known is None:
            return None
        async with self._lock(known.session_id):
            circuit = self.table.by_id(circuit_id)
            if circuit is None:
                return None
            return await self._put_change(circuit, revise(circuit))

    async def close(
        self,
        circuit_id: UUID,
        reason: CloseReason,
        *,
        still: Callable[[Circuit], bool] | None = None,
    ) -> bool:
        """Close one circuit and its connections; whether it was open.

        ``still`` is asked at the last moment whether the circuit should really go.
        """
        known = self.table.by_id(circuit_id)
        if known is None:
            return False
        async with self._lock(known.session_id):
            circuit = self.table.by_id(circuit_id)
            if circuit is None or (still is not None and not still(circuit)):
                return False
            await self._end(circuit, reason)
            return True

    async def close_session(
        self,
        session_id: str,
        *,
        app: str | None = None,
        owner: str | None = None,
        version: Version | None = None,
        reason: CloseReason,
    ) -> int:
        """Close all circuits of a session that fit; how many there were."""
        async with self._lock(session_id):
            circuits = self.find(session_id, app=app, owner=owner, version=version)
            await asyncio.gather(*(self._end(circuit, reason) for circuit in circuits))
            return len(circuits)

    async def stop(self) -> None:
        """End what runs in the background. Circuits stay in the store; listeners are the host's."""
        await self._tasks.close()
        await self._deletions.close()

    # opening

    async def _reuse(self, want: Want) -> Opened | Problem | None:
        for circuit in self.find(want.session_id, version=want.version):
            if not satisfies(circuit, want):
                continue
            if self._feed.here(circuit.id) and not self._host.alive(circuit):
                await self._end(circuit, CloseReason.LISTENER_DIED)
                return await self._again(circuit, want)
            if want.mode is Mode.INFERENCE and other_transport(circuit, want):
                await self._end(circuit, CloseReason.REQUESTED)
                return await self._again(circuit, want)
            changed = await self._put_change(circuit, renewed(circuit, want))
            return changed if isinstance(changed, Problem) else Opened(changed, reused=True)
        return None

    async def _again(self, circuit: Circuit, want: Want) -> Opened | Problem | None:
        """An endpoint keeps its address; other apps are told where they are anyway."""
        if want.mode is not Mode.INFERENCE:
            return await self._reuse(want)
        return await self._create(in_place_of(circuit, want))

    async def _put_change(self, circuit: Circuit, changed: Circuit) -> Circuit | Problem:
        """The circuit in its new form, from the next request on; what is open is not touched."""
        if changed == circuit:
            return circuit
        changed = replace(changed, generation=circuit.generation + 1, updated_at=self._clock())
        node = self._feed.node_of(circuit.id)
        try:
            stored = await self._store.put(Entry(changed, node))
        except StoreUnavailable as error:
            return _store_down(error)
        if isinstance(stored, Refused):
            return Problem(
                "store-unavailable",
                msg="The circuit was changed by somebody else; try again.",
                retry_after=1,
            )
        self._feed.apply(stored)
        return changed

    async def _create(self, want: Want) -> Opened | Problem:
        if len(self.table.of_session(want.session_id)) >= self._rules.per_session:
            limit = f"A session may have {self._rules.per_session} open apps. Close one first."
            return Problem("appproxy/circuit-limit", msg=limit, retry_after=30)
        self._turn += 1
        taken = self._reserved.with_table(self.table)
        plan = candidates(want.slot, taken, [self._salt() for _ in range(SALTS)], self._turn)
        for listener in plan.listeners:
            slot = slot_of(listener, self.node)
            if slot in self._reserved.slots:  # taken while an earlier candidate was tried
                continue
            circuit = want.circuit(uuid4(), listener, self._clock())
            outcome = await self._bring_up(_Life(circuit, slot))
            if outcome is not None:
                return outcome
        return plan.otherwise

    async def _bring_up(self, life: _Life) -> Opened | Problem | None:
        """All steps of opening with one slot; ``None``: that slot cannot be had, try another."""
        try:
            outcome = await self._advance(life)
        except StoreUnavailable as error:
            outcome = _store_down(error)
        finally:
            if life.stage is not Stage.OPEN:
                await self._go_back(life)
        if isinstance(outcome, Problem) and outcome.code == "appproxy/port-not-available":
            return None
        return outcome

    async def _advance(self, life: _Life) -> Opened | Problem | None:
        self._reserved.add(life.slot)
        life.step(Step.RESERVE)
        life.step(Step.BIND)
        bound = await self._host.open(life.circuit)
        if isinstance(bound, Problem):
            return bound
        life.circuit = bound
        life.step(Step.BOUND)
        life.step(Step.STORE)
        stored = await self._store.put(Entry(bound, self.node))
        if isinstance(stored, Refused):
            return None
        self._feed.apply(stored)
        life.step(Step.SHOW)
        self._reserved.discard(life.slot)
        return Opened(bound, reused=False)

    async def _fence(self, holder: Want | Circuit) -> None:
        """Let go of container addresses that belong to another session now."""
        table = self.table
        known = {
            circuit.id: circuit
            for route in holder.routes
            if isinstance(route, Direct)
            for circuit in table.leading_to((route.host, route.port))
        }
        for circuit in known.values():
            routes = lost(holder, circuit)
            if not routes:
                continue
            log.info("circuit %s: an address belongs to another session now", circuit.id)
            if circuit.mode is Mode.INFERENCE:  # one replica of several
                await self._change(circuit.id, partial(without, routes=routes))
            else:
                await self.close(circuit.id, CloseReason.ROUTE_GONE)

    # closing

    async def _end(self, circuit: Circuit, reason: CloseReason) -> None:
        slot = slot_of(circuit.listener, self.node)
        await self._go_back(_Life(circuit, slot, Stage.OPEN, reason))

    async def _go_back(self, life: _Life) -> None:
        """Undo everything, even if who asked for it is cancelled meanwhile."""
        steps = lifecycle.WAY_BACK[life.stage]
        life.step(Step.CLOSE)
        work = self._tasks.start(self._undo_all(steps, life), f"close {life.circuit.id}")
        await asyncio.shield(work)

    async def _undo_all(self, steps: tuple[Undo, ...], life: _Life) -> None:
        for step in steps:
            await self._undo(step, life)

    async def _undo(self, step: Undo, life: _Life) -> None:
        match step:
            case Undo.HIDE:
                self._hide(life)
            case Undo.FORGET:
                await self._deletions.delete(life.circuit.id, life.reason)
            case Undo.UNBIND:
                await self._unbind(life.circuit, life.reason)
            case Undo.RELEASE:
                self._release(life)

    def _hide(self, life: _Life) -> None:
        circuit = life.circuit
        self._ending.add(circuit.id)
        self._asked.pop(circuit.id, None)
        self._reserved.add(life.slot)  # until the listener is really gone
        self._feed.apply(Removed(circuit.id, circuit.generation, life.reason))

    async def _unbind(self, circuit: Circuit, reason: CloseReason) -> None:
        try:
            await self._host.close(circuit, reason)
        except Exception:
            log.exception("the listener of circuit %s did not close well", circuit.id)

    def _release(self, life: _Life) -> None:
        self._ending.discard(life.circuit.id)
        self._reserved.discard(life.slot)

    # other nodes

    def _table_changed(self, before: RouteTable, after: RouteTable) -> None:
        """End the connections of circuits that another node closed."""
        for circuit in before.gone_in(after):
            if circuit.id not in self._ending:
                self._asked.pop(circuit.id, None)
                reason = self._feed.reason_of(circuit.id)
                self._tasks.start(self._unbind(circuit, reason), f"unbind {circuit.id}")

    def _lock(self, session_id: str) -> asyncio.Lock:
        """One lock for each session in which something happens; gone when nobody holds it."""
        lock = self._locks.get(session_id)
        if lock is None:
            lock = self._locks[session_id] = asyncio.Lock()
        return lock


def _store_down(error: StoreUnavailable) -> Problem:
    return Problem("store-unavailable", msg=str(error), retry_after=5)
