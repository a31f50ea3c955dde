"""Every setting of ``[v1]`` in a whole gateway: what the file says is what clients get."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest

from tests.manager.test_stream import connect_proxy
from tests.support import streams
from tests.support.apps import eventually, exchange, raw_client, unused_port
from tests.support.node import Node, node, settings
from tests.support.streams import KEYS, StreamManager, stream_manager
from wsproxy.compat.zoo.keeper import for_ever, living
from wsproxy.sim.installation import installation
from wsproxy.sim.world import Keypair, World

ACCESS, SECRET = next(iter(KEYS.items()))


@contextlib.asynccontextmanager
async def v1(
    rules: Mapping[str, Any] | None = None, **sections: Any
) -> AsyncIterator[tuple[Node, StreamManager]]:
    """A v1 gateway with these rules in ``[v1]``, and a manager with an app that echoes."""
    async with stream_manager() as manager:
        config = settings(v2=None, v1=rules or {}, **sections)
        async with node(config) as gateway:
            yield gateway, manager


async def configured(gateway: Node, manager: StreamManager, **options: Any) -> str:
    conf = {
        "endpoint": manager.url,
        "access_key": ACCESS,
        "secret_key": SECRET,
        "api_version": "9.",
    }
    answer = await gateway.ask("PUT", "/conf", json=conf, **options)
    assert answer.status == 200, answer.body
    return str(answer.json["token"])


async def added(gateway: Node, token: str, app: str = "jupyter", query: str = "") -> Any:
    return (await gateway.get(f"/proxy/{token}/S/add?app={app}{query}")).json


async def echoes(port: int, host: str = "127.0.0.1") -> bool:
    async with raw_client(port, host) as client:
        await client.send(b"x")
        return await client.size(1) == b"x"


async def test_the_defaults():
    async with v1() as (gateway, manager):
        token = await configured(gateway, manager)
        app = await added(gateway, token)
        assert app["proxy"] == f"http://127.0.0.1:{app['port']}"
        assert app["url"] == f"{gateway.api}/redirect?port={app['port']}"
        assert await echoes(app["port"])
        assert await echoes(app["port"], "::1")
        assert manager.signer(manager.requests[0]) == ACCESS
        assert (await gateway.get("/proxy/local/S")).status == 403


async def test_port_pool():
    pool = await unused_port()
    async with v1({"port-pool": str(pool)}) as (gateway, manager):
        token = await configured(gateway, manager)
        assert (await added(gateway, token))["port"] == pool
        assert (await added(gateway, token, "other"))["code"] == 500
        assert (await added(gateway, token, "other", "&port=1"))["code"] == 500
        assert (await gateway.get("/")).json == ["S|jupyter"]


async def test_rate_limit():
    async with v1({"rate-limit": 2}) as (gateway, manager):
        token = await configured(gateway, manager)
        said = [(await gateway.get(f"/proxy/{token}/S")).status for _ in range(3)]
        assert said == [200, 200, 429]


async def test_legacy_tokens():
    async with v1({"legacy-tokens": True}) as (gateway, manager):
        assert await configured(gateway, manager) == "local"
        assert (await gateway.get(f"/proxy/{ACCESS}/S")).json == {"code": 404}


async def test_answers():
    async with v1({"answers": "classic"}) as (gateway, _):
        refused = await gateway.get("/proxy/x/S")
        assert (refused.status, refused.json) == (200, {"code": 403})


async def test_listen_host_and_advertise_host():
    rules = {"listen-host": "127.0.0.2", "advertise-host": "apps.localhost"}
    async with v1(rules) as (gateway, manager):
        app = await added(gateway, await configured(gateway, manager))
        assert app["proxy"] == f"http://apps.localhost:{app['port']}"
        assert await echoes(app["port"], "127.0.0.2")
        with pytest.raises(ConnectionRefusedError):
            await echoes(app["port"])


async def test_http_proxy():
    async with connect_proxy() as (url, lines), v1({"http-proxy": url}) as (gateway, manager):
        app = await added(gateway, await configured(gateway, manager))
        assert await echoes(app["port"])
        assert lines == [f"CONNECT {manager.url.removeprefix('http://')} HTTP/1.1"]


async def test_remote():
    through = {"X-Forwarded-For": "10.1.2.3"}
    async with v1() as (gateway, _):
        assert (await gateway.ask("PUT", "/conf", headers=through)).status == 403
    async with v1({"remote": True}) as (gateway, manager):
        conf = {"endpoint": manager.url}
        refused = await gateway.ask("PUT", "/conf", json=conf, headers=through)
        assert (refused.status, refused.json["code"]) == (403, 403)
    async with stream_manager() as manager:
        sections = {"manager": {"endpoint": manager.url}}
        async with v1({"remote": True}, **sections) as (gateway, _):
            token = await configured(gateway, manager, headers=through)
            app = await added(gateway, token)
            assert await echoes(app["port"])


async def test_allowed_origins_and_hosts_of_the_gateway():
    ui = {"Origin": "https://ui.example"}
    async with v1() as (gateway, _):
        assert (await gateway.ask("PUT", "/conf", headers=ui)).status == 403
        foreign = await gateway.get("/", headers={"Host": "gw.example"})
        assert (foreign.status, foreign.json["type"].rpartition("/")[2]) == (
            403,
            "host-not-allowed",
        )
    sections = {"gateway": {"allowed-origins": ["https://ui.example"], "hosts": ["gw.example"]}}
    async with v1(**sections) as (gateway, manager):
        assert await configured(gateway, manager, headers=ui)
        assert (await gateway.get("/", headers={"Host": "gw.example"})).status == 200


async def test_a_session_that_the_manager_does_not_know_goes():
    async with v1() as (gateway, manager):
        manager.script(streams.status(404))
        app = await added(gateway, await configured(gateway, manager))
        async with raw_client(app["port"]) as client:
            await client.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            assert b" 503 " in await client.end()
        table = gateway.gateway.traffic.table
        await eventually(lambda: not len(table()), "the circuit has gone")


async def test_a_drain_says_goodbye_to_the_manager():
    async with v1() as (gateway, manager):
        app = await added(gateway, await configured(gateway, manager))
        async with raw_client(app["port"]) as client:
            await client.send(b"x")
            await client.size(1)
            await gateway.gateway.drain()
            assert await client.end() == b""
        await manager.ended.acquire()
        assert manager.close_codes == [1000]


@pytest.mark.parametrize("how", ["cookie", "header"])
async def test_an_older_webui_with_a_login_session_closes_by_its_access_key(how):
    """It knows no token, and the gateway no key: the web server tells whose login it is (P 2.8)."""
    world = World()
    user, other = Keypair("AKIAUSER", "s" * 16), Keypair("AKIAOTHER", "t" * 16)
    for one in (user, other):
        world.add_user(one)
    async with installation(world) as running, v1({"legacy-tokens": True}) as (gateway, _):
        conf = {
            "endpoint": running.webserver,
            "mode": "SESSION",
            "auth_mode": how,
            "session": world.log_in(user.access_key),
            "api_version": "9.",
        }
        assert (await gateway.ask("PUT", "/conf", json=conf)).json == {"token": "local"}
        await added(gateway, "local")
        for stranger in (other.access_key, "text"):
            assert (await gateway.get(f"/proxy/{stranger}/S")).status == 403
        assert (await gateway.get(f"/proxy/{user.access_key}/S")).json == {"code": 200}
        closed = await gateway.get(f"/proxy/{user.access_key}/S/delete")
        assert closed.json == {"code": 200}
        assert (await gateway.get("/")).json == []


async def test_a_web_server_that_is_silent_does_not_hold_up_an_older_webui():
    async with v1({"legacy-tokens": True}) as (gateway, _), living(_silent) as port:
        conf = {"endpoint": f"http://127.0.0.1:{port}", "mode": "SESSION", "session": "s"}
        await gateway.ask("PUT", "/conf", json=conf)
        started = asyncio.get_running_loop().time()
        assert (await gateway.get("/proxy/AKIAUSER/S")).status == 403
        assert asyncio.get_running_loop().time() - started < 5.0  # the WebUI waits; it asks 1 s


async def _silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await for_ever()


async def status_on_a_new_connection(gateway: Node) -> bytes:
    port = int(gateway.api.rpartition(":")[2])
    return (await exchange(port, b"GET /status HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n")).split()[1]


async def test_bug_apps_used_up_the_connections_of_the_api():
    """A client that ends leaves its tunnel some seconds; on loopback all have one address."""
    async with v1({}, limits={"connections-per-client": 2}) as (gateway, manager):
        port = (await added(gateway, await configured(gateway, manager)))["port"]
        async with contextlib.AsyncExitStack() as clients:
            for _ in range(4):
                client = await clients.enter_async_context(raw_client(port))
                await client.send(b"x")
                assert await client.size(1) == b"x"
            assert await status_on_a_new_connection(gateway) == b"200"


async def test_other_machines_have_a_limit_for_apps_and_it_is_not_the_apis():
    async with stream_manager() as manager:
        sections = {
            "manager": {"endpoint": manager.url},
            "limits": {"connections-per-client": 2},
        }
        async with v1({"remote": True}, **sections) as (gateway, _):
            port = (await added(gateway, await configured(gateway, manager)))["port"]
            async with contextlib.AsyncExitStack() as clients:
                for _ in range(2):
                    client = await clients.enter_async_context(raw_client(port))
                    await client.send(b"x")
                    assert await client.size(1) == b"x"
                third = await clients.enter_async_context(raw_client(port))
                assert await third.end() == b""
                assert await status_on_a_new_connection(gateway) == b"200"
