"""Inference endpoints as managers of each age create and change them, for tests."""

from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from tests.support.v2 import API_SECRET, GROUP, USER, V2
from wsproxy.core.circuit import Circuit

SECRET = {"X-BackendAI-Token": API_SECRET}


def route(port: int, *, host: str = "127.0.0.1", **more: Any) -> dict[str, Any]:
    """One replica; every call is another container."""
    return {
        "session_id": str(uuid4()),
        "route_id": str(uuid4()),
        "kernel_host": host,
        "kernel_port": port,
        **more,
    }


def body(*routes: dict[str, Any], app: str = "vllm", **more: Any) -> dict[str, Any]:
    """Generation A: everything, each time."""
    return {
        "service_name": "my-model",
        "tags": {
            "session": {"user_uuid": USER, "group_id": GROUP, "domain_name": "default"},
            "endpoint": {"id": str(uuid4()), "existing_url": None},
        },
        "apps": {app: list(routes)} if routes else {},
        "open_to_public": False,
        **more,
    }


def entry(deployment_id: str, **more: Any) -> dict[str, Any]:
    """Generation C: one entry of the bulk creation."""
    return {
        "deployment_id": deployment_id,
        "version": "v2",
        "service_name": "my-model",
        "tags": {
            "session": {"user_uuid": USER, "project_id": GROUP, "domain_name": "default"},
            "endpoint": {"id": deployment_id, "runtime_variant": "vllm", "existing_url": None},
        },
        "open_to_public": False,
        "health_check": None,
        **more,
    }


@dataclass(slots=True)
class Model:
    """One endpoint, as its manager sees it."""

    gateway: V2
    id: str = field(default_factory=lambda: str(uuid4()))

    async def call(
        self, path: str = "", document: Any = None, method: str = "POST"
    ) -> tuple[int, Any]:
        """One call about it; status and document."""
        return await call(self.gateway, f"/{self.id}{path}", document, method)

    async def put(self, *routes: dict[str, Any], **more: Any) -> str:
        """Create or replace; the URL."""
        status, document = await self.call("", body(*routes, **more))
        assert status == 200, document
        return str(document["endpoint"])

    async def token(self, seconds: int = 60) -> str:
        """A token that opens it for a while."""
        expires = int(self.gateway.clock.now) + seconds
        status, document = await self.call("/token", {"user_uuid": USER, "exp": expires})
        assert status == 200, document
        return str(document["token"])

    async def bearer(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {await self.token()}"}

    @property
    def circuit(self) -> Circuit:
        (found,) = self.gateway.circuits.find(self.id)
        return found


async def call(
    gateway: V2, path: str, document: Any = None, method: str = "POST", **headers: str
) -> tuple[int, Any]:
    """One call of the endpoints' API, with the secret unless ``headers`` say otherwise."""
    sent = {**SECRET, "Accept": "application/json", **headers}
    response, _ = await gateway.ask(f"/v2/endpoints{path}", method, json=document, headers=sent)
    return response.status, await response.json()


async def bulk(gateway: V2, path: str, *entries: Any, method: str = "POST") -> list[Any]:
    """A bulk call, which always succeeds as a whole; the results."""
    status, document = await call(gateway, f"/bulk{path}", {"endpoints": list(entries)}, method)
    assert status == 200, document
    results: list[Any] = document["endpoints"]
    assert len(results) == len(entries)
    return results
