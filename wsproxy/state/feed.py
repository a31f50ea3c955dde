"""The node's route table, kept true to the store (design 6).

Whoever serves traffic reads ``Feed.table`` and asks nobody. The table is swapped whole; when the
store cannot be read, or is empty, or new, the last known good one stays and ``degraded`` is true.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from wsproxy.core.circuit import CloseReason
from wsproxy.core.replica import Change, Replica
from wsproxy.core.routing import RouteTable
from wsproxy.net.tasks import Tasks
from wsproxy.state.base import Store, StoreUnavailable

log = logging.getLogger(__name__)

Listener = Callable[[RouteTable, RouteTable], None]
"""Called with the table before and after each swap; must not block or raise."""


@dataclass(frozen=True, slots=True)
class FeedRules:
    """Seconds: how long one question for changes waits, and the pause after a failure."""

    wait: float = 20.0
    retry: float = 1.0


class Feed:
    """Reads a snapshot, follows the changes, reads again after a gap, a failure or a new epoch."""

    def __init__(self, store: Store, node: str, rules: FeedRules | None = None) -> None:
        self._store = store
        self._rules = rules or FeedRules()
        self._replica = Replica(node)
        self.table: RouteTable = self._replica.table
        """As of now; an attribute, because every request looks at it."""
        self._reachable = False
        self._listeners: list[Listener] = []
        self._swapped = asyncio.Event()
        self._tasks = Tasks("feed")

    @property
    def node(self) -> str:
        return self._replica.node

    @property
    def ready(self) -> bool:
        """One complete snapshot was read."""
        return self._replica.position is not None

    @property
    def degraded(self) -> bool:
        """The table may be out of date, or holds circuits that the store does not know."""
        return not self._reachable or bool(self._replica.unconfirmed)

    def here(self, circuit_id: UUID) -> bool:
        """Whether this node bound the circuit's listener."""
        return self.node_of(circuit_id) == self.node

    def node_of(self, circuit_id: UUID) -> str:
        """The node that bound the circuit's listener; "" for an unknown circuit."""
        entry = self._replica.entries.get(circuit_id)
        return entry.node if entry is not None else ""

    def reason_of(self, circuit_id: UUID) -> CloseReason:
        """Why a circuit left the table."""
        tombstone = self._replica.removed.get(circuit_id)
        return tombstone.reason if tombstone is not None else CloseReason.REQUESTED

    def on_change(self, listener: Listener) -> None:
        """Have ``listener`` called after every swap."""
        self._listeners.append(listener)

    def apply(self, change: Change) -> None:
        """Show a change of this node at once; the store's word for it follows and is no news."""
        self._swap(self._replica.with_change(change))

    async def start(self) -> None:
        """Read the first snapshot, if the store lets us, and go on in the background."""
        await self._step()
        self._tasks.start(self._follow(), "follow")

    async def wait_for(self, wanted: Callable[[RouteTable], bool], timeout: float) -> bool:
        """Wait until a table satisfies ``wanted``; False when none did within ``timeout``."""
        try:
            async with asyncio.timeout(timeout):
                while not wanted(self.table):
                    await self._swapped.wait()
        except TimeoutError:
            return False
        return True

    async def close(self) -> None:
        await self._tasks.close()

    async def _follow(self) -> None:
        while True:
            if not await self._step():
                await asyncio.sleep(self._rules.retry)

    async def _step(self) -> bool:
        """One question to the store; False when it did not answer."""
        try:
            await self._ask()
        except StoreUnavailable as error:
            if self._reachable:
                log.warning("the store is not available, keeping the last table: %s", error)
            self._reachable = False
            return False
        return True

    async def _ask(self) -> None:
        position = self._replica.position
        # After a failure the snapshot is read anew: what was missed is not known.
        if position is not None and self._reachable:
            changes = await self._store.changes(position, self._rules.wait)
            if changes is not None:
                self._swap(self._replica.with_changes(changes))
                return
        snapshot = await self._store.snapshot()
        replica = self._replica.with_snapshot(snapshot)
        if replica.unconfirmed:
            log.warning("a new store lacks %d circuits, keeping them", len(replica.unconfirmed))
        self._reachable = True
        self._swap(replica)

    def _swap(self, replica: Replica) -> None:
        before = self.table
        self._replica = replica
        self.table = replica.table
        if replica.table is before:
            return
        self._swapped.set()
        self._swapped = asyncio.Event()
        for listener in self._listeners:
            listener(before, replica.table)
