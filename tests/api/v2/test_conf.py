"""``/v2/conf``: what managers of every age send, and what is refused (protocol 5.2)."""

from dataclasses import replace
from ipaddress import ip_network
from typing import Any
from uuid import uuid4

import pytest

from tests.support.circuits import FakeHost
from tests.support.v2 import API_SECRET, V2, Wish, block, v2
from wsproxy.core import jwts

SESSION = str(uuid4())
FULL: dict[str, Any] = {
    "login_session_token": "lst",
    "kernel_host": "127.0.0.1",
    "kernel_port": 21301,
    "session": block(SESSION),
}


def wish(**changes: Any) -> Wish:
    return replace(Wish(host=FakeHost(), ports=(10200, 10201)), **changes)


async def post(gateway: V2, body: Any, **headers: str) -> tuple[int, dict[str, Any]]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    options = {"data": body} if isinstance(body, bytes) else {"json": body}
    response, _ = await gateway.ask("/v2/conf", "POST", headers=named, **options)
    return response.status, await response.json()


def without(name: str) -> dict[str, Any]:
    return {key: value for key, value in FULL.items() if key != name}


@pytest.mark.parametrize(
    "body",
    [
        FULL,
        {**FULL, "login_session_token": None},
        {**FULL, "kernel_port": "21301"},
        {**FULL, "extra": {"anything": 1}},
        {**FULL, "session": block(SESSION, group_id=None, domain_name=None, user_uuid=None)},
        without("session"),  # managers 22.09
        {"kernel_host": "127.0.0.1", "kernel_port": 21301},  # managers 22.03
    ],
)
async def test_what_managers_send(body):
    async with v2(wish()) as gateway:
        status, document = await post(gateway, body)
        assert status == 200
        assert set(document) == {"token"}
        assert len(document["token"]) == 36


async def test_two_calls_give_two_tokens():
    async with v2(wish()) as gateway:
        tokens = {(await post(gateway, FULL))[1]["token"] for _ in range(3)}
        assert len(tokens) == 3


@pytest.mark.parametrize(
    ("body", "named"),
    [
        (without("kernel_host"), "kernel_host"),
        (without("kernel_port"), "kernel_port"),
        ({**FULL, "kernel_port": 0}, "kernel_port"),
        ({**FULL, "kernel_port": 65536}, "kernel_port"),
        ({**FULL, "kernel_port": 99999}, "kernel_port"),
        ({**FULL, "kernel_port": -1}, "kernel_port"),
        ({**FULL, "kernel_port": "8o"}, "kernel_port"),
        ({**FULL, "kernel_port": True}, "kernel_port"),
        ({**FULL, "kernel_port": 80.5}, "kernel_port"),
        ({**FULL, "kernel_port": None}, "kernel_port"),
        ({**FULL, "kernel_host": ""}, "kernel_host"),
        ({**FULL, "kernel_host": None}, "kernel_host"),
        ({**FULL, "kernel_host": "a b"}, "kernel_host"),
        ({**FULL, "kernel_host": "unix:/run/docker.sock"}, "kernel_host"),
        ({**FULL, "kernel_host": "evil/path"}, "kernel_host"),
        ({**FULL, "kernel_host": "user@evil"}, "kernel_host"),
        ({**FULL, "session": block("not-a-uuid")}, "session.id"),
        ({**FULL, "session": block(SESSION, user_uuid="x")}, "session.user_uuid"),
        ({**FULL, "session": "text"}, "session"),
        ({**FULL, "login_session_token": 5}, "login_session_token"),
    ],
)
async def test_a_wrong_field_is_named(body, named):
    async with v2(wish()) as gateway:
        status, document = await post(gateway, body)
        assert status == 400
        assert document["type"].endswith("/invalid-api-params")
        assert [".".join(entry["loc"]) for entry in document["data"]["errors"]] == [named]


@pytest.mark.parametrize("body", [b"{", b"[]", b"7", b'"text"', b"[" * 2000, b"\xff", b""])
async def test_what_is_no_object(body):
    async with v2(wish()) as gateway:
        status, document = await post(gateway, body)
        assert (status, document["type"].rpartition("/")[2]) == (400, "invalid-api-params")


@pytest.mark.parametrize(
    "session", [block(SESSION, id=None), block(SESSION, access_key=None), block(SESSION, id=""), {}]
)
async def test_an_inference_app_is_not_for_here(session):
    async with v2(wish()) as gateway:
        status, document = await post(gateway, {**FULL, "session": session})
        assert status == 400
        assert "Not meant for inference apps" in document["msg"]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"X_BackendAI_Token": "wrong"}, 401),
        ({"Authorization": "garbage"}, 401),
        ({"X_BackendAI_Token": API_SECRET}, 200),
        ({"X_BackendAI_Token": f"Bearer {API_SECRET}"}, 200),
        ({"Authorization": "Bearer " + jwts.sign({}, API_SECRET)}, 200),
    ],
)
async def test_from_elsewhere_only_with_the_secret(headers, status):
    async with v2(wish(conf_from=())) as gateway:
        found, document = await post(gateway, FULL, **headers)
        assert found == status
        if status == 401:
            assert document["type"].endswith("/auth-failed")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"X_Forwarded_For": "127.0.0.1"}, 401),
        ({"Forwarded": "for=127.0.0.1"}, 401),
        ({"X_Real_IP": "127.0.0.1"}, 401),
        ({"Origin": "https://evil.example"}, 401),
        ({"X_Forwarded_For": "127.0.0.1", "X_BackendAI_Token": API_SECRET}, 200),
    ],
)
async def test_what_came_through_somebody_is_not_local(headers, status):
    async with v2(wish()) as gateway:
        assert (await post(gateway, FULL, **headers))[0] == status


async def test_who_may_not_call_learns_nothing_about_the_body():
    async with v2(wish(conf_from=())) as gateway:
        assert (await post(gateway, b"{"))[0] == 401


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "localhost",
        "::1",
        "[::1]",
        "::ffff:127.0.0.1",
        "169.254.169.254",
        "0.0.0.0",
        "fe80::1%lo",
    ],
)
async def test_targets_on_this_machine_are_refused_unless_named(host):
    async with v2(wish(targets=())) as gateway:
        status, document = await post(gateway, {**FULL, "kernel_host": host})
        assert status == 403
        assert document["type"].endswith("/target-not-allowed")


async def test_containers_elsewhere_are_allowed_and_so_is_a_name_without_address():
    async with v2(wish(targets=())) as gateway:
        for host in ("10.1.2.3", "2001:db8::1", "no-such-host.invalid"):
            assert (await post(gateway, {**FULL, "kernel_host": host}))[0] == 200


async def test_only_named_networks_when_there_are_any():
    networks = (ip_network("10.0.0.0/8"),)
    async with v2(wish(targets=networks)) as gateway:
        assert (await post(gateway, {**FULL, "kernel_host": "10.1.2.3"}))[0] == 200
        assert (await post(gateway, {**FULL, "kernel_host": "192.168.1.1"}))[0] == 403


async def test_the_gateway_itself_is_no_target():
    async with v2(wish()) as gateway:
        own = int(gateway.base.rpartition(":")[2])
        status, document = await post(gateway, {**FULL, "kernel_port": own})
        assert status == 403
        assert "the gateway itself" in document["msg"]


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
async def test_other_methods(method):
    async with v2(wish()) as gateway:
        response, _ = await gateway.ask("/v2/conf", method)
        assert response.status == 405
        assert "POST" in response.headers["Allow"]


async def test_a_preflight_is_answered():
    async with v2(wish()) as gateway:
        headers = {"Origin": "https://a", "Access-Control-Request-Method": "POST"}
        response, _ = await gateway.ask("/v2/conf", "OPTIONS", headers=headers)
        assert response.status == 204
        assert "POST" in response.headers["Access-Control-Allow-Methods"]
