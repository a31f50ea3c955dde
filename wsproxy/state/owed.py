"""Deletions that the store hears of later (design 6: accepted, done locally, and queued)."""

import asyncio
import logging
from uuid import UUID

from wsproxy.core.circuit import CloseReason
from wsproxy.net.tasks import Tasks
from wsproxy.state.base import Store, StoreUnavailable

log = logging.getLogger(__name__)


class Deletions:
    """Deletes circuits in the store; never fails. ``retry`` is the pause between tries, seconds."""

    def __init__(self, store: Store, retry: float) -> None:
        self._store = store
        self._retry = retry
        self._owed: dict[UUID, CloseReason] = {}
        self._paying = False
        self._tasks = Tasks("deletions")

    def __len__(self) -> int:
        """How many the store does not know of yet."""
        return len(self._owed)

    async def delete(self, circuit_id: UUID, reason: CloseReason) -> None:
        """Delete now, or as soon as the store is back."""
        try:
            await self._store.delete(circuit_id, None, reason)
        except StoreUnavailable as error:
            log.warning("circuit %s is deleted here, in the store later: %s", circuit_id, error)
            self._owed[circuit_id] = reason
            if not self._paying:
                self._paying = True
                self._tasks.start(self._pay(), "pay")

    async def _pay(self) -> None:
        while self._owed:
            await asyncio.sleep(self._retry)
            try:
                await self._pay_all()
            except StoreUnavailable:
                continue
        self._paying = False

    async def _pay_all(self) -> None:
        for circuit_id, reason in tuple(self._owed.items()):
            await self._store.delete(circuit_id, None, reason)
            self._owed.pop(circuit_id, None)

    async def close(self) -> None:
        await self._tasks.close()
