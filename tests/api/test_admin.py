"""The admin port, through the real application."""

from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

from wsproxy.api.admin import endpoints
from wsproxy.api.cross_origin import CrossOriginRules
from wsproxy.api.server import ApiPolicy, build
from wsproxy.core.cors import Origins
from wsproxy.core.wire import Version
from wsproxy.observe.metrics import Metrics

HEALTH: dict[str, Any] = {"ok": True, "circuits": 2}


@pytest.fixture
async def client():
    metrics = Metrics()
    metrics.tunnel("v1")
    rules = CrossOriginRules(Origins(), Origins())
    policy = ApiPolicy(Version.V1, rules, lambda host, insists: True)
    app = build(endpoints(metrics.text, lambda: HEALTH), policy)
    async with TestClient(TestServer(app)) as client:
        yield client


async def test_metrics_for_prometheus(client):
    async with client.get("/metrics", headers={"Origin": "http://localhost"}) as response:
        assert response.status == 200
        assert response.headers["Content-Type"].startswith("text/plain")
        assert 'wsproxy_tunnels_total{version="v1"} 1.0' in await response.text()
        assert "Access-Control-Allow-Origin" not in response.headers


@pytest.mark.parametrize(("ok", "status"), [(True, 200), (False, 503)])
async def test_health_in_detail(client, monkeypatch, ok, status):
    monkeypatch.setitem(HEALTH, "ok", ok)
    async with client.get("/health") as response:
        assert response.status == status
        assert await response.json() == {"ok": ok, "circuits": 2}
