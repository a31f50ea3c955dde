"""Tells the manager's Redis which sessions are in use, so that none of them is ended as idle.

Nothing of it is on the way of a request: every ``TICK`` the meters are read, and what is new goes
out in one batch. What could not be told stays owed; a session whose Redis is away is used as ever.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable
from uuid import UUID

from wsproxy.core.circuit import Circuit
from wsproxy.core.meter import Meter
from wsproxy.core.usage import Clock, Told, after, news
from wsproxy.manager.redis import ManagerRedis, ManagerRedisAway
from wsproxy.net.tasks import Tasks

log = logging.getLogger(__name__)

TICK = 1.5
"""Seconds between batches, as other proxies do (protocol 7.10)."""


class UsageTeller:
    """``start`` once; ``close`` ends it and the connections."""

    def __init__(
        self,
        circuits: Callable[[], Iterable[Circuit]],
        meter_of: Callable[[UUID], Meter | None],
        redis: ManagerRedis,
        clock: Clock = Clock.CONNECTION,
        *,
        tick: float = TICK,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._circuits = circuits
        self._meter_of = meter_of
        self._redis = redis
        self._clock = clock
        self._tick = tick
        self._now = now
        self._told: dict[UUID, Told] = {}
        self._tasks = Tasks("usage")
        self.away = False

    def start(self) -> None:
        self._tasks.start(self._forever(), "tell")

    async def close(self) -> None:
        """Idempotent."""
        await self._tasks.close()
        await self._redis.close()

    async def tell(self) -> int:
        """One batch; how many circuits had news. Raises ``ManagerRedisAway``.

        A batch whose answer was lost is told again: times do not mind, requests may count twice.
        """
        circuits = tuple(self._circuits())
        batch = news(circuits, self._meter_of, self._told, self._now(), self._clock)
        if batch:
            await self._redis.used(batch)
        self._told = after(self._told, batch, (one.id for one in circuits))
        return len(batch)

    async def _forever(self) -> None:
        while True:
            await asyncio.sleep(self._tick)
            try:
                told = await self.tell()
            except ManagerRedisAway as error:
                self._is_away(str(error))
            except Exception:
                log.exception("telling the manager's Redis of use failed")
            else:
                self._is_there(told)

    def _is_away(self, why: str) -> None:
        if not self.away:
            log.warning("the manager's Redis is away, use of sessions is not told: %s", why)
        self.away = True

    def _is_there(self, told: int) -> None:
        """Known only when there was something to tell."""
        if self.away and told:
            log.info("the manager's Redis is back, use of sessions is told again")
            self.away = False
