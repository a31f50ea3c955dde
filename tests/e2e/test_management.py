"""The management API, health and the admin port of a whole gateway (protocol 6.1 to 6.4)."""

from uuid import uuid4

import pytest

from tests.support.apps import answering, raw_app
from tests.support.node import SECRETS, node, settings
from wsproxy.core import jwts
from wsproxy.core.wire import VERSION_HEADER

SHOWN = {"X-BackendAI-Token": SECRETS["api-secret"]}
GUARDED = [
    "/api/circuits",
    "/api/slots",
    "/v1/api/slots",
    "/api/worker",
    "/v1/api/worker",
    "/health/status",
    "/health/summary",
    "/health/endpoints",
]


@pytest.mark.parametrize("path", GUARDED)
async def test_case_85_the_management_api_wants_the_secret(path):
    bearer = jwts.sign({"any": "claims"}, SECRETS["api-secret"])
    good = [
        SHOWN,
        {"X-BackendAI-Token": f"Bearer {SECRETS['api-secret']}"},
        {"Authorization": f"Bearer {bearer}"},
    ]
    bad = [
        {},
        {"X-BackendAI-Token": "wrong"},
        {"X-BackendAI-Token": "wrong", "Authorization": f"Bearer {bearer}"},
    ]
    async with node() as gateway:
        for headers in good:
            answer = await gateway.get(path, headers=headers)
            assert (answer.status, answer.headers[VERSION_HEADER]) == (200, "v2")
        for headers in bad:
            answer = await gateway.get(path, headers=headers)
            assert answer.status == 401
            assert answer.json["type"].endswith("/auth-failed")


async def test_a_circuit_is_seen_used_and_closed():
    async with raw_app(answering()) as app, node() as gateway:
        opened = await gateway.open(app.port)
        await gateway.get(opened.url + "/x", headers={"Cookie": opened.cookie})
        slots = (await gateway.get("/api/slots", headers=SHOWN)).json["slots"]
        assert [slot["port"] for slot in slots] == [opened.port]
        circuit = slots[0]["circuit_id"]
        known = (await gateway.get(f"/api/circuit/{circuit}/statistics", headers=SHOWN)).json
        assert known["session_ids"] == [opened.session]
        assert known["requests"] == 1
        assert 0 < known["ttl"] <= 3600
        assert known["last_access"] is not None
        assert known["route_info"][0]["kernel_port"] == app.port
        health = (await gateway.get(f"/health/circuits/{circuit}", headers=SHOWN)).json
        assert health["healthy"] is True
        old = (await gateway.get("/v1/api/slots", headers=SHOWN)).json
        assert [row["circuit__session_id"] for row in old] == [opened.session]
        gone = await gateway.ask(
            "DELETE", "/api/circuit/_/bulk", headers=SHOWN, json={"circuit_ids": [circuit]}
        )
        assert gone.json == {"success": True}
        assert (await gateway.get(f"/api/circuit/{circuit}", headers=SHOWN)).status == 404
        with pytest.raises(OSError, match="Connect"):
            await gateway.get(opened.url)


async def test_d11_a_circuit_is_deleted_by_its_id():
    async with raw_app(answering()) as app, node() as gateway:
        for prefix in ("/api/circuit", "/v1/api/circuit"):
            await gateway.open(app.port)
            (slot,) = (await gateway.get("/api/slots", headers=SHOWN)).json["slots"]
            path = f"{prefix}/{slot['circuit_id']}"
            assert (await gateway.ask("DELETE", path, headers=SHOWN)).json == {"success": True}
            assert (await gateway.ask("DELETE", path, headers=SHOWN)).status == 404
        for path in ("/api/circuit/garbage", f"/api/circuit/{uuid4()}"):
            assert (await gateway.ask("DELETE", path, headers=SHOWN)).status == 404


async def test_this_node_is_the_worker_in_both_modes():
    async with node() as gateway:
        (worker,) = (await gateway.get("/api/worker", headers=SHOWN)).json["workers"]
        assert worker["authority"] == gateway.api.removeprefix("http://")
        assert (worker["frontend_mode"], worker["port_range"]) == ("port", [20000, 29999])
        assert (worker["available_slots"], worker["occupied_slots"]) == (10_000, 0)
        assert worker["api_port"] == int(gateway.api.rpartition(":")[2])
        again = await gateway.get(f"/api/worker/{worker['id']}", headers=SHOWN)
        assert again.json == worker
        listed = await gateway.get(
            "/api/slots", params={"wsproxy_host": worker["authority"]}, headers=SHOWN
        )
        assert listed.json == {"slots": []}
    wildcard = {"domain": ".apps.localhost", "domain-bind": "127.0.0.1:0"}
    async with raw_app() as app, node(settings(v2=wildcard)) as gateway:
        await gateway.open_tcp(app.port)
        (worker,) = (await gateway.get("/api/worker", headers=SHOWN)).json["workers"]
        assert (worker["frontend_mode"], worker["available_slots"]) == ("wildcard", -1)
        assert worker["wildcard_domain"] == ".apps.localhost"
        assert worker["wildcard_traffic_port"] == int(
            gateway.gateway.addresses.domain.rpartition(":")[2]
        )
        assert worker["occupied_slots"] == 1  # a raw app has a port of its own, without a name
        assert [slot["frontend_mode"] for slot in worker["slots"]] == ["port"]


async def test_health_needs_no_secret_in_either_dialect():
    for config, version in ((settings(), "v2"), (settings(v2=None), "v1")):
        async with node(config) as gateway:
            for path in ("/health", "/health/livez", "/health/readyz"):
                answer = await gateway.get(path, headers={"Accept": "text/html"})
                assert (answer.status, answer.headers[VERSION_HEADER]) == (200, version)
                assert answer.json["status"] in ("ok", "alive", "ready")


async def test_a_v1_gateway_has_no_management_api():
    async with node(settings(v2=None)) as gateway:
        for path in ("/api/circuits", "/api/slots", "/v1/api/worker"):
            assert (await gateway.get(path, headers={"X-BackendAI-Token": ""})).status == 404
        for headers in ({}, {"X-BackendAI-Token": ""}):
            assert (await gateway.get("/health/summary", headers=headers)).status in (401, 404)


@pytest.mark.parametrize("v2", [True, False])
async def test_the_admin_port_shows_and_closes_circuits_without_a_secret(v2):
    admin = {"admin-bind": "127.0.0.1:0"}
    config = settings(gateway=admin) if v2 else settings(gateway=admin, v2=None)
    async with raw_app(answering()) as app, node(config) as gateway:
        if v2:
            await gateway.open(app.port)
        base = gateway.gateway.addresses.admin
        rows = (await gateway.get(f"{base}/api/circuits")).json["circuits"]
        assert [row["wsproxy_version"] for row in rows] == (["v2"] if v2 else [])
        for row in rows:
            path = f"{base}/api/circuit/{row['id']}"
            foreign = await gateway.ask("DELETE", path, headers={"Host": "evil.example"})
            assert foreign.status == 403
            assert (await gateway.ask("DELETE", path)).json == {"success": True}
        assert (await gateway.get(f"{base}/api/circuits")).json == {"circuits": []}
