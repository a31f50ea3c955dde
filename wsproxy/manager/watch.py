"""v1 listeners of sessions that the manager no longer knows go by themselves (protocol 2.8).

Older clients cannot delete them: the token they have is not accepted any more. The tunnels notice
too, but only when somebody connects.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

from wsproxy.core.configuration import Configuration

log = logging.getLogger(__name__)

Exists = Callable[[Configuration, str], Awaitable[bool | None]]
"""Asks the manager whether a session exists; None: it cannot be said now."""


@dataclass(frozen=True, slots=True)
class WatchRules:
    """Seconds between rounds, and for one question."""

    interval: float = 60.0
    deadline: float = 5.0


class V1Watch:
    """``sessions``: (configuration, session) of the open v1 circuits; ``gone``: close them."""

    def __init__(
        self,
        sessions: Callable[[], Iterable[tuple[str, str]]],
        find: Callable[[str], Configuration | None],
        exists: Exists,
        gone: Callable[[str, str], Awaitable[object]],
        rules: WatchRules | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._sessions = sessions
        self._find = find
        self._exists = exists
        self._gone = gone
        self._rules = rules or WatchRules()
        self._sleep = sleep

    async def run(self) -> None:
        """Look again and again until cancelled."""
        while True:
            await self._sleep(self._rules.interval)
            await self.look()

    async def look(self) -> int:
        """One round; how many sessions had gone. Doubt never closes anything."""
        gone = 0
        for owner, session in sorted(set(self._sessions())):
            configuration = self._find(owner)
            if configuration is not None and await self._ask(configuration, session) is False:
                log.info("session %s has ended: its listeners go", session)
                await self._gone(owner, session)
                gone += 1
        return gone

    async def _ask(self, configuration: Configuration, session: str) -> bool | None:
        try:
            async with asyncio.timeout(self._rules.deadline):
                return await self._exists(configuration, session)
        except TimeoutError:
            return None
        except Exception:
            log.exception("the manager could not be asked for a session")
            return None
