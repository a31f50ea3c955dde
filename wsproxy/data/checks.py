"""Looks at the routes of inference endpoints: connect probes and HTTP health checks (protocol 7.4).

One task per node decides each ``period`` seconds what is due; each look runs beside it, under its
own deadline. A look ends when its route leaves the table, so none outlives its endpoint.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Coroutine, Iterator
from functools import partial
from typing import Any, cast

from wsproxy import __version__
from wsproxy.core.circuit import Circuit, Direct, Transport
from wsproxy.core.failure import Failure
from wsproxy.core.framing import Answer
from wsproxy.core.healthcheck import HealthCheck
from wsproxy.core.routing import RouteTable
from wsproxy.data.dial import Dialer
from wsproxy.data.health import CheckKey, Routes, check_key
from wsproxy.net.http1 import AppConnection
from wsproxy.net.tasks import Tasks

log = logging.getLogger(__name__)

PROBE_DEADLINE = 1.0
"""Seconds for a connect probe."""

MOST_AT_ONCE = 64
"""Looks under way; what is due beyond that has its turn a period later."""

Count = Callable[[str, bool], None]
"""Told the kind of each look ("connect", "http"), and whether it went well."""


class RouteChecks:
    """``table`` gives the circuits as of now; ``forget`` wants to hear when it was swapped."""

    def __init__(
        self,
        table: Callable[[], RouteTable],
        routes: Routes,
        dialer: Dialer,
        *,
        period: float = 1.0,
        count: Count = lambda kind, good: None,
    ) -> None:
        self._table = table
        self._routes = routes
        self._dialer = dialer
        self._period = period
        self._count = count
        self._turn = 0
        self._looks: dict[CheckKey, asyncio.Task[None]] = {}
        self._tasks = Tasks("checks")

    def __repr__(self) -> str:
        return f"RouteChecks({len(self._looks)} under way)"

    def start(self) -> None:
        self._tasks.start(self._forever(), "rounds")

    async def close(self) -> None:
        """End everything; idempotent."""
        await self._tasks.close()

    def look(self) -> None:
        """Begin every look that is due."""
        every = deque(self._all())
        every.rotate(-self._turn)  # with very many, nobody is always the last
        self._turn = (self._turn + MOST_AT_ONCE) % max(1, len(every))
        for circuit, route in every:
            key = check_key(circuit, route)
            if key in self._looks or len(self._looks) >= MOST_AT_ONCE:
                continue
            work = self._due(circuit, route)
            if work is not None:
                task = self._tasks.start(work, f"{route.host}:{route.port}")
                self._looks[key] = task
                task.add_done_callback(partial(self._ended, key))

    def _ended(self, key: CheckKey, task: asyncio.Task[None]) -> None:
        del self._looks[key]

    async def idle(self) -> None:
        """Wait until the looks that are under way have ended."""
        await asyncio.gather(*self._looks.values(), return_exceptions=True)

    def forget(self, before: RouteTable, after: RouteTable) -> None:
        """The table was swapped: what looks at a route that is gone ends."""
        living = {check_key(circuit, route) for circuit, route in self._all()}
        for key in self._looks.keys() - living:
            self._looks[key].cancel()
        self._routes.keep(living)

    def _all(self) -> Iterator[tuple[Circuit, Direct]]:
        """Every route that this node sends traffic to for an endpoint."""
        table = self._table()
        for circuit in table.endpoints():
            if _served_here(circuit, table):
                for route in circuit.routes:
                    if isinstance(route, Direct):
                        yield circuit, route

    def _due(self, circuit: Circuit, route: Direct) -> Coroutine[Any, Any, None] | None:
        check = circuit.health_check
        http = circuit.transport is Transport.HTTP
        if check is not None and http and self._routes.check_due(circuit, route, check):
            self._routes.check_begun(circuit, route)
            return self._check(circuit, route, check)
        if self._routes.probe_due(route):
            return self._probe(route)
        return None

    async def _probe(self, route: Direct) -> None:
        connected = await self._within(PROBE_DEADLINE, self._connects(route))
        self._count("connect", connected)
        self._routes.probed(route, connected)

    async def _check(self, circuit: Circuit, route: Direct, check: HealthCheck) -> None:
        before = self._routes.verdict(circuit, route)
        passed = await self._within(check.max_wait_time, self._answers(route, check))
        self._count("http", passed)
        self._routes.checked(circuit, route, check, passed)
        verdict = self._routes.verdict(circuit, route)
        if verdict is not before:
            log.info("endpoint %s: route %s is %s", circuit.endpoint_id, route.route_id, verdict)

    async def _within(self, deadline: float, look: Coroutine[Any, Any, bool]) -> bool:
        try:
            async with asyncio.timeout(deadline):
                return await look
        except TimeoutError:
            return False

    async def _connects(self, route: Direct) -> bool:
        dialled = await self._dialer.dial(route, asyncio.Protocol)
        if isinstance(dialled, Failure):
            return False
        dialled[0].abort()
        return True

    async def _answers(self, route: Direct, check: HealthCheck) -> bool:
        dialled = await self._dialer.dial(route, AppConnection)
        if isinstance(dialled, Failure):
            return False
        app = cast(AppConnection, dialled[1])
        question = _Question()
        try:
            if app.closed:
                return False
            app.begin(question, _request(route, check.path), "GET")
            return await question.status == check.expected_status_code
        finally:
            app.abort()

    async def _forever(self) -> None:
        while True:
            try:
                self.look()
            except Exception:
                log.exception("looking at the routes of endpoints failed")
            await asyncio.sleep(self._period)


def _served_here(circuit: Circuit, table: RouteTable) -> bool:
    """A port is one node's, a name is every node's."""
    if circuit.port is None:
        return True
    bound = table.by_port(circuit.port)
    return bound is not None and bound.id == circuit.id


def _request(route: Direct, path: str) -> bytes:
    host = f"[{route.host}]" if ":" in route.host else route.host
    return (
        f"GET {path} HTTP/1.1\r\nHost: {host}:{route.port}\r\nUser-Agent: wsproxy/{__version__}\r\n"
        "Accept: */*\r\nConnection: close\r\n\r\n"
    ).encode()


class _Question:
    """One request whose answer's status is all that counts; 0 when there is none."""

    def __init__(self) -> None:
        self.status: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    def _say(self, status: int) -> None:
        if not self.status.done():
            self.status.set_result(status)

    def app_interim(self, answer: Answer) -> None: ...

    def app_answered(self, answer: Answer, rest: bytes, ended: bool) -> None:
        self._say(answer.status)

    def app_body(self, data: bytes, ended: bool) -> None: ...

    def app_switched(self, answer: Answer, rest: bytes) -> None:
        self._say(answer.status)

    def app_failed(self, failure: Failure) -> None:
        self._say(0)

    def app_full(self) -> None: ...

    def app_ready(self) -> None: ...
