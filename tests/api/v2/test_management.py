"""Circuits, slots and workers over HTTP (protocol 6.1 to 6.3)."""

from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from tests.support.circuits import PORTS, SESSION, want
from tests.support.management import NODE, SECRET, Managed, managed
from wsproxy.api.v2 import management
from wsproxy.core import jwts
from wsproxy.core.circuit import CloseReason
from wsproxy.core.meter import Meter
from wsproxy.core.slots import LabelSlot, ListedSlot, PortSlot
from wsproxy.core.wire import Version

V1 = want("v1app", version=Version.V1, slot=ListedSlot("127.0.0.1", (0,)))
UNKNOWN = UUID("5b7843e6-c3b9-469b-9fa3-d39a57e71b74")


@pytest.fixture
async def node():
    async with managed() as node:
        yield node


async def test_a_circuit_is_shown(node):
    circuit = await node.open(want(envs=(("A", "1"),), allowed_client_ips=("10.0.0.0/8", "::1")))
    status, shown = await node.ask("GET", f"/api/circuit/{circuit.id}")

    assert status == 200
    assert shown["id"] == str(circuit.id)
    assert shown["port"] == circuit.port
    assert shown["worker"] == str(NODE.id)
    assert shown["envs"] == {"A": "1"}
    assert shown["allowed_client_ips"] == "10.0.0.0/8,::1"
    assert shown["session_ids"] == [SESSION]


async def test_its_statistics(node):
    circuit = await node.open(want())
    node.meters[circuit.id] = Meter(
        requests=7, connections=0, bytes_in=10, bytes_out=20, last_open=node.now[0] - 30
    )
    node.now[0] += 10
    status, shown = await node.ask("GET", f"/api/circuit/{circuit.id}/statistics")

    assert status == 200
    assert (shown["requests"], shown["bytes_in"], shown["bytes_out"]) == (7, 10, 20)
    assert shown["last_access"] == 1_799_999_970_000
    assert shown["ttl"] == 90  # opening it was its last use


async def test_statistics_of_a_circuit_that_nobody_used(node):
    circuit = await node.open(want())
    shown = (await node.ask("GET", f"/api/circuit/{circuit.id}/statistics"))[1]

    assert (shown["requests"], shown["connections"], shown["last_access"]) == (0, 0, None)
    assert shown["ttl"] == 100


async def test_the_listing_has_both_versions_oldest_first(node):
    first = await node.open(V1)
    node.now[0] += 1
    second = await node.open(want())
    status, document = await node.ask("GET", "/api/circuits")

    assert status == 200
    rows = document["circuits"]
    assert [(row["id"], row["wsproxy_version"]) for row in rows] == [
        (str(first.id), "v1"),
        (str(second.id), "v2"),
    ]
    assert rows[0]["ttl"] is None


@pytest.mark.parametrize("prefix", ["/api/circuit", "/v1/api/circuit"])
async def test_deleting_a_circuit(node, prefix):
    circuit = await node.open(want())

    assert await node.ask("DELETE", f"{prefix}/{circuit.id}") == (200, {"success": True})
    assert (await node.ask("DELETE", f"{prefix}/{circuit.id}"))[0] == 404
    assert node.host.closed == [(circuit.id, CloseReason.REQUESTED)]


@pytest.mark.parametrize("text", [str(UNKNOWN), "x", "a" * 36, f"{{{UNKNOWN}}}", "%00", "1"])
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/circuit/{}"),
        ("DELETE", "/api/circuit/{}"),
        ("DELETE", "/v1/api/circuit/{}"),
        ("GET", "/api/circuit/{}/statistics"),
        ("GET", "/health/circuits/{}"),
        ("GET", "/api/worker/{}"),
        ("GET", "/api/worker/{}/circuits"),
    ],
)
async def test_an_unknown_or_malformed_id_is_404(node, method, path, text):
    status, problem = await node.ask(method, path.format(text))

    assert status == 404
    assert problem["type"].endswith("-not-found")


@pytest.mark.parametrize("form", ["body list", "body text", "query"])
async def test_deleting_several(node, form):
    gone = [(await node.open(want(f"app{n}"))).id for n in range(2)]
    kept = await node.open(want("kept"))
    ids = [str(one) for one in (*gone, UNKNOWN)]
    forms: dict[str, dict[str, Any]] = {
        "body list": {"json": {"circuit_ids": ids}},
        "body text": {"json": {"circuit_ids": ", ".join(ids)}},
        "query": {"params": {"circuit_ids": ",".join(ids)}},
    }
    options = forms[form]

    assert await node.ask("DELETE", "/api/circuit/_/bulk", **options) == (200, {"success": True})
    assert node.circuits.table.all() == (kept,)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"json": {}},
        {"json": {"circuit_ids": ["x"]}},
        {"json": {"circuit_ids": 5}},
        {"json": []},
        {"params": {"circuit_ids": "x,y"}},
        {"data": b"{"},
    ],
)
async def test_a_bad_list_is_400_and_deletes_nothing(node, options):
    await node.open(want())
    status, problem = await node.ask("DELETE", "/api/circuit/_/bulk", **options)

    assert status == 400
    assert problem["type"].endswith("invalid-api-params")
    assert len(node.circuits.table) == 1


async def test_slots_in_use_and_free(node):
    circuit = await node.open(want(slot=PortSlot("127.0.0.1", PORTS, 10201)))
    await node.open(V1)
    used = await node.ask("GET", "/api/slots", params={"wsproxy_host": NODE.authority})
    free = await node.ask("GET", "/api/slots", params={"in_use": "false"})

    assert used == (
        200,
        {
            "slots": [
                {
                    "frontend_mode": "port",
                    "in_use": True,
                    "port": 10201,
                    "subdomain": None,
                    "circuit_id": str(circuit.id),
                }
            ]
        },
    )
    assert [slot["port"] for slot in free[1]["slots"]] == [10200, 10202]
    assert (await node.ask("GET", "/api/slots", params={"wsproxy_host": "x"}))[0] == 404
    status, problem = await node.ask("GET", "/api/slots", params={"in_use": "perhaps"})
    assert status == 400
    assert "in_use" in problem["msg"]


async def test_the_old_lists(node):
    circuit = await node.open(want(open_to_public=True))
    slots = (await node.ask("GET", "/v1/api/slots"))[1]
    workers = (await node.ask("GET", "/v1/api/worker"))[1]

    assert [(slot["port"], slot["circuit__app"]) for slot in slots] == [(circuit.port, "jupyter")]
    assert slots[0]["circuit__open_to_public"] is True
    assert workers[0]["ports_in_use"] == [circuit.port]
    assert (workers[0]["min_range"], workers[0]["max_range"]) == (10200, 10202)


async def test_this_node_is_the_one_worker(node):
    circuit = await node.open(want())
    status, document = await node.ask("GET", "/api/worker")
    (worker,) = document["workers"]

    assert status == 200
    assert (worker["available_slots"], worker["occupied_slots"]) == (2, 1)
    assert (await node.ask("GET", f"/api/worker/{NODE.id}"))[1] == worker
    held = (await node.ask("GET", f"/api/worker/{NODE.id}/circuits"))[1]["circuits"]
    assert [row["id"] for row in held] == [str(circuit.id)]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PUT", "/api/worker"),
        ("PATCH", f"/api/worker/{NODE.id}"),
        ("DELETE", f"/api/worker/{NODE.id}"),
    ],
)
async def test_workers_cannot_be_changed(node, method, path):
    status, problem = await node.ask(method, path, json={"authority": "x"})

    assert status == 501
    assert problem["type"].endswith("not-implemented")
    assert "one" in problem["msg"]


async def test_wildcard_mode():
    facts = replace(NODE, ports=(), domain=".apps.example", traffic_port=443, tls=True)
    async with managed(facts) as node:
        circuit = await node.open(want(slot=LabelSlot("x")))
        used = (await node.ask("GET", "/api/slots"))[1]["slots"]
        free = (await node.ask("GET", "/api/slots", params={"in_use": "no"}))[1]["slots"]
        (worker,) = (await node.ask("GET", "/api/worker"))[1]["workers"]
        (old,) = (await node.ask("GET", "/v1/api/worker"))[1]

        assert [(slot["subdomain"], slot["circuit_id"]) for slot in used] == [
            ("x", str(circuit.id))
        ]
        assert free == []
        assert (worker["available_slots"], worker["port_range"]) == (-1, None)
        assert old["total_slots"] == -1
        assert old["endpoint"] == "https://gateway.example:5050"


# who may


GUARDED = [
    ("GET", "/api/circuits"),
    ("GET", f"/api/circuit/{UNKNOWN}"),
    ("DELETE", f"/api/circuit/{UNKNOWN}"),
    ("GET", f"/api/circuit/{UNKNOWN}/statistics"),
    ("DELETE", "/api/circuit/_/bulk"),
    ("DELETE", f"/v1/api/circuit/{UNKNOWN}"),
    ("GET", "/api/slots"),
    ("GET", "/v1/api/slots"),
    ("GET", "/api/worker"),
    ("PUT", "/api/worker"),
    ("GET", f"/api/worker/{UNKNOWN}"),
    ("PATCH", f"/api/worker/{UNKNOWN}"),
    ("DELETE", f"/api/worker/{UNKNOWN}"),
    ("GET", f"/api/worker/{UNKNOWN}/circuits"),
    ("GET", "/v1/api/worker"),
    ("GET", "/health/status"),
    ("GET", "/health/summary"),
    ("GET", "/health/endpoints"),
    ("GET", f"/health/circuits/{UNKNOWN}"),
]


def bearer(secret: str = SECRET, **claims: object) -> dict[str, str]:
    return {"Authorization": "Bearer " + jwts.sign(claims, secret)}


async def raw(node: Managed, method: str, path: str, headers: dict[str, str]) -> int:
    async with node.client.request(method, path, headers=headers) as response:
        return response.status


@pytest.mark.parametrize(("method", "path"), GUARDED)
async def test_nothing_is_told_without_the_secret(node, method, path):
    circuit = await node.open(want())
    path = path.replace(str(UNKNOWN), str(circuit.id))

    assert await raw(node, method, path, {}) == 401
    assert await raw(node, method, path, {"X-BackendAI-Token": "wrong"}) == 401
    assert await raw(node, method, path, {"X-BackendAI-Token": "wrong"} | bearer()) == 401
    assert await raw(node, method, path, {"Authorization": f"Bearer {SECRET}"}) == 401
    assert await raw(node, method, path, {"Authorization": "garbage"}) == 401
    assert node.circuits.table.all() == (circuit,)


@pytest.mark.parametrize(
    "headers",
    [
        {"X-BackendAI-Token": SECRET},
        {"X-BackendAI-Token": f"Bearer {SECRET}"},
        {"X-BackendAI-Token": f"BackendAI {SECRET}"},
        bearer(),
        bearer(sub="anything"),
    ],
)
async def test_the_secret_in_each_form_opens(node, headers):
    assert await raw(node, "GET", "/api/circuits", headers) == 200


@pytest.mark.parametrize(
    "headers", [bearer(exp=1), bearer(aud="wsproxy:setup"), bearer("another secret of length")]
)
async def test_a_token_of_another_time_purpose_or_secret_does_not(node, headers):
    assert await raw(node, "GET", "/api/circuits", headers) == 401


async def test_the_admin_port_lists_and_closes_without_a_secret_but_for_no_web_page():
    async with managed(endpoints=lambda one: management.admin_endpoints(_part(one))) as node:
        circuit = await node.open(want())
        async with node.client.get("/api/circuits", headers={"Origin": "http://x"}) as response:
            assert [row["id"] for row in (await response.json())["circuits"]] == [str(circuit.id)]
            assert "Access-Control-Allow-Origin" not in response.headers
        assert await raw(node, "GET", "/api/circuits", {"Host": "evil.example"}) == 403
        assert await raw(node, "DELETE", f"/api/circuit/{circuit.id}", {}) == 200
        assert node.circuits.table.all() == ()


def _part(one: Managed) -> management.ManagementPart:
    return management.ManagementPart(NODE, one.circuits, one.collector, one.meters.get)


async def test_deleting_while_the_store_is_away(node):
    circuit = await node.open(want())
    node.store.down = True

    assert await node.ask("DELETE", f"/api/circuit/{circuit.id}") == (200, {"success": True})
    assert node.host.bound == {}
    assert UUID(str(circuit.id)) not in node.circuits.table
