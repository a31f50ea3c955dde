"""The contract of every store: what nodes share (design 6).

Two kinds of things are kept. **Circuits** have one ordered history: a snapshot, the changes after
it, and an epoch that names the history. **Records** are small texts with an end: start-service
tokens, v1 configurations, deferred clean-ups, leases.

``tests/state/test_contract.py`` is the same contract as tests; every store passes it.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from wsproxy.core.circuit import CloseReason
from wsproxy.core.replica import Changes, Entry, Position, Snapshot


class StoreUnavailable(Exception):
    """The store cannot be asked now. Whether a write was done is not known."""


class Refused(StrEnum):
    """Why a circuit was not put."""

    STALE = "stale"  # the store has this generation already, or a newer one
    GONE = "gone"  # it was deleted; a deleted circuit never comes back
    SLOT_TAKEN = "slot-taken"  # another circuit has the node's port, or the label


class Kind(StrEnum):
    """What a record is for."""

    TOKEN = "token"
    CONFIGURATION = "configuration"
    CLEANUP = "cleanup"
    LEASE = "lease"


@dataclass(frozen=True, slots=True)
class Record:
    """``value`` is text (JSON); ``expires_at`` is unix seconds, after it the record is absent."""

    kind: Kind
    key: str
    value: str
    expires_at: float


class Store(Protocol):
    """All methods raise ``StoreUnavailable`` when the store cannot be asked."""

    async def snapshot(self) -> Snapshot:
        """Every circuit and every tombstone, as of one position."""
        ...

    async def changes(self, after: Position, wait: float) -> Changes | None:
        """What happened after a position, waiting up to ``wait`` seconds for something.

        An empty batch: nothing happened. ``None``: this history does not reach back so far, or is
        another one; read the snapshot.
        """
        ...

    async def put(self, entry: Entry) -> Entry | Refused:
        """Store a circuit that is new or of a higher generation; returns it with its revision.

        One port of a node, and one label, belong to one circuit.
        """
        ...

    async def delete(
        self, circuit_id: UUID, generation: int | None, reason: CloseReason
    ) -> int | None:
        """Delete a circuit unless it has a higher generation than the one given (None: any).

        Leaves a tombstone, also for an unknown id. Returns the change's revision, or ``None`` when
        there was nothing to delete.
        """
        ...

    async def save(self, record: Record, replace: bool = True) -> bool:
        """Keep a record. With ``replace=False`` (a lease) not when another value is alive there."""
        ...

    async def load(self, kind: Kind, key: str) -> Record | None:
        """The record, unless absent or expired."""
        ...

    async def records(self, kind: Kind) -> tuple[Record, ...]:
        """All living records of a kind, oldest first."""
        ...

    async def drop(self, kind: Kind, key: str) -> bool:
        """Forget a record; whether it was there."""
        ...

    async def close(self) -> None:
        """Let go of connections and files. Idempotent; afterwards nothing may be asked."""
        ...
