"""Health (protocol 6.4)."""

import pytest

from tests.support.apps import eventually
from tests.support.circuits import want
from tests.support.management import managed
from wsproxy import __version__
from wsproxy.core.circuit import Mode
from wsproxy.core.slots import ListedSlot
from wsproxy.core.wire import Version

PUBLIC = ["/health", "/health/livez", "/health/readyz"]


@pytest.fixture
async def node():
    async with managed() as node:
        yield node


@pytest.mark.parametrize("path", PUBLIC)
@pytest.mark.parametrize("accept", ["text/html", "*/*", "application/json"])
async def test_the_public_ones_need_no_secret_and_are_json(node, path, accept):
    async with node.client.get(path, headers={"Accept": accept}) as response:
        assert response.status == 200
        assert response.content_type == "application/json"
        assert response.headers["X-BackendAI-Wsproxy-Version"] == "v1"  # what /status says


async def test_a_healthy_gateway(node):
    document = (await node.ask("GET", "/health"))[1]

    assert (document["status"], document["version"]) == ("ok", __version__)
    assert document["component"] == "appproxy-coordinator"
    assert document["connectivity"]["overall_healthy"] is True


async def test_a_store_that_is_away_degrades_but_serves_on(node):
    node.store.down = True
    await eventually(lambda: node.feed.degraded)
    status, document = await node.ask("GET", "/health")

    assert (status, document["status"]) == (200, "degraded")
    assert document["connectivity"]["overall_healthy"] is False
    assert (await node.ask("GET", "/health/readyz"))[0] == 200  # one snapshot was read
    assert (await node.ask("GET", "/health/summary"))[1]["status"] == "degraded"


async def test_not_ready_while_it_drains(node):
    node.draining = True
    status, document = await node.ask("GET", "/health/readyz")

    assert (status, document) == (503, {"status": "not-ready"})
    assert (await node.ask("GET", "/health/livez"))[0] == 200


async def test_status_names_the_worker(node):
    await node.open(want())
    assert (await node.ask("GET", "/health/status"))[1] == {
        "coordinator_version": __version__,
        "appproxy_api_version": "v2",
        "workers": [
            {
                "authority": "gateway.example:5050",
                "available_slots": 2,
                "occupied_slots": 1,
                "ha_setup": False,
            }
        ],
    }


async def test_a_container_that_cannot_be_connected_is_seen(node):
    good = await node.open(want("good"))
    bad = await node.open(want("bad"))
    v1 = want("v1", version=Version.V1, slot=ListedSlot("127.0.0.1", (0,)))
    await node.open(v1)
    node.collector.connect_failed(bad.id)
    summary = (await node.ask("GET", "/health/summary"))[1]

    assert (summary["circuits"], summary["healthy"], summary["failing"]) == (3, 2, 1)
    assert summary["by_version"] == {"v1": 1, "v2": 2}
    assert (await node.ask("GET", f"/health/circuits/{good.id}"))[1]["healthy"] is True
    shown = (await node.ask("GET", f"/health/circuits/{bad.id}"))[1]
    assert (shown["healthy"], shown["failed_connections"]) == (False, 1)
    assert shown["failing_since"] == "2027-01-15T08:00:00+00:00"


async def test_endpoints_are_the_inference_circuits(node):
    await node.open(want("interactive"))
    model = await node.open(want("model", mode=Mode.INFERENCE, endpoint_id="e1"))
    found = (await node.ask("GET", "/health/endpoints"))[1]["endpoints"]

    assert [(row["endpoint_id"], row["circuit_id"]) for row in found] == [("e1", str(model.id))]
