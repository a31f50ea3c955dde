"""A whole gateway beside the manager's Redis: use is told there, ends of sessions are heard."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from functools import partial
from uuid import uuid4

import aiohttp
import pytest

from tests.support.apps import answering, eventually, raw_app, raw_client
from tests.support.messages import UPGRADE
from tests.support.node import Node, node, settings
from tests.support.redis import RedisServer, redis_server
from wsproxy.app import gateway as gateway_module
from wsproxy.app import notices
from wsproxy.sim.echo import Echo
from wsproxy.sim.installation import installation
from wsproxy.sim.world import App, Keypair, World
from wsproxy.usage import UsageTeller

pytestmark = pytest.mark.redis

ACCEPTED = b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"


@pytest.fixture
async def redis(monkeypatch):
    """The clocks of a gateway run fast, so that no test waits for them."""
    monkeypatch.setattr(gateway_module, "TICK", 0.02)
    monkeypatch.setattr(notices, "UsageTeller", partial(UsageTeller, tick=0.02))
    async with redis_server() as server:
        yield server


@contextlib.asynccontextmanager
async def beside(redis: RedisServer, processes: int = 1, **manager: object) -> AsyncIterator[Node]:
    config = settings(gateway={"processes": processes}, manager={"redis": redis.url, **manager})
    async with node(config) as gateway:
        yield gateway


async def later(redis: RedisServer, key: str, before: str | None = None) -> str:
    """The text of a key, once it is another than ``before``."""
    for _ in range(1000):
        text = await redis.text(key)
        if text is not None and text != before:
            return text
        await asyncio.sleep(0.01)
    raise AssertionError(f"{key} is still {before}")


async def same(redis: RedisServer, one: str, other: str) -> str:
    """The text of two keys, once both have the same."""
    for _ in range(1000):
        text = await redis.text(one)
        if text is not None and text == await redis.text(other):
            return text
        await asyncio.sleep(0.01)
    raise AssertionError(f"{one} is another than {other}")


@pytest.mark.parametrize("processes", [1, 2])
async def test_a_request_and_an_open_tunnel_are_use(redis, processes):
    session = str(uuid4())
    last = f"session.{session}.last_access"
    async with raw_app(answering()) as app, beside(redis, processes) as gateway:
        opened = await gateway.open(app.port, session)
        assert await redis.keys() == set()  # opening it is no use yet
        answer = await gateway.get(opened.url + "/", headers={"Cookie": opened.cookie})
        assert answer.status == 200
        await later(redis, last)
        (circuit,) = gateway.gateway.traffic.circuits.find(session)
        assert await later(redis, f"circuit.{circuit.id}.requests") == "1"
        first = await same(redis, last, f"circuit.{circuit.id}.last_access")
        app.script = answering(ACCEPTED)
        async with raw_client(opened.port) as client:
            permit = b"Cookie: " + opened.cookie.encode() + b"\r\n\r\n"
            await client.send(UPGRADE.removesuffix(b"\r\n") + permit)
            await client.head()
            second = await later(redis, last, first)  # nothing is sent, the tunnel is open
            third = await later(redis, last, second)
        assert int(first) < int(second) < int(third)


@pytest.mark.parametrize("processes", [1, 2])
async def test_a_refused_visitor_is_no_use(redis, processes):
    session = str(uuid4())
    async with raw_app(answering()) as app, beside(redis, processes) as gateway:
        opened = await gateway.open(app.port, session)
        assert (await gateway.get(opened.url + "/")).status == 401
        other = await gateway.open(app.port)
        await gateway.get(other.url + "/", headers={"Cookie": other.cookie})
        await later(redis, f"session.{other.session}.last_access")
        assert await redis.text(f"session.{session}.last_access") is None
        assert app.received.count(b"GET ") == 1


async def test_a_page_left_open_is_no_use_where_only_the_user_counts(redis):
    session = str(uuid4())
    last = f"session.{session}.last_access"
    async with raw_app(answering(ACCEPTED)) as app, beside(redis, activity="user") as gateway:
        opened = await gateway.open(app.port, session)
        async with raw_client(opened.port) as client:
            permit = b"Cookie: " + opened.cookie.encode() + b"\r\n\r\n"
            await client.send(UPGRADE.removesuffix(b"\r\n") + permit)
            await client.head()
            first = await later(redis, last)
            (circuit,) = gateway.gateway.traffic.circuits.find(session)
            meter = gateway.gateway.traffic.activity.meters[circuit.id]
            await eventually(lambda: meter.last_open > int(first) + 1, "the other clock to move")
            assert await redis.text(last) == first
            await client.send(b"x")
            assert int(await later(redis, last, first)) > int(first)


@pytest.mark.parametrize("manager", [{"activity": "none"}, {}])
async def test_what_is_not_written(redis, manager):
    """Nothing where it is not wanted; nothing of v1, which the manager counts itself."""
    world = World()
    user = world.add_user(Keypair("AK", "SK"))
    world.add_group("local")
    echo = await Echo().start()
    session = world.add_session("s", "local", "AK", App("sshd", "127.0.0.1", echo.port, "tcp"))
    try:
        async with installation(world) as running, beside(redis, **manager) as gateway:
            conf = {"endpoint": running.endpoint, "access_key": "AK", "secret_key": user.secret_key}
            token = (await gateway.ask("PUT", "/conf", json={**conf, "api_version": "9."})).json
            added = await gateway.get(f"/proxy/{token['token']}/{session.id}/add?app=sshd")
            async with raw_client(added.json["port"]) as client:
                assert (await client.until(b"\n")).endswith(b"echo\r\n")
                if not manager:  # another session's use shows that the telling runs
                    async with raw_app() as app:
                        other = await gateway.open(app.port)
                        await gateway.get(other.url + "/", headers={"Cookie": other.cookie})
                        await later(redis, f"session.{other.session}.last_access")
            assert await redis.text(f"session.{session.id}.last_access") is None
    finally:
        await echo.close()


async def test_traffic_goes_on_without_redis_and_is_told_when_it_is_back(redis):
    async with raw_app(answering()) as app, beside(redis) as gateway:
        opened = await gateway.open(app.port)
        await redis.stop()
        for _ in range(5):
            answer = await gateway.get(opened.url + "/", headers={"Cookie": opened.cookie})
            assert answer.status == 200
        await redis.start()
        assert await later(redis, f"session.{opened.session}.last_access")
        (circuit,) = gateway.gateway.traffic.circuits.find(opened.session)
        assert await later(redis, f"circuit.{circuit.id}.requests") == "5"


async def test_a_gateway_starts_and_ends_without_redis(redis):
    await redis.stop()
    async with raw_app(answering()) as app, beside(redis) as gateway:
        opened = await gateway.open(app.port)
        answer = await gateway.get(opened.url + "/", headers={"Cookie": opened.cookie})
        assert answer.status == 200


async def test_a_session_that_ends_takes_its_connections_along(redis):
    async with raw_app(answering(ACCEPTED)) as app, beside(redis) as gateway:
        opened = await gateway.open(app.port)
        other = await gateway.open(app.port)
        async with raw_client(opened.port) as client:
            permit = b"Cookie: " + opened.cookie.encode() + b"\r\n\r\n"
            await client.send(UPGRADE.removesuffix(b"\r\n") + permit)
            await client.head()
            circuits = gateway.gateway.traffic.circuits
            async with asyncio.timeout(30):
                while circuits.find(opened.session):  # it may not listen yet
                    await redis.ended(b"\x92\xd9\x24" + opened.session.encode() + b"\xa0")
                    await asyncio.sleep(0.02)
            said = await client.end()
            assert said[:1] + said[2:4] == b"\x88\x03\xe9"  # a close frame, 1001
            assert b"session" in said
        with pytest.raises(aiohttp.ClientConnectorError):
            await gateway.get(opened.url + "/")
        assert circuits.find(other.session)
