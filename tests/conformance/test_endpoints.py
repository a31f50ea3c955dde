"""Conformance cases 80 to 87: inference endpoints (protocol 6.5, 7.1, 7.4, 11)."""

import asyncio
import random
import time
from collections import Counter
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from tests.support.apps import AppLink, answering, raw_app, raw_client
from tests.support.models import Model, body, bulk, entry, route
from tests.support.v2 import API_SECRET, KEYS, USER, Wish, v2
from wsproxy.core import jwts
from wsproxy.core.endpoints import NO_CIRCUIT
from wsproxy.core.wire import SPEAKER_HEADER, VERSION_HEADER

JSON = {"Accept": "application/json"}


def saying(word: str) -> bytes:
    return f"HTTP/1.1 200 OK\r\nContent-Length: {len(word)}\r\n\r\n{word}".encode()


async def test_case_80_what_opens_an_endpoint_and_what_does_not():
    async with raw_app() as app, v2() as gateway:
        model, other = Model(gateway), Model(gateway)
        url = await model.put(route(app.port))
        await other.put(route(app.port))
        late = await model.token(seconds=1)
        gateway.clock.now += 2
        for field, said in (
            ("", "E20006"),
            ("Basic x", "E20007"),
            (f"Bearer {late}", "E20008"),
            ("Bearer garbage", "E20008"),
            (f"Bearer {API_SECRET}", "E20008"),
            (f"Bearer {await other.token()}", "E20009"),
        ):
            headers = {**JSON, **({"Authorization": field} if field else {})}
            response, text = await gateway.ask(url + "/v1/models", headers=headers)
            assert (response.status, response.content_type) == (401, "application/json")
            assert said in text
            assert response.headers[SPEAKER_HEADER] == "gateway"
            assert response.headers[VERSION_HEADER] == "v2"
        page, html = await gateway.ask(url, headers={"Accept": "text/html"})
        assert (page.status, page.content_type) == (401, "text/html")
        assert "E20006" in html
        assert not app.received
        token = await model.token()
        for scheme in ("BackendAI", "Bearer"):
            headers = {"Authorization": f"{scheme} {token}", "X-Mine": "1"}
            response, text = await gateway.ask(url + "/v1/models?a=1", headers=headers)
            assert (response.status, text) == (200, "ok")
        assert app.received.startswith(b"GET /v1/models?a=1 HTTP/1.1\r\n")
        assert token.encode() not in app.received  # it was for the gateway
        assert b"X-Mine: 1" in app.received


async def test_case_80_a_public_endpoint_needs_no_token_and_keeps_the_apps_own():
    async with raw_app() as app, v2() as gateway:
        url = await Model(gateway).put(route(app.port), open_to_public=True)
        response, _ = await gateway.ask(url, headers={"Authorization": "Bearer of the app"})
        assert response.status == 200
        assert b"Bearer of the app" in app.received


async def test_case_80_a_preflight_reaches_the_app_without_a_token():
    async with raw_app() as app, v2() as gateway:
        url = await Model(gateway).put(route(app.port))
        asks = {"Origin": "https://ui.example", "Access-Control-Request-Method": "POST"}
        response, _ = await gateway.ask(url + "/v1/chat", "OPTIONS", headers=asks)
        assert response.status == 200
        assert app.received.startswith(b"OPTIONS /v1/chat HTTP/1.1\r\n")
        assert b"Access-Control-Request-Method: POST" in app.received


async def test_case_80_websockets_need_the_token_too():
    async def script(link: AppLink) -> None:
        await link.head()
        await link.send(b"HTTP/1.1 101 S\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nhi")
        await link.end()

    upgrade = "GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    async with raw_app(script) as app, v2() as gateway:
        model = Model(gateway)
        await model.put(route(app.port))
        port = model.circuit.port or 0
        async with raw_client(port) as client:
            await client.send(f"{upgrade}\r\n".encode())
            assert b" 401 " in await client.until(b"\r\n")
        assert not app.links
        token = await model.token()
        async with raw_client(port) as client:
            await client.send(f"{upgrade}Authorization: Bearer {token}\r\n\r\n".encode())
            assert b" 101 " in await client.until(b"\r\n\r\nhi")
        assert token.encode() not in app.received


async def test_case_81_all_traffic_goes_where_the_ratio_is():
    async with raw_app(answering(saying("A"))) as one, raw_app() as two, v2() as gateway:
        model = Model(gateway)
        url = await model.put(
            route(one.port, traffic_ratio=1.0), route(two.port, traffic_ratio=0.0)
        )
        headers = await model.bearer()
        seen = {(await gateway.ask(url, headers=headers))[1] for _ in range(40)}
        assert seen == {"A"}
        assert not two.links


@pytest.mark.slow
async def test_case_81_three_to_one_over_four_thousand_requests():
    """On real sockets, one kept connection of the client; drawn anew for each request."""
    wish = Wish(draw=random.Random(3).random)
    async with (
        raw_app(answering(saying("A"))) as one,
        raw_app(answering(saying("B"))) as two,
        v2(wish) as gateway,
    ):
        model = Model(gateway)
        await model.put(
            route(one.port, traffic_ratio=3.0),
            route(two.port, traffic_ratio=1.0),
            open_to_public=True,
        )
        request = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
        counts: Counter[bytes] = Counter()
        async with raw_client(model.circuit.port or 0) as client:
            for _ in range(40):
                await client.send(request * 100)
                counts.update([(await client.answer())[1] for _ in range(100)])
        assert counts.total() == 4000
        assert abs(counts[b"A"] - 3000) <= 150
        assert abs(counts[b"B"] - 1000) <= 50


async def test_case_82_generation_a_replaces_everything_at_one_address():
    async with raw_app(answering(saying("1"))) as one, raw_app() as two, v2() as gateway:
        model = Model(gateway)
        status, document = await model.call("", body(route(one.port)))
        assert status == 200
        url = document["endpoint"]
        assert url == f"http://127.0.0.1:{model.circuit.port}"
        headers = await model.bearer()
        assert (await gateway.ask(url, headers=headers))[1] == "1"
        assert await model.put(route(two.port)) == url
        assert (await gateway.ask(url, headers=headers))[1] == "ok"  # the token still opens it
        assert await model.put() == url
        response, _ = await gateway.ask(url, headers={**headers, **JSON})
        assert response.status == 503
        assert int(response.headers["Retry-After"]) > 0
        assert (await response.json())["type"].endswith("appproxy/worker-not-available")
        assert len(gateway.circuits.find(model.id)) == 1
        assert model.circuit.generation == 3


async def test_case_82_old_routes_have_neither_id_nor_protocol():
    async with raw_app() as app, v2() as gateway:
        model = Model(gateway)
        old = {"session_id": str(uuid4()), "kernel_host": "127.0.0.1", "kernel_port": app.port}
        url = await model.put({**old, "traffic_ratio": 1}, open_to_public=True)
        assert (await gateway.ask(url))[1] == "ok"
        generation = model.circuit.generation
        assert await model.put({**old, "traffic_ratio": 1}, open_to_public=True) == url
        assert model.circuit.generation == generation  # nothing has changed


async def test_case_82_changing_routes_touches_no_connection():
    """A request under way ends as it began, and a tunnel stays, while the routes change."""
    release = asyncio.Event()

    async def slow(link: AppLink) -> None:
        head = await link.head()
        if b"Upgrade" in head:
            await link.send(b"HTTP/1.1 101 S\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n")
            await link.until(b"ping")
            await link.send(b"pong")
            return
        await release.wait()
        await link.send(saying("slow"))

    async with raw_app(slow) as old, raw_app(answering(saying("new"))) as new, v2() as gateway:
        model = Model(gateway)
        url = await model.put(route(old.port), open_to_public=True)
        port = model.circuit.port or 0
        async with raw_client(port) as waiting, raw_client(port) as tunnel:
            await waiting.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            await tunnel.send(
                b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n"
            )
            await tunnel.until(b"\r\n\r\n")
            await old.link(1)
            assert await model.put(route(new.port), open_to_public=True) == url
            assert (await gateway.ask(url))[1] == "new"
            release.set()
            assert (await waiting.until(b"slow")).startswith(b"HTTP/1.1 200")
            await waiting.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            await waiting.until(b"new")  # the same connection of the client goes on
            await tunnel.send(b"ping")
            await tunnel.until(b"pong")


CHECK = {
    "interval": 10.0,
    "path": "/health",
    "max_retries": 3,
    "max_wait_time": 15.0,
    "expected_status_code": 200,
}


@pytest.mark.parametrize(
    ("check", "enabled"),
    [(CHECK, True), (None, False), ({**CHECK, "enable": False}, False), ({"enable": True}, True)],
)
async def test_case_83_generation_b_creates_without_routes(check, enabled):
    async with v2() as gateway:
        model = Model(gateway)
        for _ in range(2):
            status, document = await model.call("", body(version="v2", health_check=check))
            assert status == 200
            assert document == {
                "success": True,
                "endpoint": f"http://127.0.0.1:{model.circuit.port}",
                "health_check_enabled": enabled,
            }
        assert model.circuit.followed
        assert (model.circuit.health_check is not None) is enabled


async def test_case_83_generation_b_again_keeps_the_routes_that_were_told_elsewhere():
    async with raw_app() as app, v2() as gateway:
        model = Model(gateway)
        await model.put(route(app.port), version="v2", open_to_public=True)
        assert len(model.circuit.routes) == 1
        url = await model.put(version="v2", open_to_public=True)
        assert (await gateway.ask(url))[1] == "ok"


async def test_case_83_the_health_check_is_changed_alone():
    async with v2() as gateway:
        model = Model(gateway)
        assert (await model.call("/health-check", {"health_check": CHECK}, "PUT"))[0] == 404
        await model.put()
        status, document = await model.call("/health-check", {"health_check": CHECK}, "PUT")
        assert (status, document) == (200, {"success": True})
        check = model.circuit.health_check
        assert check is not None
        assert check.path == "/health"
        assert (await model.call("/health-check", {"health_check": None}, "PUT"))[0] == 200
        check = model.circuit.health_check
        assert check is None
        assert (await model.call("/health-check", {}, "PUT"))[0] == 400


async def test_case_84_generation_c_in_order_and_with_partial_failure():
    async with v2() as gateway:
        first, second = str(uuid4()), str(uuid4())
        bad = entry(str(uuid4()), service_name=None)
        entries = [entry(first), bad, entry(second, health_check=CHECK), "no object"]
        results = await bulk(gateway, "", *entries)
        assert [one["deployment_id"] for one in results[:3]] == [
            first,
            bad["deployment_id"],
            second,
        ]
        assert [one["success"] for one in results] == [True, False, True, False]
        assert [one["health_check_enabled"] for one in results] == [False, False, True, False]
        assert "service_name" in results[1]["error"]
        assert results[1]["url"] == ""
        urls = [one["url"] for one in results]
        assert urls[0].startswith("http://127.0.0.1:") and urls[0] != urls[2]
        again = await bulk(gateway, "", entry(first, health_check=CHECK), entry(second))
        assert [one["url"] for one in again] == [urls[0], urls[2]]
        assert [one["health_check_enabled"] for one in again] == [True, False]
        assert len(gateway.circuits.table) == 2


async def test_case_84_one_deployment_twice_in_one_call():
    async with v2() as gateway:
        same = str(uuid4())
        one, two = await bulk(gateway, "", entry(same), entry(same.upper()))
        assert one["url"] == two["url"]
        assert len(gateway.circuits.table) == 1


async def test_case_84_old_names_of_fields_are_understood():
    async with v2() as gateway:
        old = entry(str(uuid4()))
        old["endpoint_id"] = old.pop("deployment_id")
        old["tags"]["session"]["group_id"] = old["tags"]["session"].pop("project_id")
        (result,) = await bulk(gateway, "", old)
        assert (result["success"], result["deployment_id"]) == (True, old["endpoint_id"])
        (circuit,) = gateway.circuits.find(old["endpoint_id"])
        assert circuit.project_id == old["tags"]["session"]["group_id"]


async def test_case_84_routes_of_an_unknown_deployment():
    async with v2() as gateway:
        known, unknown = str(uuid4()), str(uuid4())
        await bulk(gateway, "", entry(known))
        some = [route(8000)]
        for path, field, value in (
            ("/routes", "routes", some),
            ("/routes/register", "routes", some),
            ("/routes/unregister", "route_ids", [str(uuid4())]),
        ):
            bad, good = await bulk(
                gateway,
                path,
                {"deployment_id": unknown, field: value},
                {"deployment_id": known, field: value},
            )
            assert (bad["success"], bad["error"]) == (False, NO_CIRCUIT)
            assert bad["deployment_id"] == unknown
            assert (good["success"], good["error"]) == (True, None)
            assert bad.keys() == good.keys()


async def test_case_84_routes_are_replaced_registered_and_unregistered():
    async with (
        raw_app(answering(saying("A"))) as one,
        raw_app(answering(saying("B"))) as two,
        v2() as gateway,
    ):
        model = Model(gateway)
        (created,) = await bulk(gateway, "", entry(model.id, open_to_public=True))
        url = created["url"]
        assert (await gateway.ask(url))[0].status == 503
        a, b = route(one.port), route(two.port)
        del a["session_id"]
        assert not (await bulk(gateway, "/routes", {"deployment_id": model.id, "routes": [a]}))[0][
            "success"
        ]
        a["session_id"] = str(uuid4())
        named = {"deployment_id": model.id}
        (done,) = await bulk(gateway, "/routes", {**named, "routes": [a]})
        assert done == {**named, "success": True, "error": None}
        assert (await gateway.ask(url))[1] == "A"
        (done,) = await bulk(gateway, "/routes/register", {**named, "routes": [a, b]})
        assert done["registered_route_ids"] == [b["route_id"]]
        assert done["already_registered_route_ids"] == [a["route_id"]]
        (done,) = await bulk(gateway, "/routes/register", {**named, "routes": [a, b]})
        assert done["registered_route_ids"] == []
        assert {(await gateway.ask(url))[1] for _ in range(60)} == {"A", "B"}
        absent = str(uuid4())
        (done,) = await bulk(
            gateway, "/routes/unregister", {**named, "route_ids": [a["route_id"], absent]}
        )
        assert done["unregistered_route_ids"] == [a["route_id"]]
        assert done["already_absent_route_ids"] == [absent]
        assert {(await gateway.ask(url))[1] for _ in range(20)} == {"B"}
        (done,) = await bulk(gateway, "/routes", {**named, "routes": []})
        assert done["success"]
        assert (await gateway.ask(url))[0].status == 503


async def test_case_84_deleting_in_bulk_with_a_body():
    async with v2() as gateway:
        model = Model(gateway)
        await bulk(gateway, "", entry(model.id))
        port = model.circuit.port
        unknown = str(uuid4())
        results = await bulk(
            gateway,
            "",
            {"deployment_id": unknown},
            {"deployment_id": "nonsense"},
            {"deployment_id": model.id},
            method="DELETE",
        )
        assert [one["success"] for one in results] == [True, False, True]
        assert [one["deployment_id"] for one in results] == [unknown, "nonsense", model.id]
        assert not len(gateway.circuits.table)
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", port)


async def test_case_85_who_may_call():
    async with v2() as gateway:
        model = Model(gateway)
        signed = jwts.sign({"anything": 1}, API_SECRET)
        forged = jwts.sign({"anything": 1}, "another secret of some length")
        await model.put()
        token = await model.token()
        calls = (
            ("POST", f"/{model.id}"),
            ("DELETE", f"/{uuid4()}"),
            ("PUT", f"/{model.id}/health-check"),
            ("POST", f"/{model.id}/token"),
            ("POST", "/bulk"),
            ("DELETE", "/bulk"),
            ("POST", "/bulk/routes"),
            ("POST", "/bulk/routes/register"),
            ("POST", "/bulk/routes/unregister"),
        )
        for headers, good in (
            ({}, False),
            ({"X-BackendAI-Token": "wrong"}, False),
            ({"X-BackendAI-Token": "wrong", "Authorization": f"Bearer {signed}"}, False),
            ({"Authorization": f"Bearer {forged}"}, False),
            ({"Authorization": f"Bearer {token}"}, False),
            ({"X-BackendAI-Token": API_SECRET}, True),
            ({"X-BackendAI-Token": f"Bearer {API_SECRET}"}, True),
            ({"X-BackendAI-Token": f"BackendAI {API_SECRET}"}, True),
            ({"Authorization": f"Bearer {signed}"}, True),
        ):
            for method, path in calls:
                response, text = await gateway.ask(
                    f"/v2/endpoints{path}", method, json={}, headers={**JSON, **headers}
                )
                assert (response.status != 401) is good, (headers, method, path)
                assert ("auth-failed" in text) is not good
        page, _ = await gateway.ask("/v2/endpoints/bulk", "POST", headers={"Accept": "text/html"})
        assert (page.status, page.content_type) == (401, "text/html")


@pytest.mark.parametrize("text", [False, True])
async def test_case_86_a_token_is_a_jwt_for_the_circuit(text):
    async with v2() as gateway:
        model = Model(gateway)
        url = await model.put(route(8000, host="127.0.0.9"))
        expires = int(gateway.clock.now) + 3600
        told = datetime.fromtimestamp(expires, UTC).isoformat() if text else expires
        status, document = await model.call("/token", {"user_uuid": USER, "exp": told})
        assert status == 200
        claims = jwts.verify(document["token"], KEYS.jwt_secret)
        assert claims is not None
        assert claims["id"] == str(model.circuit.id)
        assert claims["exp"] == expires
        assert (claims["user"], claims["app_url"]) == (USER, url)
        assert claims["endpoint_id"] == model.id
        assert "route_info" not in claims
        assert "127.0.0.9" not in str(claims)


async def test_case_86_no_token_for_the_past_or_for_nobody():
    async with v2() as gateway:
        model = Model(gateway)
        soon = {"user_uuid": USER, "exp": int(gateway.clock.now) + 60}
        assert (await model.call("/token", soon))[0] == 404
        await model.put()
        for changes, said in (
            ({"exp": int(gateway.clock.now)}, "passed"),
            ({"exp": "2001-01-01T00:00:00"}, "passed"),
            ({"exp": "soon"}, "ISO 8601"),
            ({"exp": True}, "ISO 8601"),
            ({"exp": int(time.time() * 1000)}, "unix seconds"),
            ({"exp": None}, "ISO 8601"),
            ({"user_uuid": "me"}, "not a UUID"),
        ):
            status, document = await model.call("/token", {**soon, **changes})
            assert status == 400
            assert said in document["msg"]


async def test_case_87_deleting_twice_succeeds_twice():
    async with raw_app() as app, v2() as gateway:
        model = Model(gateway)
        await model.put(route(app.port))
        token, port = await model.token(), model.circuit.port
        async with raw_client(port or 0) as client:
            await client.send(
                f"GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}\r\n\r\n".encode()
            )
            await client.until(b"ok")
            for _ in range(2):
                status, document = await model.call("", None, "DELETE")
                assert (status, document) == (200, {"success": True})
            assert await client.end() == b""  # its connection ended with it
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", port)
        again = await model.put(route(app.port))  # a new life: the old token is of no use
        headers = {"Authorization": f"Bearer {token}"}
        response, text = await gateway.ask(again, headers=headers)
        assert response.status == 401
        assert "E20009" in text
