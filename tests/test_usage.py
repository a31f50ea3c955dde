"""Use of sessions in the manager's Redis: real redis-server, meters of the test."""

import logging
from uuid import UUID

import pytest

from tests.support.apps import eventually
from tests.support.circuits import SESSION, circuit
from tests.support.logs import logged
from tests.support.redis import LIVE, redis_server
from wsproxy.core.circuit import Circuit
from wsproxy.core.meter import Meter
from wsproxy.manager.redis import BATCH, USE_LIFE, ManagerRedis, ManagerRedisAway
from wsproxy.usage import UsageTeller

pytestmark = pytest.mark.redis

NOW = 1_700_000_000.9
ONE, TWO = circuit(1), circuit(2, port=10201)
LAST = f"session.{SESSION}.last_access"


@pytest.fixture
async def redis():
    async with redis_server() as server:
        yield server


class Node:
    """Two circuits of one session."""

    def __init__(self, url: str, tick: float = 3600.0) -> None:
        self.circuits: tuple[Circuit, ...] = (ONE, TWO)
        self.meters: dict[UUID, Meter] = {}
        self.now = NOW
        self.teller = UsageTeller(
            lambda: self.circuits,
            self.meters.get,
            ManagerRedis(url, deadline=10.0),
            tick=tick,
            now=lambda: self.now,
        )

    async def __aenter__(self) -> "Node":
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.teller.close()
        await self.teller.close()


async def test_case_84_use_is_written_where_idle_checkers_look(redis):
    async with Node(redis.url) as node:
        assert await node.teller.tell() == 0
        node.meters[ONE.id] = Meter(requests=3, last_open=NOW - 20)
        node.meters[TWO.id] = Meter(requests=1, connections=1)
        assert await node.teller.tell() == 2
        assert await redis.text(LAST) == "1700000000"
        assert await redis.text(f"circuit.{ONE.id}.last_access") == "1699999980"
        assert await redis.text(f"circuit.{ONE.id}.requests") == "3"
        assert await redis.text(f"circuit.{TWO.id}.requests") == "1"
        for key in await redis.keys():
            assert USE_LIFE - 30 <= await redis.life(key) <= USE_LIFE == 172_800
        node.meters[ONE.id].requests = 5
        assert await node.teller.tell() == 1
        assert await redis.text(f"circuit.{ONE.id}.requests") == "5"
        assert await node.teller.tell() == 0


async def test_what_somebody_else_wrote_and_is_later_stays(redis):
    async with Node(redis.url) as node, redis.client(LIVE) as client:
        node.meters[ONE.id] = Meter(requests=1, last_open=NOW)
        for later in ("1700000005", "1700000001.25"):
            await client.set(LAST, later)
            node.meters[ONE.id].requests += 1
            await node.teller.tell()
            assert await redis.text(LAST) == later


@pytest.mark.parametrize("strange", ["", "yesterday", "1699999999.5"])
async def test_what_is_no_later_time_is_replaced(redis, strange):
    async with Node(redis.url) as node, redis.client(LIVE) as client:
        await client.set(LAST, strange)
        await client.lpush(f"circuit.{ONE.id}.last_access", "a list")
        await client.lpush(f"circuit.{ONE.id}.requests", "a list")
        node.meters[ONE.id] = Meter(requests=1, last_open=NOW)
        assert await node.teller.tell() == 1
        assert await redis.text(LAST) == "1700000000"
        assert await redis.text(f"circuit.{ONE.id}.last_access") == "1700000000"


async def test_many_circuits_are_told_in_one_go(redis):
    many = 2 * BATCH + 7
    async with Node(redis.url) as node:
        node.circuits = tuple(circuit(n, session=f"s{n}") for n in range(1, many + 1))
        for one in node.circuits:
            node.meters[one.id] = Meter(requests=1, connections=1)
        async with redis.client(LIVE) as client:
            assert await node.teller.tell() == many
            stats = await client.info("commandstats")
        assert stats["cmdstat_eval"]["calls"] == 3
        assert len(await redis.keys()) == 3 * many


async def test_what_could_not_be_told_stays_owed(redis):
    async with Node(redis.url) as node:
        node.meters[ONE.id] = Meter(requests=2, last_open=NOW - 5)
        await redis.stop()
        for _ in range(2):
            with pytest.raises(ManagerRedisAway):
                await node.teller.tell()
        node.meters[ONE.id].requests = 3
        await redis.start()
        assert await node.teller.tell() == 1
        assert await redis.text(LAST) == "1699999995"
        assert await redis.text(f"circuit.{ONE.id}.requests") == "3"


async def test_an_absence_is_told_once_and_its_end(redis, caplog):
    caplog.set_level(logging.INFO)
    async with Node(redis.url, tick=0.01) as node:
        node.meters[ONE.id] = Meter(requests=1, connections=1)
        node.teller.start()
        await redis.stop()
        node.now += 5
        await eventually(lambda: node.teller.away, "the absence to be noticed")
        node.now += 5
        await redis.start()
        await eventually(lambda: not node.teller.away, "Redis to be back")
        assert await redis.text(LAST) == "1700000010"
    warnings = [one for one in logged(caplog.records) if one.levelno >= logging.WARNING]
    assert len(warnings) == 1
    assert "away" in warnings[0].getMessage()
    assert "is back" in caplog.text


async def test_a_fault_of_ours_does_not_end_the_telling(redis, caplog):
    asked = []

    def circuits() -> tuple[Circuit, ...]:
        asked.append(1)
        if len(asked) == 1:
            raise LookupError
        return ()

    teller = UsageTeller(circuits, lambda _: None, ManagerRedis(redis.url), tick=0.01)
    teller.start()
    await eventually(lambda: len(asked) > 2, "the next batches")
    await teller.close()
    assert "failed" in caplog.text
