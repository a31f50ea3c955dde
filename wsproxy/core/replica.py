"""One node's copy of what the store holds: how snapshots and changes become a route table.

The rules of design 6 as values: changes are ordered and idempotent; a removed circuit never comes
back; and an empty or new store is never an order to delete: what only this node still knows stays
in the table, *unconfirmed*.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import islice
from uuid import UUID

from wsproxy.core.circuit import Circuit, CloseReason
from wsproxy.core.layers import Layers
from wsproxy.core.routing import EMPTY, RouteTable

REMEMBERED = 4096
"""How many removals a node remembers; a late change can only be older than a few of them."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A circuit as the store holds it. ``node`` bound its port; ``revision`` is its change."""

    circuit: Circuit
    node: str
    revision: int = 0


@dataclass(frozen=True, slots=True)
class Removed:
    """The tombstone of a circuit."""

    circuit_id: UUID
    generation: int
    reason: CloseReason
    revision: int = 0


Change = Entry | Removed


@dataclass(frozen=True, slots=True)
class Position:
    """A place in a store's history. Another ``epoch`` is another history."""

    epoch: str
    revision: int


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything, as of one position."""

    position: Position
    entries: tuple[Entry, ...] = ()
    removed: tuple[Removed, ...] = ()


@dataclass(frozen=True, slots=True)
class Changes:
    """What happened after an earlier position, in order; ``position`` is the one reached."""

    position: Position
    changes: tuple[Change, ...] = ()


@dataclass(frozen=True, slots=True)
class Replica:
    """What a node believes. ``position`` is None until the first complete snapshot."""

    node: str
    position: Position | None = None
    entries: Layers[UUID, Entry] = field(default_factory=Layers)
    removed: Mapping[UUID, Removed] = field(default_factory=dict)
    unconfirmed: frozenset[UUID] = frozenset()
    table: RouteTable = EMPTY

    def with_change(self, change: Change) -> "Replica":
        """One change, also one that is already known or comes late."""
        if isinstance(change, Removed):
            return self._without(change)
        return self._with(change)

    def with_changes(self, batch: Changes) -> "Replica":
        """A batch that follows ``position``."""
        replica = self
        for change in batch.changes:
            replica = replica.with_change(change)
        return replace(replica, position=batch.position)

    def with_snapshot(self, snapshot: Snapshot) -> "Replica":
        """Everything anew. What the snapshot lacks goes only if its history is ours."""
        removed = dict(self.removed)
        removed.update((tombstone.circuit_id, tombstone) for tombstone in snapshot.removed)
        told = {
            e.circuit.id: self._newer(e) for e in snapshot.entries if e.circuit.id not in removed
        }
        missing = [e for key, e in self.entries.items() if key not in told and key not in removed]
        if self.position is not None and self.position.epoch == snapshot.position.epoch:
            # Only what was stored after the snapshot was taken is newer than its silence.
            missing = [e for e in missing if e.revision > snapshot.position.revision]
            unconfirmed: frozenset[UUID] = frozenset()
        else:
            unconfirmed = frozenset(e.circuit.id for e in missing)
        kept = {e.circuit.id: e for e in missing}
        entries = kept | told if kept else told  # nearly always all of them were told
        return Replica(
            node=self.node,
            position=snapshot.position,
            entries=Layers(entries),
            removed=_newest(removed),
            unconfirmed=unconfirmed,
            table=RouteTable.of(self._placed(entries.values())),
        )

    def _newer(self, told: Entry) -> Entry:
        known = self.entries.get(told.circuit.id)
        if known is not None and known.circuit.generation > told.circuit.generation:
            return known
        return told

    def _placed(self, entries: Iterable[Entry]) -> Iterable[tuple[Circuit, bool]]:
        return ((entry.circuit, entry.node == self.node) for entry in entries)

    def _with(self, entry: Entry) -> "Replica":
        circuit = entry.circuit
        if circuit.id in self.removed:
            return self
        unconfirmed = self.unconfirmed - {circuit.id}
        known = self.entries.get(circuit.id)
        if known is not None and known.circuit.generation >= circuit.generation:
            return replace(self, unconfirmed=unconfirmed)
        return replace(
            self,
            entries=self.entries.with_(circuit.id, entry),
            unconfirmed=unconfirmed,
            table=self.table.with_circuit(circuit, entry.node == self.node),
        )

    def _without(self, tombstone: Removed) -> "Replica":
        key = tombstone.circuit_id
        return replace(
            self,
            entries=self.entries.without(key),
            removed=_newest({**self.removed, key: tombstone}),
            unconfirmed=self.unconfirmed - {key},
            table=self.table.without(key),
        )


def _newest(removed: Mapping[UUID, Removed]) -> Mapping[UUID, Removed]:
    surplus = len(removed) - REMEMBERED
    return dict(islice(removed.items(), surplus, None)) if surplus > 0 else removed
