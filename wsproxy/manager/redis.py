"""The manager's Redis: use of sessions (protocol 7.10), and of managers 25.12 to 26.4.3 the routes
of inference endpoints (protocol 6.5).

    DB 2   session.<SID>.last_access                 written by us: unix seconds, 2 days
           circuit.<id>.last_access, .requests       the same
           endpoint.<id>.route_connection_info       JSON {"<app>": [route, ...]}
           endpoint.<id>.health_check_enabled        "true" | "false"
           endpoint.<id>.health_check_config         JSON
           endpoint.<id>.session.<SID>.traffic_ratio
           route_health:<route id>                   written by us: readiness, last_readiness
    DB 4   events                                    a stream: routes have changed, sessions ended

Only reading and writing; ``manager.keys`` says what the texts mean.
"""

import asyncio
from collections.abc import Awaitable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar, cast
from uuid import UUID

from redis.asyncio import ConnectionPool, Redis
from redis.exceptions import RedisError

from wsproxy.core.usage import Used
from wsproxy.net.tasks import Tasks

LIVE_DB = 2
STREAM_DB = 4
STREAM = "events"
ROUTES_CHANGED = b"endpoint_route_list_updated"

HEALTH_LIFE = 600
"""Seconds that a route's health is believed."""

DEADLINE = 3.0
"""Seconds for one question."""

USE_LIFE = 2 * 24 * 3600
"""Seconds that use is remembered."""

BATCH = 250
"""Circuits told in one command: a long one would keep Redis from others."""

Event = Mapping[bytes, bytes]

_NOTE_USE = """
local times = tonumber(ARGV[2])
for place, key in ipairs(KEYS) do
  local text = ARGV[place + 2]
  if place > times then
    redis.pcall('INCRBY', key, text)
    redis.call('EXPIRE', key, ARGV[1])
  elseif tonumber(text) > (tonumber(redis.pcall('GET', key)) or 0) then
    redis.call('SET', key, text, 'EX', ARGV[1])
  end
end
"""
"""The first ``ARGV[2]`` keys are times, which never go back; the others are counts to add to."""

T = TypeVar("T")


class ManagerRedisAway(Exception):
    """It cannot be asked now."""


@dataclass(frozen=True, slots=True)
class EndpointKeys:
    """The values of one endpoint; None for a key that is not there (any more)."""

    routes: str | None = None
    check_enabled: str | None = None
    check: str | None = None


@dataclass(frozen=True, slots=True)
class Readiness:
    """What is told of one route; ``seen`` is unix seconds."""

    route_id: str
    ready: bool
    seen: float


class ManagerRedis:
    """``url``: ``redis://``, ``rediss://`` or ``unix://``; its database number is not used."""

    def __init__(self, url: str, deadline: float = DEADLINE) -> None:
        self._deadline = deadline
        self._live = _client(url, LIVE_DB)
        self._streams = _client(url, STREAM_DB)
        self._position = b""
        self._tasks = Tasks("manager redis")

    async def endpoints(self, ids: Sequence[UUID]) -> dict[UUID, EndpointKeys]:
        """The keys of several endpoints in one question."""
        names = ("route_connection_info", "health_check_enabled", "health_check_config")
        found = await self._values([f"endpoint.{one}.{name}" for one in ids for name in names])
        return {
            one: EndpointKeys(*found[3 * place : 3 * place + 3]) for place, one in enumerate(ids)
        }

    async def ratios(self, pairs: Sequence[tuple[UUID, str]]) -> dict[tuple[UUID, str], str]:
        """The traffic ratios that are told, by endpoint and session."""
        keys = [f"endpoint.{one}.session.{session}.traffic_ratio" for one, session in pairs]
        found = await self._values(keys)
        return {pair: text for pair, text in zip(pairs, found, strict=True) if text is not None}

    async def _values(self, keys: list[str]) -> list[str | None]:
        if not keys:
            return []
        found = await self._ask(self._live.mget(keys))
        return [one.decode("utf-8", "replace") if isinstance(one, bytes) else one for one in found]

    async def report(self, told: Iterable[Readiness]) -> None:
        """Write routes' health where the manager looks."""
        pipe = self._live.pipeline(transaction=False)
        for one in told:
            key = f"route_health:{one.route_id}"
            fields = {"readiness": "1" if one.ready else "0", "last_readiness": str(int(one.seen))}
            pipe.hset(key, mapping=cast(Mapping[Any, Any], fields))
            pipe.expire(key, HEALTH_LIFE)
        await self._ask(pipe.execute())

    async def used(self, batch: Sequence[Used]) -> None:
        """Write what was used, all in one go; what somebody else wrote and is later stays."""
        pipe = self._live.pipeline(transaction=False)
        for start in range(0, len(batch), BATCH):
            keys, texts, times = _use_keys(batch[start : start + BATCH])
            pipe.eval(_NOTE_USE, len(keys), *keys, str(USE_LIFE), str(times), *texts)
        await self._ask(pipe.execute())

    async def changed(self, wait: float) -> bool:
        """Whether the stream tells of changed routes within ``wait`` seconds.

        A hint: events may be lost, and are for the manager's own programs too.
        """
        events = await self.events(wait)
        return any(ROUTES_CHANGED in b" ".join(fields.values()) for fields in events)

    async def events(self, wait: float) -> list[Event]:
        """What the stream tells within ``wait`` seconds, from the first time this was asked on."""
        if not self._position:
            self._position = await self._end_of_stream()
        reading = self._streams.xread({STREAM: self._position}, block=max(1, int(wait * 1000)))
        answer = await self._ask(reading, wait + self._deadline)
        found = []
        for _, messages in _streams(answer):
            for position, fields in messages:
                self._position = position
                found.append(fields)
        return found

    async def _end_of_stream(self) -> bytes:
        """Not "$": that would be the end at each question, and lose what comes in between."""
        last = await self._ask(self._streams.xrevrange(STREAM, count=1))
        return cast(bytes, last[0][0]) if last else b"0-0"

    async def _ask(self, question: Awaitable[T], deadline: float = 0.0) -> T:
        """The answer. Asked in a task of its own: the library loses a cancellation that comes just
        as it connects or reads, and whoever waits here must end when it is told to.
        """
        task = self._tasks.start(_outcome(question), "ask")
        done, _ = await asyncio.wait({task}, timeout=deadline or self._deadline)
        if not done:
            task.cancel()
            raise ManagerRedisAway("no answer in time")
        outcome = task.result()
        if isinstance(outcome, _Failed):
            raise ManagerRedisAway(outcome.reason)
        return outcome

    async def close(self) -> None:
        """Let go of the connections; what is being asked ends with them. Idempotent."""
        for client in (self._live, self._streams):
            await client.aclose(close_connection_pool=True)
        await self._tasks.close()


@dataclass(frozen=True, slots=True)
class _Failed:
    reason: str


async def _outcome(question: Awaitable[T]) -> T | _Failed:
    try:
        return await question
    except (RedisError, OSError) as error:
        return _Failed(type(error).__name__)  # the text may name the password's URL


def _client(url: str, db: int) -> Redis:
    pool = ConnectionPool.from_url(url)
    # the deadlines are ours: the library's would cut a long wait for events
    pool.connection_kwargs |= {"db": db, "socket_timeout": None}
    return Redis(connection_pool=pool)


def _use_keys(batch: Sequence[Used]) -> tuple[list[str], list[str], int]:
    """Keys and their texts for ``_NOTE_USE``, and how many of them are times."""
    times: dict[str, int] = {}
    counts: dict[str, int] = {}
    for used in batch:
        names = (*(f"session.{one}" for one in used.sessions), f"circuit.{used.circuit_id}")
        for name in names:
            key = f"{name}.last_access"
            times[key] = max(used.last, times.get(key, 0))
        if used.requests:
            counts[f"circuit.{used.circuit_id}.requests"] = used.requests
    texts = [str(value) for value in (*times.values(), *counts.values())]
    return [*times, *counts], texts, len(times)


def _streams(answer: Any) -> Iterable[tuple[Any, Any]]:
    """A list of pairs in the second version of the protocol, a mapping in the third."""
    return answer.items() if isinstance(answer, Mapping) else answer or ()
