"""Follows the manager's Redis: routes of endpoints whose manager tells them there (protocol 6.5).

Asked every ``POLL`` seconds, and at once after a hint. While Redis is away everything stays as it
was last known; an empty or new Redis is never an order to delete.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from uuid import UUID

from wsproxy.core.circuit import Circuit, Direct
from wsproxy.core.endpoints import MOST_ROUTES
from wsproxy.core.problem import Problem
from wsproxy.core.routing import RouteTable
from wsproxy.endpoints import Endpoints
from wsproxy.manager import keys
from wsproxy.manager.keys import RoutesKey
from wsproxy.manager.redis import EndpointKeys, ManagerRedis, ManagerRedisAway, Readiness
from wsproxy.net.tasks import Tasks

log = logging.getLogger(__name__)

POLL = 10.0
RETRY = 2.0
"""Seconds."""

FAILURES = 2
"""In a row, until Redis counts as away."""

Ready = Callable[[Circuit, Direct], bool]
"""Whether a route may carry requests, as this node knows it."""


class EndpointFollower:
    """Two tasks: one asks and applies, one waits for hints."""

    def __init__(
        self,
        endpoints: Endpoints,
        redis: ManagerRedis,
        ready: Ready,
        *,
        poll: float = POLL,
        retry: float = RETRY,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._endpoints = endpoints
        self._redis = redis
        self._ready = ready
        self._poll = poll
        self._retry = retry
        self._clock = clock
        self._refused: set[Direct] = set()
        self._news = asyncio.Event()
        self._tasks = Tasks("follower")
        self._answers = 0
        self._failures = 0
        self.away = False

    def start(self) -> None:
        self._tasks.start(self._rounds(), "rounds")
        self._tasks.start(self._hints(), "hints")

    async def close(self) -> None:
        """End both tasks and the connections. Idempotent."""
        await self._tasks.close()
        await self._redis.close()

    def table_changed(self, before: RouteTable, after: RouteTable) -> None:
        """A new endpoint need not wait for the next round."""
        if any(circuit.followed for circuit in after.gone_in(before)):
            self._news.set()

    async def round(self) -> bool:
        """Ask once for all endpoints, apply what is told, tell how their routes are.

        False when there was nothing to ask. Raises ``ManagerRedisAway``.
        """
        circuits = {UUID(one.endpoint_id): one for one in self._endpoints.all() if one.followed}
        if not circuits:
            return False
        found = await self._redis.endpoints(list(circuits))
        routes = {one: keys.routes_of(told.routes) for one, told in found.items()}
        ratios = await self._ratios(routes)
        for endpoint_id, circuit in circuits.items():
            known = routes[endpoint_id]
            if known is not None:
                known = await self._allowed(circuit, keys.with_ratios(known, ratios[endpoint_id]))
            await self._apply(endpoint_id, found[endpoint_id], known)
        await self._redis.report(self._readiness())
        return True

    async def _ratios(self, routes: dict[UUID, RoutesKey | None]) -> dict[UUID, dict[str, str]]:
        """By endpoint and session."""
        pairs = [
            (endpoint_id, route.session_id)
            for endpoint_id, known in routes.items()
            for route in (known.routes if known else ())
        ]
        told = await self._redis.ratios(pairs)
        found: dict[UUID, dict[str, str]] = {endpoint_id: {} for endpoint_id in routes}
        for (endpoint_id, session), text in told.items():
            found[endpoint_id][session] = text
        return found

    async def _allowed(self, circuit: Circuit, known: RoutesKey) -> RoutesKey:
        """Without the routes that may not be: nobody can be told here, so the log is."""
        good = []
        for route in known.routes:
            if route not in circuit.routes and await self._problem(route):
                continue
            good.append(route)
        return RoutesKey(known.app, tuple(good), known.bad)

    async def _problem(self, route: Direct) -> bool:
        problem = await self._endpoints.check([route])
        if problem is not None and route not in self._refused:
            log.warning("the manager's route %s is not taken: %s", route.route_id, problem.msg)
            if len(self._refused) >= MOST_ROUTES:
                self._refused.clear()
            self._refused.add(route)
        return problem is not None

    async def _apply(self, endpoint_id: UUID, found: EndpointKeys, known: RoutesKey | None) -> None:
        """Unless the endpoint is told over HTTP meanwhile, by a manager that was upgraded."""

        def revise(now: Circuit) -> Circuit:
            return keys.told(now, found, known) if now.followed else now

        changed = await self._endpoints.change(endpoint_id, revise)
        if isinstance(changed, Problem):
            log.warning("endpoint %s could not be changed: %s", endpoint_id, changed.msg)

    def _readiness(self) -> list[Readiness]:
        now = self._clock()
        return [
            Readiness(route.route_id, self._ready(circuit, route), now)
            for circuit in self._endpoints.all()
            if circuit.followed
            for route in circuit.routes
            if isinstance(route, Direct) and route.route_id
        ]

    async def _rounds(self) -> None:
        while True:
            self._news.clear()
            pause = self._poll if await self._try() else self._retry
            try:
                async with asyncio.timeout(pause):
                    await self._news.wait()
            except TimeoutError:
                pass

    async def _hints(self) -> None:
        """The one who notices that Redis is away while there is nothing to ask about."""
        while True:
            began = self._answers
            try:
                hinted = await self._redis.changed(self._poll)
            except ManagerRedisAway as error:
                self._lost(error, began)
                await asyncio.sleep(self._retry)
                continue
            if self._found() or hinted:  # what was missed is not known
                self._news.set()

    async def _try(self) -> bool:
        """One round; False when the next one shall come soon."""
        began = self._answers
        try:
            if await self.round():
                self._found()
        except ManagerRedisAway as error:
            self._lost(error, began)
            return False
        except Exception:
            log.exception("following the manager's Redis failed")
            return False
        return True

    def _lost(self, error: ManagerRedisAway, began: int) -> None:
        """Told once: not after one failure, which may be a connection of before, and not by a
        question that is older than the last answer.
        """
        if began != self._answers:
            return
        self._failures += 1
        if self._failures < FAILURES:
            return
        if not self.away:
            log.warning("the manager's Redis is away, endpoints stay as they are: %s", error)
        self.away = True

    def _found(self) -> bool:
        """Whether it was away before."""
        self._answers += 1
        self._failures = 0
        away, self.away = self.away, False
        if away:
            log.info("the manager's Redis is back")
        return away
