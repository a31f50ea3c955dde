"""No route leads to the gateway itself, whatever was announced before (design 9, Targets)."""

import asyncio
from uuid import uuid4

import pytest

from tests.support.apps import unused_port
from tests.support.node import node, settings
from wsproxy.data.connections import Connections


@pytest.mark.parametrize("which", ["api", "admin", "domain"])
async def test_a_listener_of_ours_is_no_target_even_if_the_system_chose_its_port(which):
    config = settings(
        gateway={"admin-bind": "127.0.0.1:0"},
        v2={"domain": ".apps.localhost", "domain-bind": "127.0.0.1:0"},
    )
    async with node(config) as gateway:
        port = int(getattr(gateway.gateway.addresses, which).rpartition(":")[2])
        body = {"kernel_host": "127.0.0.1", "kernel_port": port}
        answer = await gateway.ask("POST", "/v2/conf", json=body)
        assert answer.status == 403
        assert answer.json["type"].endswith("/target-not-allowed")


async def test_a_circuit_that_would_lead_to_itself_does_not():
    """The port is free when it is announced, and the circuit's own when it is used."""
    port = await unused_port()
    async with node(settings(v2={"ports": f"{port}-{port}"})) as gateway:
        opened = await gateway.open(port)
        assert opened.port == port
        answer = await gateway.get(opened.url, headers={"Cookie": opened.cookie})
        assert answer.status == 403
        assert b"target-not-allowed" in answer.body


async def test_a_public_raw_circuit_does_not_connect_to_itself_without_end(monkeypatch):
    arrivals: list[str] = []
    arrived = Connections.arrived

    def counting(self: Connections, address: str) -> int:
        arrivals.append(address)
        return arrived(self, address)

    port = await unused_port()
    async with node(settings(v2={"ports": f"{port}-{port}"})) as gateway:
        monkeypatch.setattr(Connections, "arrived", counting)
        host, own = await gateway.open_tcp(port, str(uuid4()), open_to_public="true")
        arrivals.clear()
        reader, writer = await asyncio.open_connection(host, own)
        try:
            assert await asyncio.wait_for(reader.read(), 10) == b""
        finally:
            writer.close()
    assert arrivals == ["127.0.0.1"]
