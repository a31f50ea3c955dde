"""Circuits of sessions that the manager no longer knows go by themselves (protocol 2.8, 5.8).

v1: older clients cannot delete their listeners, because the token they have is not accepted any
more; the tunnels notice too, but only when somebody connects. v2: nobody tells a gateway that a
session has ended.
"""

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator
from dataclasses import dataclass

log = logging.getLogger(__name__)

MOST_DOUBTED = 1000

AT_ONCE = 8
"""Sessions that a manager is asked about at the same time."""

Exists = Callable[[str, str], Awaitable[bool | None]]
"""Asks the manager for (owner, session); None: whether it exists cannot be said now."""


@dataclass(frozen=True, slots=True)
class WatchRules:
    """Seconds between rounds, for one question, and until a session is doubted again."""

    interval: float = 60.0
    deadline: float = 5.0
    doubt: float = 10.0


class SessionWatch:
    """``sessions``: (owner, session) of the open circuits; ``gone``: close them."""

    def __init__(
        self,
        sessions: Callable[[], Iterable[tuple[str, str]]],
        exists: Exists,
        gone: Callable[[str, str], Awaitable[object]],
        rules: WatchRules | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._sessions = sessions
        self._exists = exists
        self._gone = gone
        self._rules = rules or WatchRules()
        self._sleep = sleep
        self._clock = clock
        self._doubted: OrderedDict[tuple[str, str], float] = OrderedDict()

    async def run(self) -> None:
        """Look again and again until cancelled."""
        while True:
            await self._sleep(self._rules.interval)
            await self.look()

    async def look(self) -> int:
        """One round; how many sessions had gone. Doubt never closes anything.

        Several are asked at once: of a manager that hangs each question costs its deadline.
        """
        waiting = iter(sorted(set(self._sessions())))
        return sum(await asyncio.gather(*(self._look(waiting) for _ in range(AT_ONCE))))

    async def _look(self, waiting: Iterator[tuple[str, str]]) -> int:
        """Take from those that wait, until none is left."""
        return sum([await self._look_at(owner, session) for owner, session in waiting])

    async def _look_at(self, owner: str, session: str) -> bool:
        """Whether it had gone."""
        if await self._ask(owner, session) is not False:
            return False
        log.info("session %s has ended: its circuits go", session)
        await self._gone(owner, session)
        return True

    def doubt(self, owner: str, session: str) -> Coroutine[None, None, bool] | None:
        """Ask about one session out of turn; None when that was done a moment ago."""
        now, key = self._clock(), (owner, session)
        if now < self._doubted.get(key, now):
            return None
        self._doubted[key] = now + self._rules.doubt
        self._doubted.move_to_end(key)
        while len(self._doubted) > MOST_DOUBTED:
            self._doubted.popitem(last=False)
        return self._look_at(owner, session)

    async def _ask(self, owner: str, session: str) -> bool | None:
        try:
            async with asyncio.timeout(self._rules.deadline):
                return await self._exists(owner, session)
        except TimeoutError:
            return None
        except Exception:
            log.exception("the manager could not be asked for a session")
            return None


class OthersSessions:
    """What one identity may conclude about sessions, other people's too.

    A manager shows some keys only their own sessions, and says of all others that they do not
    exist. So its 404 counts for sessions of ``own``, and for those that it has shown before: it is
    asked when one is announced.
    """

    def __init__(self, own: str, most: int = 10_000) -> None:
        self._own = own
        self._most = most
        self._shown: OrderedDict[str, None] = OrderedDict()

    def believe(self, owner: str, session: str, exists: bool | None) -> bool | None:
        """The manager's answer, or None where it proves nothing."""
        if exists:
            self._shown[session] = None
            self._shown.move_to_end(session)
            if len(self._shown) > self._most:
                self._shown.popitem(last=False)
        if exists is not False or owner == self._own:
            return exists
        return False if session in self._shown else None
