"""The store that lives in one process: tests, and v1 on a laptop. A restart forgets it."""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from uuid import UUID, uuid4

from wsproxy.core.circuit import CloseReason, HostListener
from wsproxy.core.replica import Change, Changes, Entry, Position, Removed, Snapshot
from wsproxy.state.base import Kind, Record, Refused, StoreUnavailable

HISTORY = 4096
"""How many changes are kept for those who follow; who is further behind reads the snapshot."""

TOMBSTONE_LIFE = 86_400.0
"""Seconds a tombstone stays: longer than any node can be cut off and still serve (a day)."""

SWEEP = 256
"""After so many writes everything that expired is thrown away."""

Place = str | tuple[str, int]
"""What only one circuit can have: its label, or the port of a node. A label needs no copy here."""


class MemoryStore:
    """Never unavailable until it is closed. ``clock`` gives unix seconds."""

    def __init__(self, clock: Callable[[], float] = time.time, epoch: str | None = None) -> None:
        self._clock = clock
        self._epoch = epoch or str(uuid4())
        self._revision = 0
        self._circuits: dict[UUID, Entry] = {}
        self._places: dict[Place, UUID] = {}
        self._tombstones: dict[UUID, tuple[Removed, float]] = {}
        self._history: deque[Change] = deque(maxlen=HISTORY)
        self._records: dict[tuple[Kind, str], Record] = {}
        self._writes = 0
        self._news = asyncio.Event()
        self._closed = False

    async def snapshot(self) -> Snapshot:
        self._must_be_open()
        self._sweep()
        removed = tuple(tombstone for tombstone, _ in self._tombstones.values())
        return Snapshot(self._position(), tuple(self._circuits.values()), removed)

    async def changes(self, after: Position, wait: float) -> Changes | None:
        self._must_be_open()
        if after.epoch != self._epoch or after.revision > self._revision:
            return None
        if after.revision == self._revision:
            # Not wait_for: on Python 3.11 it loses a cancellation that comes with the news.
            with suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self._news.wait()
            self._must_be_open()
        if after.revision < self._revision - len(self._history):
            return None
        later = tuple(change for change in self._history if change.revision > after.revision)
        return Changes(self._position(), later)

    async def put(self, entry: Entry) -> Entry | Refused:
        self._must_be_open()
        circuit = entry.circuit
        known = self._circuits.get(circuit.id)
        if self._buried(circuit.id):
            return Refused.GONE
        if known is not None and known.circuit.generation >= circuit.generation:
            return Refused.STALE
        place = _place(entry)
        if self._places.get(place, circuit.id) != circuit.id:
            return Refused.SLOT_TAKEN
        if known is not None:
            del self._places[_place(known)]
        self._places[place] = circuit.id
        stored = replace(entry, revision=self._revision + 1)
        self._circuits[circuit.id] = stored
        self._happened(stored)
        return stored

    async def delete(
        self, circuit_id: UUID, generation: int | None, reason: CloseReason
    ) -> int | None:
        self._must_be_open()
        known = self._circuits.get(circuit_id)
        if known is not None and generation is not None and known.circuit.generation > generation:
            return None
        if self._buried(circuit_id):
            return None
        reached = known.circuit.generation if known is not None else generation or 0
        tombstone = Removed(circuit_id, reached, reason, self._revision + 1)
        self._tombstones[circuit_id] = (tombstone, self._clock() + TOMBSTONE_LIFE)
        revision = self._happened(tombstone)
        if known is None:
            return None
        del self._circuits[circuit_id]
        del self._places[_place(known)]
        return revision

    async def save(self, record: Record, replace: bool = True) -> bool:
        self._must_be_open()
        self._wrote()
        held = self._living(record.kind, record.key)
        if held is not None and not replace and held.value != record.value:
            return False
        self._records[record.kind, record.key] = record
        return True

    async def load(self, kind: Kind, key: str) -> Record | None:
        self._must_be_open()
        return self._living(kind, key)

    async def records(self, kind: Kind) -> tuple[Record, ...]:
        self._must_be_open()
        now = self._clock()
        return tuple(r for r in self._records.values() if r.kind is kind and r.expires_at > now)

    async def drop(self, kind: Kind, key: str) -> bool:
        self._must_be_open()
        alive = self._living(kind, key) is not None
        self._records.pop((kind, key), None)
        return alive

    async def close(self) -> None:
        self._closed = True
        self._wake()

    def _must_be_open(self) -> None:
        if self._closed:
            raise StoreUnavailable("the store is closed")

    def _position(self) -> Position:
        return Position(self._epoch, self._revision)

    def _happened(self, change: Change) -> int:
        self._revision = change.revision
        self._history.append(change)
        self._wrote()
        self._wake()
        return change.revision

    def _wake(self) -> None:
        self._news.set()
        self._news = asyncio.Event()

    def _buried(self, circuit_id: UUID) -> bool:
        found = self._tombstones.get(circuit_id)
        return found is not None and found[1] > self._clock()

    def _living(self, kind: Kind, key: str) -> Record | None:
        record = self._records.get((kind, key))
        return record if record is not None and record.expires_at > self._clock() else None

    def _wrote(self) -> None:
        self._writes += 1
        if self._writes % SWEEP == 0:
            self._sweep()

    def _sweep(self) -> None:
        now = self._clock()
        self._records = {k: r for k, r in self._records.items() if r.expires_at > now}
        self._tombstones = {k: t for k, t in self._tombstones.items() if t[1] > now}


def _place(entry: Entry) -> Place:
    listener = entry.circuit.listener
    if isinstance(listener, HostListener):
        return listener.label
    return entry.node, listener.port
