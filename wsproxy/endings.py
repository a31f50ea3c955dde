"""Sessions that have ended, as the manager's Redis tells at once; else it is asked once a minute.

Events may be lost. So when Redis was away the manager is asked as soon as it is back.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from wsproxy.circuits import Circuits
from wsproxy.core.circuit import CloseReason
from wsproxy.manager import keys
from wsproxy.manager.redis import ManagerRedis, ManagerRedisAway
from wsproxy.net.tasks import Tasks

log = logging.getLogger(__name__)

WAIT = 10.0
RETRY = 2.0
"""Seconds for one question, and until the next one while Redis is away."""


class SessionEndings:
    """``missed`` asks the manager which sessions have ended. ``start`` once; ``close``."""

    def __init__(
        self,
        circuits: Circuits,
        redis: ManagerRedis,
        missed: Callable[[], Awaitable[object]],
        *,
        wait: float = WAIT,
        retry: float = RETRY,
    ) -> None:
        self._circuits = circuits
        self._redis = redis
        self._missed = missed
        self._wait = wait
        self._retry = retry
        self._tasks = Tasks("endings")
        self.away = False

    def start(self) -> None:
        self._tasks.start(self._forever(), "listen")

    async def close(self) -> None:
        """Idempotent."""
        await self._tasks.close()
        await self._redis.close()

    async def listen(self) -> int:
        """Wait for events once; how many sessions with circuits had ended.

        Raises ``ManagerRedisAway``.
        """
        ended = 0
        wait = 0.0 if self.away else self._wait  # whether it is back shall be known at once
        for event in await self._redis.events(wait):
            session = keys.ended_session(event)
            if session is not None and await self._close(session):
                ended += 1
        return ended

    async def _close(self, session: str) -> bool:
        if not self._circuits.find(session):
            return False
        closed = await self._circuits.close_session(session, reason=CloseReason.SESSION_ENDED)
        log.info("session %s has ended, %d circuits closed", session, closed)
        return closed > 0

    async def _forever(self) -> None:
        while True:
            try:
                await self.listen()
                await self._is_there()
            except ManagerRedisAway as error:
                if not self.away:
                    log.warning("the manager's Redis is away, it tells of no ends: %s", error)
                self.away = True
                await asyncio.sleep(self._retry)
            except Exception:
                log.exception("listening to the manager's Redis failed")
                await asyncio.sleep(self._retry)

    async def _is_there(self) -> None:
        if self.away:
            self.away = False
            log.info("the manager's Redis is back")
            await self._missed()
