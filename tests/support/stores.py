"""A store that can be told to be away, to have a gap, or to be slow."""

import asyncio
from uuid import UUID

from wsproxy.core.circuit import CloseReason
from wsproxy.core.replica import Changes, Entry, Position, Snapshot
from wsproxy.state.base import Kind, Record, Refused, Store, StoreUnavailable


class FailingStore:
    """Passes on to ``inner`` (which can be exchanged) unless ``down``.

    ``put_is_lost``: the next put is done, but its answer does not arrive.
    """

    def __init__(self, inner: Store) -> None:
        self.inner = inner
        self.down = False
        self.gap = False
        self.put_is_lost = False
        self.snapshots = 0

    def _check(self) -> None:
        if self.down:
            raise StoreUnavailable("the store is away")

    async def snapshot(self) -> Snapshot:
        self._check()
        self.snapshots += 1
        return await self.inner.snapshot()

    async def changes(self, after: Position, wait: float) -> Changes | None:
        self._check()
        if self.gap:
            self.gap = False
            return None
        found = await self.inner.changes(after, wait)
        await asyncio.sleep(0)
        self._check()
        return found

    async def put(self, entry: Entry) -> Entry | Refused:
        self._check()
        stored = await self.inner.put(entry)
        if self.put_is_lost:
            self.put_is_lost = False
            raise StoreUnavailable("no answer")
        return stored

    async def delete(
        self, circuit_id: UUID, generation: int | None, reason: CloseReason
    ) -> int | None:
        self._check()
        return await self.inner.delete(circuit_id, generation, reason)

    async def save(self, record: Record, replace: bool = True) -> bool:
        self._check()
        return await self.inner.save(record, replace)

    async def load(self, kind: Kind, key: str) -> Record | None:
        self._check()
        return await self.inner.load(kind, key)

    async def records(self, kind: Kind) -> tuple[Record, ...]:
        self._check()
        return await self.inner.records(kind)

    async def drop(self, kind: Kind, key: str) -> bool:
        self._check()
        return await self.inner.drop(kind, key)

    async def close(self) -> None:
        await self.inner.close()
