"""Endpoints of managers 25.12 to 26.4.3: routes come through a real Redis (protocol 6.5)."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator

import pytest

from tests.support.apps import answering, eventually, raw_app
from tests.support.logs import logged
from tests.support.models import Model, bulk, route
from tests.support.redis import LIVE, RedisServer, redis_server
from tests.support.v2 import V2, Wish, v2
from wsproxy.core.circuit import Circuit, Direct
from wsproxy.core.selection import Standing
from wsproxy.follower import EndpointFollower
from wsproxy.manager.redis import HEALTH_LIFE, ManagerRedis, ManagerRedisAway

pytestmark = pytest.mark.redis

CHECK = {"interval": 10.0, "path": "/", "max_retries": 1, "max_wait_time": 5.0}
NEVER = 3600.0


@pytest.fixture
async def redis():
    async with redis_server() as server:
        yield server


@contextlib.asynccontextmanager
async def following(
    gateway: V2, redis: RedisServer, poll: float = NEVER, retry: float = 0.02
) -> AsyncIterator[EndpointFollower]:
    def ready(circuit: Circuit, route: Direct) -> bool:
        return gateway.routes.standing(circuit, route) is Standing.GOOD

    follower = EndpointFollower(
        gateway.endpoints,
        ManagerRedis(redis.url, deadline=10.0),
        ready,
        poll=poll,
        retry=retry,
        clock=gateway.clock,
    )
    gateway.feed.on_change(follower.table_changed)
    try:
        yield follower
    finally:
        await follower.close()
        await follower.close()


async def created(gateway: V2, **more: object) -> tuple[Model, str]:
    """As those managers create one: once, without routes."""
    model = Model(gateway)
    return model, await model.put(version="v2", open_to_public=True, **more)


async def test_case_83_routes_come_from_the_managers_redis_and_health_goes_back(redis):
    async with raw_app() as app, v2() as gateway, following(gateway, redis) as follower:
        model, url = await created(gateway)
        assert (await gateway.ask(url))[0].status == 503
        one = route(app.port)
        await redis.tell_routes(model.id, one)
        await follower.round()
        assert (await gateway.ask(url))[1] == "ok"
        assert model.circuit.app == "vllm"
        told, life = await redis.health(one["route_id"])
        assert told == {"readiness": "1", "last_readiness": str(int(gateway.clock.now))}
        assert HEALTH_LIFE - 30 <= life <= HEALTH_LIFE
        await redis.tell_routes(model.id)
        await follower.round()
        assert (await gateway.ask(url))[0].status == 503


async def test_health_checks_are_told_there_too(redis):
    async with raw_app() as app, v2() as gateway, following(gateway, redis) as follower:
        model, url = await created(gateway)
        one = route(app.port)
        await redis.tell_routes(model.id, one)
        await redis.tell(model.id, health_check_enabled="true", health_check_config=CHECK)
        await follower.round()
        assert (await redis.health(one["route_id"]))[0]["readiness"] == "0"  # not known yet
        gateway.checks.look()
        await gateway.checks.idle()
        await follower.round()
        assert (await redis.health(one["route_id"]))[0]["readiness"] == "1"
        app.script = answering(b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n")
        gateway.clock.now += 10
        gateway.checks.look()
        await gateway.checks.idle()
        await follower.round()
        assert (await redis.health(one["route_id"]))[0]["readiness"] == "0"
        assert (await gateway.ask(url))[0].status == 503
        await redis.tell(model.id, health_check_enabled="false")
        await follower.round()
        check = model.circuit.health_check
        assert check is None


async def test_ratios_are_told_by_session(redis):
    async with (
        raw_app(answering(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nA")) as a,
        raw_app() as b,
        v2() as gateway,
        following(gateway, redis) as follower,
    ):
        model, url = await created(gateway)
        one, two = route(a.port), route(b.port)
        await redis.tell_routes(model.id, one, two)
        await redis.tell(model.id, **{f"session.{two['session_id']}.traffic_ratio": "0.0"})
        await follower.round()
        assert {(await gateway.ask(url))[1] for _ in range(20)} == {"A"}


async def test_keys_that_are_gone_or_nonsense_change_nothing(redis):
    async with raw_app() as app, v2() as gateway, following(gateway, redis) as follower:
        model, url = await created(gateway)
        await redis.tell_routes(model.id, route(app.port))
        await follower.round()
        before = model.circuit
        for text in ("{", "[]", '"x"', '{"vllm": 1}', '{"vllm": [{"kernel_port": 0}]}'):
            await redis.tell(model.id, route_connection_info=text, health_check_config="{")
            await follower.round()
            assert model.circuit == before
        async with redis.client(LIVE) as client:
            await client.flushall()
        await follower.round()
        assert model.circuit == before
        assert (await gateway.ask(url))[1] == "ok"


async def test_while_redis_is_away_everything_stays_and_then_goes_on(redis, caplog):
    caplog.set_level(logging.INFO, logger="wsproxy.follower")
    async with raw_app() as app, v2() as gateway, following(gateway, redis, 0.02) as follower:
        model, url = await created(gateway)
        first, second = route(app.port), route(app.port)
        await redis.tell_routes(model.id, first)
        follower.start()
        await eventually(lambda: len(model.circuit.routes) == 1, "the first route")
        await redis.stop()
        await eventually(lambda: follower.away, "that it is away is noticed")
        with pytest.raises(ManagerRedisAway):
            await follower.round()
        assert (await gateway.ask(url))[1] == "ok"
        assert sum("is away" in record.message for record in caplog.records) == 1
        await redis.start()  # empty
        await eventually(lambda: not follower.away, "that it is back is noticed")
        assert (await gateway.ask(url))[1] == "ok"
        await redis.tell_routes(model.id, first, second)
        await eventually(lambda: len(model.circuit.routes) == 2, "the second route")


async def test_a_hint_is_followed_at_once(redis):
    async with raw_app() as app, v2() as gateway, following(gateway, redis) as follower:
        follower.start()
        model, _ = await created(gateway)  # a new endpoint is asked about at once too
        await redis.tell_routes(model.id, route(app.port))
        deadline = asyncio.get_running_loop().time() + 10
        while not model.circuit.routes:  # the reader may not wait yet when the first comes
            assert asyncio.get_running_loop().time() < deadline
            await redis.hint("session_started")
            await redis.hint()
            await asyncio.sleep(0.01)


async def test_a_new_endpoint_is_asked_about_at_once(redis):
    async with raw_app() as app, v2() as gateway, following(gateway, redis) as follower:
        follower.start()
        model = Model(gateway)
        await redis.tell_routes(model.id, route(app.port))
        await model.put(version="v2")
        await eventually(lambda: len(model.circuit.routes) == 1, "its routes")


async def test_a_manager_that_was_upgraded_tells_over_http_from_then_on(redis):
    async with raw_app() as app, v2() as gateway, following(gateway, redis) as follower:
        model, _ = await created(gateway)
        await redis.tell_routes(model.id, route(1), route(2))
        new = route(app.port)
        await bulk(gateway, "/routes", {"deployment_id": model.id, "routes": [new]})
        await follower.round()
        assert [one.route_id for one in model.circuit.routes] == [new["route_id"]]  # type: ignore[union-attr]
        assert (await redis.health(new["route_id"]))[0] == {}


async def test_routes_lead_where_they_may_only(redis, caplog):
    async with v2(Wish(targets=())) as gateway, following(gateway, redis) as follower:
        model, _ = await created(gateway)
        bad, good = route(8000, host="169.254.169.254"), route(8000, host="10.0.0.5")
        await redis.tell_routes(model.id, bad, good)
        for _ in range(2):
            await follower.round()
        assert [one.host for one in model.circuit.routes] == ["10.0.0.5"]  # type: ignore[union-attr]
        assert sum(bad["route_id"] in record.message for record in caplog.records) == 1


async def test_without_endpoints_nothing_is_asked(redis):
    await redis.stop()
    async with v2() as gateway, following(gateway, redis) as follower:
        await Model(gateway).put()  # of a manager that tells everything over HTTP
        assert not await follower.round()


async def test_that_it_is_away_is_told_before_there_are_endpoints(redis, caplog):
    caplog.set_level(logging.INFO, logger="wsproxy.follower")
    await redis.stop()
    async with v2() as gateway, following(gateway, redis, 0.02) as follower:
        follower.start()
        await eventually(lambda: follower.away, "that it is away is noticed")
        await redis.start()
        await eventually(lambda: not follower.away, "that it is back is noticed")
    assert [record.levelname for record in logged(caplog.records)] == ["WARNING", "INFO"]


async def test_a_server_that_is_no_redis_is_one_that_is_away():
    async with raw_app() as app, v2() as gateway:
        await created(gateway)
        silent = ManagerRedis(f"redis://127.0.0.1:{app.port}/7", deadline=0.1)
        follower = EndpointFollower(gateway.endpoints, silent, lambda *_: True)
        try:
            with pytest.raises(ManagerRedisAway):
                await follower.round()
        finally:
            await follower.close()
