"""Addresses of groups, read from the manager with an administrator's key.

They are read again when they are older than ``keep``. While the manager is away the last ones that
were read hold; a key that may not read them is not tried again for a while.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from wsproxy.core.failure import Failure
from wsproxy.core.group_addresses import PATH, QUERY, Listed, Unread, listed
from wsproxy.core.penalty import CLEAR, PenaltyRules, after_failure
from wsproxy.core.version import NoAddress, Observation
from wsproxy.manager.groups import Groups
from wsproxy.manager.requests import Said
from wsproxy.net.tasks import Tasks

REST = 300.0
"""Seconds until a key that was refused is tried again."""

PATIENCE = 0.25
"""Seconds to wait for newer addresses where old ones are known."""


class AsksAdministrator(Protocol):
    """A manager that can be asked with the gateway's own credentials; may be cancelled."""

    async def request(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> Said | Failure: ...


class AddressBook:
    """All groups of one manager. Close it."""

    def __init__(
        self,
        manager: AsksAdministrator,
        deadline: float = 2.0,
        keep: float = 30.0,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._manager = manager
        self._deadline = deadline
        self._keep = keep
        self._clock = clock
        self._known: Listed | None = None
        self._until = float("-inf")
        self._penalty = CLEAR
        self._asking: asyncio.Task[None] | None = None
        self._tasks = Tasks("addresses")

    @property
    def settled(self) -> bool:
        """Whether ``find`` answers about at once."""
        return self._known is not None or self._clock() < self._until

    async def find(self, group: str) -> str | NoAddress | None:
        """The group's address. None: it is not known here; ask the manager about the group."""
        await self._read()
        address = None if self._known is None else self._known.addresses.get(group)
        return NoAddress() if address == "" else address

    async def close(self) -> None:
        """Idempotent."""
        await self._tasks.close()

    async def _read(self) -> None:
        """Look again if it is time. Everybody waits for the same question."""
        if self._clock() < self._until:
            return
        if self._asking is None:
            self._asking = self._tasks.start(self._ask(), "read")
        await asyncio.wait({self._asking}, timeout=PATIENCE if self._known is not None else None)

    async def _ask(self) -> None:
        try:
            async with asyncio.timeout(self._deadline):
                said = await self._manager.request("POST", PATH, None, {"query": QUERY})
        except TimeoutError:
            self._away()
        else:
            self._note(said)
        finally:
            self._asking = None

    def _note(self, said: Said | Failure) -> None:
        found = Unread.TROUBLE if isinstance(said, Failure) else listed(said.status, said.body)
        if found is Unread.TROUBLE:
            self._away()
            return
        self._known = found if isinstance(found, Listed) else None
        self._penalty = CLEAR
        self._until = self._clock() + (self._keep if self._known is not None else REST)

    def _away(self) -> None:
        """What was read holds."""
        self._penalty = after_failure(self._penalty, self._clock(), PenaltyRules())
        self._until = self._penalty.until


class BookedGroups:
    """Addresses that can be read are asked from here; about other groups the manager is asked."""

    def __init__(self, book: AddressBook, manager: Groups) -> None:
        self._book = book
        self._manager = manager

    async def find(self, group: str, project: str) -> str | Observation:
        """The first time both are asked at once, so that all of it ends within one deadline."""
        if not self._book.settled:
            found, said = await asyncio.gather(
                self._book.find(group), self._manager.find(group, project)
            )
            return said if found is None else found
        found = await self._book.find(group)
        return await self._manager.find(group, project) if found is None else found

    async def close(self) -> None:
        await self._book.close()
        await self._manager.close()
