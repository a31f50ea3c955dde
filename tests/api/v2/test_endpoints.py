"""The endpoints' API: bad input, addresses, and what it must not do. Cases: ``conformance``."""

import io
import json
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest

from tests.support.apps import answering, raw_app, unused_port
from tests.support.circuits import FakeHost
from tests.support.models import SECRET, Model, body, bulk, call, entry, route
from tests.support.v2 import ACCESS_KEY, API_SECRET, GROUP, KEYS, USER, Wish, v2
from wsproxy.core import permits
from wsproxy.core.circuit import CloseReason, Mode
from wsproxy.core.endpoints import MOST_ROUTES
from wsproxy.core.wire import VERSION_HEADER

FAKE = Wish(ports=(10200, 10201))


def wish(**changes: Any) -> Wish:
    """Nothing is bound: these tests are about words."""
    return replace(FAKE, host=FakeHost(), **changes)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"kernel_port": 0}, "kernel_port"),
        ({"kernel_port": 65536}, "kernel_port"),
        ({"kernel_port": -1}, "kernel_port"),
        ({"kernel_port": True}, "kernel_port"),
        ({"kernel_port": "http"}, "kernel_port"),
        ({"kernel_port": 80.5}, "kernel_port"),
        ({"kernel_port": None}, "kernel_port"),
        ({"kernel_host": "a b"}, "kernel_host"),
        ({"kernel_host": 7}, "kernel_host"),
        ({"kernel_host": "http://127.0.0.1"}, "kernel_host"),
        ({"session_id": "mine"}, "session_id"),
        ({"session_id": None}, "session_id"),
        ({"route_id": "r1"}, "route_id"),
        ({"traffic_ratio": -0.5}, "traffic_ratio"),
        ({"traffic_ratio": True}, "traffic_ratio"),
        ({"traffic_ratio": "all"}, "traffic_ratio"),
        ({"traffic_ratio": 1e300}, "traffic_ratio"),
        ({"protocol": "gopher"}, "protocol"),
    ],
)
async def test_a_wrong_route_is_named_and_changes_nothing(changes, named):
    async with v2(wish()) as gateway:
        model = Model(gateway)
        good = route(8000)
        await model.put(good)
        before = model.circuit
        status, document = await model.call("", body(good, {**route(8001), **changes}))
        assert status == 400
        assert document["type"].endswith("invalid-api-params")
        assert named in document["msg"]
        assert model.circuit == before
        other = {**route(8001), **changes}
        (result,) = await bulk(
            gateway, "/routes/register", {"deployment_id": model.id, "routes": [other]}
        )
        assert not result["success"]
        assert named in result["error"]
        assert model.circuit == before


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"service_name": None}, "service_name"),
        ({"service_name": "x" * 256}, "service_name"),
        ({"open_to_public": "perhaps"}, "open_to_public"),
        ({"open_to_public": None}, "open_to_public"),
        ({"apps": []}, "apps"),
        ({"apps": {"a": {}}}, "apps"),
        ({"apps": None}, "apps"),
        ({"tags": {"session": {"user_uuid": "me"}}}, "user_uuid"),
        ({"tags": []}, "tags"),
        ({"health_check": {"interval": 0}}, "interval"),
        ({"health_check": {"interval": "10"}}, "interval"),
        ({"health_check": {"interval": True}}, "interval"),
        ({"health_check": {"path": "/a b"}}, "path"),
        ({"health_check": {"path": "/\r\nX: 1"}}, "path"),
        ({"health_check": {"max_retries": -1}}, "max_retries"),
        ({"health_check": {"max_retries": 1.5}}, "max_retries"),
        ({"health_check": {"max_wait_time": 1e9}}, "max_wait_time"),
        ({"health_check": {"expected_status_code": 42}}, "expected_status_code"),
        ({"health_check": {"initial_delay": -1}}, "initial_delay"),
        ({"health_check": True}, "health_check"),
    ],
)
async def test_a_wrong_endpoint_is_named(changes, named):
    async with v2(wish()) as gateway:
        model = Model(gateway)
        status, document = await model.call("", {**body(), **changes})
        assert status == 400
        assert named in document["msg"]
        assert not len(gateway.circuits.table)


@pytest.mark.parametrize("raw", [b"{", b"[]", b'"x"', b"\xff", b"[" * 100_000, b"null"])
async def test_a_body_that_is_none(raw):
    async with v2(wish()) as gateway:
        for path in (f"/{uuid4()}", "/bulk", "/bulk/routes", f"/{uuid4()}/token"):
            response, _ = await gateway.ask(
                f"/v2/endpoints{path}", "POST", data=raw, headers={**SECRET}
            )
            assert response.status == 400, path
            assert response.headers[VERSION_HEADER] == "v2"


@pytest.mark.parametrize("name", ["x", "1", "00000000-0000-0000-0000-00000000000g", "%20", "a%0d"])
async def test_an_id_that_is_no_uuid(name):
    async with v2(wish()) as gateway:
        for method, path, document in (
            ("POST", "", body()),
            ("DELETE", "", None),
            ("PUT", "/health-check", {"health_check": None}),
            ("POST", "/token", {"user_uuid": USER, "exp": 2_000_000_000}),
        ):
            status, told = await call(gateway, f"/{name}{path}", document, method)
            assert status == 400
            assert told["type"].endswith("invalid-api-params")


async def test_what_does_not_exist():
    async with v2(wish()) as gateway:
        for method, path in (("GET", f"/{uuid4()}"), ("PUT", "/bulk"), ("GET", "/bulk/routes")):
            assert (await call(gateway, path, None, method))[0] == 405
        assert (await call(gateway, "/bulk/routes/forget", {}))[0] == 404


async def test_unknown_fields_are_ignored():
    async with v2(wish()) as gateway:
        model = Model(gateway)
        more = {**body({**route(8000), "kernel": {"x": 1}}, future=[1]), "tags": {"x": 1}}
        assert (await model.call("", more))[0] == 200
        check = {"health_check": {"path": "/h", "retries": "many"}, "x": 1}
        assert (await model.call("/health-check", check, "PUT"))[0] == 200


async def test_only_the_first_app_counts():
    async with v2(wish()) as gateway:
        model = Model(gateway)
        first, second = route(8000), route(8001)
        apps = {"vllm": [first], "metrics": [second]}
        assert (await model.call("", {**body(), "apps": apps}))[0] == 200
        assert model.circuit.app == "vllm"
        assert len(model.circuit.routes) == 1


async def test_there_is_an_end_to_the_number_of_routes():
    async with v2(wish()) as gateway:
        model = Model(gateway)
        many = [route(8000) for _ in range(MOST_ROUTES)]
        await model.put(*many)
        assert (await model.call("", body(*many, route(8000))))[0] == 400
        (result,) = await bulk(
            gateway, "/routes/register", {"deployment_id": model.id, "routes": [route(8001)]}
        )
        assert str(MOST_ROUTES) in result["error"]
        assert len(model.circuit.routes) == MOST_ROUTES
        assert len(await model.token()) < 4096
        huge = io.BytesIO(json.dumps({"endpoints": ["x" * 1000] * 1100}).encode())
        response, _ = await gateway.ask("/v2/endpoints/bulk", "POST", data=huge, headers=SECRET)
        assert response.status == 413
        assert (await call(gateway, "/bulk", {"endpoints": [1] * 1025}))[0] == 400


@pytest.mark.parametrize(
    "host", ["169.254.169.254", "127.0.0.1", "::1", "localhost", "0x7f000001", "224.0.0.1"]
)
async def test_routes_lead_where_they_may_only(host):
    async with v2(wish(targets=())) as gateway:
        model, other = Model(gateway), Model(gateway)
        good = {**route(8000), "kernel_host": "10.0.0.5"}
        await model.put(good)
        bad = route(8001, host=host)
        status, document = await model.call("", body(good, bad))
        assert status == 403
        assert document["type"].endswith("target-not-allowed")
        await other.put()
        for path in ("/routes", "/routes/register"):
            worse, fine = await bulk(
                gateway,
                path,
                {"deployment_id": model.id, "routes": [bad]},
                {"deployment_id": other.id, "routes": [route(8000, host="10.0.0.6")]},
            )
            assert (worse["success"], fine["success"]) == (False, True)
            assert "may not be the target" in worse["error"]
        assert [one.host for one in model.circuit.routes] == ["10.0.0.5"]  # type: ignore[union-attr]


async def test_a_route_to_the_gateway_itself_goes_in_a_circle():
    async with v2(wish()) as gateway:
        port = int(gateway.base.rpartition(":")[2])
        status, document = await Model(gateway).call("", body(route(port)))
        assert status == 403
        assert "the gateway itself" in document["msg"]


async def test_a_name_that_resolves_later_is_judged_when_it_is_connected_to():
    async with v2(wish()) as gateway:
        await Model(gateway).put(route(80, host="not-yet.invalid"))


# addresses


@pytest.mark.parametrize(
    ("existing", "port"),
    [("http://127.0.0.1:10201", 10201), ("http://127.0.0.1:9", None), (None, None), ("", None)],
)
async def test_an_existing_url_in_port_mode(existing, port):
    async with v2(wish()) as gateway:
        tags = {"endpoint": {"existing_url": existing}}
        url = await Model(gateway).put(tags=tags)
        assert url.startswith("http://127.0.0.1:102")
        assert port is None or url == existing


async def test_an_existing_url_whose_port_another_endpoint_has():
    async with v2(wish()) as gateway:
        tags = {"endpoint": {"existing_url": "http://127.0.0.1:10201"}}
        first, second = Model(gateway), Model(gateway)
        url = await first.put(tags=tags)
        assert await first.put(tags=tags) == url
        status, document = await second.call("", body(tags=tags))
        assert status == 409
        assert document["type"].endswith("port-not-available")


@pytest.mark.parametrize("existing", ["http://127.0.0.1", "10201", "http://"])
async def test_an_existing_url_that_is_none(existing):
    async with v2(wish()) as gateway:
        tags = {"endpoint": {"existing_url": existing}}
        status, document = await Model(gateway).call("", body(tags=tags))
        assert (status, len(gateway.circuits.table)) == (400, 0)
        assert "existing_url" in document["msg"]
        good = Model(gateway)
        bad, fine = await bulk(gateway, "", entry(str(uuid4()), tags=tags), entry(good.id))
        assert (bad["success"], fine["success"]) == (False, True)


async def test_in_wildcard_mode_the_name_is_taken_over():
    domain = Wish(domain=".apps.localhost")
    async with raw_app() as app, v2(domain) as gateway:
        port = gateway.wish.domain and int(
            (await Model(gateway).put()).rpartition(":")[2]
        )  # the domain's own
        tags = {"endpoint": {"existing_url": "https://llm.apps.localhost"}}
        model = Model(gateway)
        url = await model.put(route(app.port), tags=tags)
        assert url == f"http://llm.apps.localhost:{port}"
        at, host = gateway.at(url), {"Host": f"llm.apps.localhost:{port}"}
        assert (await gateway.ask(at, headers=host))[0].status == 401
        headers = {**host, **await model.bearer()}
        assert (await gateway.ask(at, headers=headers))[1] == "ok"
        assert await model.put() == url
        taken = await Model(gateway).put(tags=tags)
        assert taken.startswith("http://llm-")


async def test_no_port_is_left():
    async with v2(wish()) as gateway:
        for _ in range(2):
            await Model(gateway).put()
        status, document = await Model(gateway).call("", body())
        assert status == 503
        assert document["type"].endswith("no-free-port")


async def test_a_listener_that_died_is_made_anew_at_the_same_address():
    host = FakeHost()
    async with v2(replace(FAKE, host=host)) as gateway:
        model = Model(gateway)
        url = await model.put()
        first = model.circuit
        host.dead.add(first.id)
        assert await model.put() == url
        assert model.circuit.id != first.id
        assert (first.id, CloseReason.LISTENER_DIED) in host.closed


@pytest.mark.parametrize("real", [True, False])
async def test_another_transport_keeps_the_address(real):
    async with v2(Wish() if real else wish()) as gateway:
        model = Model(gateway)
        url = await model.put()
        raw = await model.put(route(8000, protocol="grpc"))
        assert raw.partition("://")[2] == url.partition("://")[2]
        assert raw.startswith("grpc://")
        assert len(gateway.circuits.table) == 1


# what only managers may do


@pytest.mark.parametrize("classic", [True, False])
async def test_users_can_neither_see_nor_close_an_endpoint_as_if_it_were_a_session(classic):
    async def gone(session: str) -> bool | None:
        return True

    async with v2(wish(session_gone=gone, classic=classic)) as gateway:
        model = Model(gateway)
        await model.put(route(8000))
        permit = permits.classic(KEYS.permit_secret, USER)
        for key in (f"endpoint:{model.id}", ACCESS_KEY, USER, GROUP):
            for path in ("", f"/delete?permit_key={permit}"):
                document = await gateway.json(f"/v2/proxy/{key}/{model.id}{path}")
                assert document == {"success": False, "code": 404}
        assert model.circuit.mode is Mode.INFERENCE


async def test_the_setup_page_is_not_for_endpoints():
    async with v2(wish()) as gateway:
        model = Model(gateway)
        await model.put()
        for token in (await model.token(), API_SECRET):
            response, _ = await gateway.ask(
                "/setup", params={"token": token}, headers={"Accept": "application/json"}
            )
            assert response.status == 401


async def test_another_users_container_address_is_given_up():
    """Fencing: an address announced for another tenant must not show that tenant's model."""
    async with v2(wish()) as gateway:
        mine, theirs = Model(gateway), Model(gateway)
        moved, stays = route(8000), route(8001)
        await mine.put(moved, stays)
        tags = {"session": {"user_uuid": str(uuid4())}}
        await theirs.put(route(8000), tags=tags)
        assert [one.port for one in mine.circuit.routes] == [8001]  # type: ignore[union-attr]
        await theirs.put(tags=tags)
        again = {"deployment_id": theirs.id, "routes": [route(8001)]}
        assert (await bulk(gateway, "/routes/register", again))[0]["success"]
        assert mine.circuit.routes == ()


async def test_an_endpoint_whose_app_is_down_says_so():
    async with v2() as gateway:
        url = await Model(gateway).put(route(await unused_port()), open_to_public=True)
        response, text = await gateway.ask(url, headers={"Accept": "application/json"})
        assert response.status == 502
        assert "container-connection-refused" in text


async def test_a_dead_replica_is_stepped_over():
    async with raw_app(answering()) as app, v2() as gateway:
        model = Model(gateway)
        dead = route(await unused_port(), traffic_ratio=100.0)
        url = await model.put(route(app.port, traffic_ratio=1.0), dead, open_to_public=True)
        for _ in range(10):
            response, text = await gateway.ask(url, "POST", data=b"x" * 1000)
            assert (response.status, text) == (200, "ok")
