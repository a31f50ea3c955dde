"""Front mode: the gateway before a manager or a web server, which must not notice."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime

import aiohttp
import pytest

from tests.support.apps import (
    AppLink,
    RawApp,
    answering,
    eventually,
    raw_app,
    raw_client,
    unused_port,
)
from tests.support.node import SECRETS, Node, node, settings
from wsproxy.core.configuration import Configuration, Mode
from wsproxy.core.streamfields import stream_fields
from wsproxy.core.wire import SPEAKER_HEADER, VERSION_HEADER
from wsproxy.manager.requests import ManagerClient, Said
from wsproxy.sim.echo import Echo
from wsproxy.sim.installation import Installation, installation
from wsproxy.sim.traits import Era
from wsproxy.sim.world import App, Keypair, Session, World

USER = Keypair("AKIAUSER", "secret-of-the-user")


@dataclass(slots=True)
class Front:
    """An installation, the gateway before its manager, and a client that talks to the gateway."""

    node: Node
    installation: Installation
    session: Session
    client: ManagerClient
    app: RawApp


def _front(endpoint: str, policy: str = "fallback", **groups: dict[str, str]):
    return settings(
        manager={"endpoint": endpoint, "forward": True},
        policy={"on-invalid-address": policy},
        groups=groups,
        v2={**SECRETS},
    )


@contextlib.asynccontextmanager
async def front(era: Era = Era.M26_8, **options) -> AsyncIterator[Front]:
    world = World()
    world.add_user(USER)
    world.add_group("local")
    world.add_group("broken", f"http://127.0.0.1:{await unused_port()}")
    async with raw_app(answering()) as app:
        echo = await Echo().start()
        apps = (App("jupyter", app.host, app.port), App("sshd", "127.0.0.1", echo.port, "tcp"))
        session = world.add_session("work", "local", USER.access_key, *apps)
        try:
            async with installation(world, era) as running:
                async with node(_front(running.endpoint, **options)) as gateway_node:
                    who = Configuration(
                        gateway_node.api,
                        Mode.API,
                        USER.access_key,
                        USER.secret_key,
                        api_version=8.0,
                    )
                    async with ManagerClient(who) as client:
                        yield Front(gateway_node, running, session, client, app)
        finally:
            await echo.close()


async def test_signatures_still_verify_because_host_and_path_are_kept():
    async with front() as before:
        said = await before.client.request("GET", f"/session/{before.session.id}")
        assert isinstance(said, Said) and said.status == 200, said
        unsigned = await before.node.get("/session/work")
        assert unsigned.status == 401
        assert SPEAKER_HEADER not in unsigned.headers  # the manager spoke
        assert unsigned.headers[VERSION_HEADER] == "v2"


REPAIRED = [
    # era of the manager, group, what it says itself, reason we give
    (Era.M26_2, "local", 404, "address-not-set"),
    (Era.M26_2, "broken", 503, "manager-cannot-reach-address"),
    (Era.M26_8, "broken", 500, "manager-cannot-reach-address"),
    (Era.M23_09, "broken", 500, "manager-cannot-reach-address"),
    (Era.M26_8, "unknown", 404, "group-not-found"),
    (Era.M23_09, "unknown", 404, "group-not-found"),
]


@pytest.mark.parametrize(("era", "group", "status", "reason"), REPAIRED)
async def test_the_version_route_is_repaired(era, group, status, reason):
    async with front(era) as before:
        direct = before.installation.endpoint
        who = Configuration(direct, Mode.API, USER.access_key, USER.secret_key, api_version=8.0)
        async with ManagerClient(who) as client:
            said = await client.group_version(group)
            assert isinstance(said, Said) and said.status == status
        answer = await before.client.group_version(group)
        assert isinstance(answer, Said)
        assert answer.status == 200, answer
        assert answer.document["wsproxy_version"] == "v1"
        assert answer.document["reason"] == reason


async def test_a_good_answer_of_the_manager_is_used():
    async with front() as before:
        answer = await before.client.group_version("local")
        assert isinstance(answer, Said)
        assert answer.document == {
            "wsproxy_version": "v1",
            "reason": "confirmed",
            "degraded": False,
        }


async def test_strict_gives_the_statuses_of_managers():
    async with front(policy="strict") as before:
        answer = await before.client.group_version("broken")
        assert isinstance(answer, Said)
        assert answer.status == 500
        assert answer.document["reason"] == "manager-cannot-reach-address"


async def test_an_address_in_the_settings_is_asked_when_the_manager_has_no_good_answer():
    async with front(broken={"address": "http://127.0.0.1:1"}) as before:
        answer = await before.client.group_version("broken")
        assert isinstance(answer, Said)
        assert answer.document["reason"] == "address-refused"


async def test_a_deletion_that_passes_closes_the_sessions_circuits():
    async with front() as before:
        session = str(before.session.id)
        opened = await before.node.open(before.app.port, session)
        other = await before.node.open(before.app.port)
        refused = await before.node.ask("DELETE", f"/session/{session}")
        assert refused.status == 401
        circuits = before.node.gateway.traffic.circuits
        assert circuits.find(session)
        said = await before.client.delete_session(session)
        assert isinstance(said, Said) and said.status == 200
        await eventually(lambda: not circuits.find(session), "the circuits to be closed")
        alive = await before.node.get(other.url, headers={"Cookie": other.cookie})
        assert alive.status == 200
        with pytest.raises(aiohttp.ClientConnectorError):
            await before.node.get(opened.url)


async def test_a_deletion_by_name_closes_v1_circuits_that_know_the_id():
    """Only who asked for them may say which those are: each configuration asks for its own."""
    async with front() as before:
        session = str(before.session.id)
        conf = {
            "endpoint": before.installation.endpoint,
            "access_key": USER.access_key,
            "secret_key": USER.secret_key,
            "api_version": "9.",
        }
        token = (await before.node.ask("PUT", "/conf", json=conf)).json["token"]
        added = await before.node.get(f"/proxy/{token}/{session}/add?app=jupyter")
        assert added.json["code"] == 200
        said = await before.client.delete_session("work")
        assert isinstance(said, Said) and said.status == 200
        circuits = before.node.gateway.traffic.circuits
        await eventually(lambda: not circuits.find(session), "the circuit to be closed")


async def test_a_stream_passes_with_its_close_code():
    async with front() as before:
        target = f"/stream/session/{before.session.id}/tcpproxy?app=sshd"
        host = before.node.api.removeprefix("http://")
        fields = dict(stream_fields(before.client.who, target, host, datetime.now(UTC)))
        url = before.node.api + target
        async with before.node.http.ws_connect(url, headers=fields) as stream:
            await stream.send_bytes(b"hello")
            assert (await stream.receive_bytes()).endswith(b"echo\r\n")  # its greeting
            assert (await stream.receive_bytes()) == b"hello"


async def test_every_byte_of_a_request_and_an_answer_is_kept():
    request = (
        b"POST /func/a%2Fb/../c?x=%7B&y=a+b HTTP/1.1\r\n"
        b"hOsT: ui.example:8080\r\n"
        b"Cookie: AIOHTTP_SESSION=s; a=1\r\n"
        b"cookie: b=2\r\n"
        b"X-Forwarded-For: 1.2.3.4\r\n"
        b"Authorization: BackendAI x\r\n"
        b"Content-Length: 3\r\n"
        b"\r\n"
        b"a\x00b"
    )
    answer = (
        b"HTTP/1.1 203 Odd Reason\r\nSet-Cookie: a=1\r\nset-cookie: b=2\r\n"
        b"X-Backendai-SessionID: s\r\nContent-Length: 2\r\n\r\nok"
    )
    async with raw_app(answering(answer)) as manager:
        config = _front(f"http://127.0.0.1:{manager.port}")
        async with node(config) as gateway_node:
            said = await _raw(gateway_node, request, len(b"ok"))
            link = manager.links[0]
            await eventually(lambda: link.received.endswith(b"a\x00b"), "the body")
        received = link.received
        head, _, body = received.partition(b"\r\n\r\n")
        assert sorted(head.split(b"\r\n")) == sorted(
            request.partition(b"\r\n\r\n")[0].split(b"\r\n")
        )
        assert head.startswith(b"POST /func/a%2Fb/../c?x=%7B&y=a+b HTTP/1.1\r\n")
        assert body == b"a\x00b"
        kept = [line for line in said.split(b"\r\n") if not line.startswith(b"X-BackendAI-Wsproxy")]
        assert sorted(kept) == sorted(answer.split(b"\r\n"))


async def _raw(gateway_node: Node, request: bytes, body: int) -> bytes:
    port = int(gateway_node.api.rpartition(":")[2])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(request)
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 20)
        return head + await asyncio.wait_for(reader.readexactly(body), 20)
    finally:
        writer.close()
        await writer.wait_closed()


async def test_one_connection_may_carry_requests_for_both():
    async with raw_app(answering()) as manager:
        async with node(_front(f"http://127.0.0.1:{manager.port}")) as gateway_node:
            port = int(gateway_node.api.rpartition(":")[2])
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(
                b"GET /one HTTP/1.1\r\nHost: x\r\n\r\n"
                b"GET /status HTTP/1.1\r\nHost: x\r\n\r\n"
                b"GET /never HTTP/1.1\r\nHost: x\r\n\r\n"
            )
            everything = await asyncio.wait_for(reader.read(), 20)
            writer.close()
        assert everything.count(b"HTTP/1.1 200") == 2
        assert b'"api_version"' in everything
        assert b"/never" not in manager.links[0].received  # our answer ended the connection


async def test_a_dead_manager_is_told_and_the_version_still_answered():
    config = _front(f"http://127.0.0.1:{await unused_port()}")
    async with node(config) as gateway_node:
        passed = await gateway_node.get("/session/x")
        assert (passed.status, passed.headers[SPEAKER_HEADER]) == (502, "gateway")
        assert passed.json["type"].endswith("/manager-unreachable")
        version = await gateway_node.get("/func/scaling-groups/default/wsproxy-version")
        assert (version.status, version.json["reason"]) == (200, "manager-refused")


async def test_bodies_stream_both_ways():
    """Each half waits for the other side to have seen the one before."""

    async def app(link: AppLink) -> None:
        await link.until(b"\r\n\r\nfirst")
        await link.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nseen\r\n")
        await link.until(b"second")
        await link.send(b"5\r\nagain\r\n0\r\n\r\n")

    async with raw_app(app) as manager:
        async with node(_front(f"http://127.0.0.1:{manager.port}")) as gateway_node:
            port = int(gateway_node.api.rpartition(":")[2])
            async with raw_client(port) as client:
                await client.send(b"PUT /f HTTP/1.1\r\nHost: x\r\nContent-Length: 11\r\n\r\nfirst")
                assert (await client.until(b"seen\r\n")).startswith(b"HTTP/1.1 200 OK\r\n")
                await client.send(b"second")
                assert await client.until(b"0\r\n\r\n") == b"5\r\nagain\r\n0\r\n\r\n"
