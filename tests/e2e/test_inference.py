"""Inference endpoints of a whole gateway: from a manager's call to a model's answer."""

import asyncio
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest
from aiohttp import ClientSession, WSMsgType, web
from aiohttp.test_utils import TestServer

from tests.support.apps import answering, eventually, raw_app
from tests.support.models import body, entry, route
from tests.support.node import SECRETS, Node, node, settings
from tests.support.redis import redis_server
from wsproxy.core import jwts
from wsproxy.core.circuit import CloseReason, Direct

SHOWN = {"X-BackendAI-Token": SECRETS["api-secret"], "Accept": "application/json"}


async def put(gateway: Node, endpoint_id: str, *routes: dict[str, Any], **more: Any) -> str:
    answer = await gateway.ask(
        "POST", f"/v2/endpoints/{endpoint_id}", headers=SHOWN, json=body(*routes, **more)
    )
    assert answer.status == 200, answer.body
    return str(answer.json["endpoint"])


async def test_from_the_managers_call_to_the_models_answer():
    """And a look at it through every window that a manager or an operator has."""
    config = settings(gateway={"admin-bind": "127.0.0.1:0"})
    async with raw_app(answering()) as app, node(config) as gateway:
        one = str(uuid4())
        url = await put(gateway, one, route(app.port))
        assert (await gateway.get(url)).status == 401
        minted = await gateway.ask(
            "POST",
            f"/v2/endpoints/{one}/token",
            headers=SHOWN,
            json={"user_uuid": str(uuid4()), "exp": "2099-01-01T00:00:00Z"},
        )
        bearer = {"Authorization": f"Bearer {minted.json['token']}"}
        answer = await gateway.get(url + "/v1/models", headers=bearer)
        assert (answer.status, answer.body) == (200, b"ok")
        claims = jwts.verify(minted.json["token"], SECRETS["jwt-secret"])
        assert claims is not None
        shown = (await gateway.get(f"/api/circuit/{claims['id']}", headers=SHOWN)).json
        assert (shown["app_mode"], shown["endpoint_id"]) == ("inference", one)
        assert [each["kernel_port"] for each in shown["route_info"]] == [app.port]
        assert len(shown["session_ids"]) == 1
        usage = (await gateway.get(f"/api/circuit/{claims['id']}/statistics", headers=SHOWN)).json
        assert usage["ttl"] is None  # never collected
        (health,) = (await gateway.get("/health/endpoints", headers=SHOWN)).json["endpoints"]
        assert (health["endpoint_id"], health["healthy"]) == (one, True)
        assert health["routes"][0]["standing"] == "good"
        metrics = await gateway.get(gateway.gateway.addresses.admin + "/metrics")
        assert b'wsproxy_endpoint_routes{standing="good"} 1.0' in metrics.body
        gone = await gateway.ask("DELETE", f"/v2/endpoints/{one}", headers=SHOWN)
        assert gone.json == {"success": True}
        assert not len(gateway.gateway.traffic.table())


async def test_checks_run_by_themselves_and_are_counted():
    config = settings(gateway={"admin-bind": "127.0.0.1:0"})
    ill = answering(b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n")
    async with raw_app(ill) as app, node(config) as gateway:
        check = {"path": "/health", "interval": 1, "max_retries": 1}
        one = str(uuid4())
        url = await put(gateway, one, route(app.port), open_to_public=True, health_check=check)
        await eventually(lambda: b"GET /health " in app.received, "a check")

        async def metrics() -> bytes:
            return (await gateway.get(gateway.gateway.addresses.admin + "/metrics")).body

        async with asyncio.timeout(30):
            while (await gateway.get(url)).status != 503:
                pass
        assert b'wsproxy_route_checks_total{kind="http",result="bad"}' in await metrics()
        assert b'wsproxy_endpoint_routes{standing="out"} 1.0' in await metrics()


async def test_a_websocket_of_a_model():
    async def echo(request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        assert "Authorization" not in request.headers
        async for message in socket:
            await socket.send_str(message.data + "!")
        return socket

    app = web.Application()
    app.router.add_get("/ws", echo)
    async with TestServer(app) as server, node() as gateway:
        assert server.port is not None
        one = str(uuid4())
        answer = await gateway.ask(
            "POST", "/v2/endpoints/bulk", headers=SHOWN, json={"endpoints": [entry(one)]}
        )
        url = answer.json["endpoints"][0]["url"]
        replaced = await gateway.ask(
            "POST",
            "/v2/endpoints/bulk/routes",
            headers=SHOWN,
            json={"endpoints": [{"deployment_id": one, "routes": [route(server.port)]}]},
        )
        assert replaced.json["endpoints"][0]["success"]
        minted = await gateway.ask(
            "POST",
            f"/v2/endpoints/{one}/token",
            headers=SHOWN,
            json={"user_uuid": str(uuid4()), "exp": 4_000_000_000},
        )
        bearer = {"Authorization": f"BackendAI {minted.json['token']}"}
        async with ClientSession() as session:
            async with session.ws_connect(url + "/ws", headers=bearer) as socket:
                await socket.send_str("hello")
                message = await socket.receive(timeout=20)
                assert (message.type, message.data) == (WSMsgType.TEXT, "hello!")


@pytest.mark.redis
async def test_case_83_with_the_managers_redis_in_the_settings():
    async with redis_server() as redis, raw_app() as app:
        async with node(settings(manager={"redis": redis.url})) as gateway:
            one, told = str(uuid4()), route(app.port)
            await redis.tell_routes(one, told)
            url = await put(gateway, one, version="v2", open_to_public=True)
            async with asyncio.timeout(30):
                while (await gateway.get(url)).status != 200:
                    pass
                while not (health := (await redis.health(told["route_id"]))[0]):
                    pass
            assert health["readiness"] == "1"


async def test_a_gateway_without_v2_has_no_endpoints():
    async with node(settings(v2=None)) as gateway:
        answer = await gateway.ask("POST", f"/v2/endpoints/{uuid4()}", headers=SHOWN, json=body())
        assert answer.status == 404


async def test_sessions_that_end_do_not_take_an_endpoint_with_them():
    """Its id is no session; its sessions come and go with its routes."""
    async with raw_app() as app, node() as gateway:
        one, replica = str(uuid4()), route(app.port)
        url = await put(gateway, one, replica, open_to_public=True)
        circuits = gateway.gateway.traffic.circuits
        await circuits.close_session(replica["session_id"], reason=CloseReason.SESSION_ENDED)
        await gateway.gateway.traffic.collector.sweep()
        assert (await gateway.get(url)).status == 200


async def test_checks_and_probes_go_where_routes_may_lead_only():
    """The address counts when it is connected to, whoever connects."""
    async with raw_app() as app, node(settings(v2={"targets": ["10.0.0.0/8"]})) as gateway:
        one = str(uuid4())
        check = {"path": "/", "interval": 1, "max_retries": 1}
        url = await put(gateway, one, open_to_public=True, health_check=check)
        circuits, checks = gateway.gateway.traffic.circuits, gateway.gateway.traffic.checks
        (endpoint,) = circuits.table.all()
        bad = Direct("localhost", app.port, "r1", "s1")
        await circuits.change(endpoint.id, lambda now: replace(now, routes=(bad,)))
        checks.look()
        await checks.idle()
        assert (await gateway.get(url)).status == 503
        assert not app.links
