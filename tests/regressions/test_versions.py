"""What managers answer, or answered, about a group's version, and what we answer instead.

Protocol 8.1 (read from sources, release by release) and observed 1 (recorded from 23.09.10 and
26.8.1). Every error here stopped some client from deleting a session; ours are 200 with v1, in
front of the manager too.
"""

import asyncio
import json

import aiohttp
import pytest
from aioresponses import aioresponses

from tests.api.test_versions import gateway
from wsproxy.compat.zoo.answers import answers
from wsproxy.compat.zoo.table import ANIMALS
from wsproxy.core.configuration import Configuration, Mode
from wsproxy.core.manager_version import of_manager
from wsproxy.core.version import Policy, judge
from wsproxy.core.wire import VERSION_HEADER
from wsproxy.manager.groups import ManagerGroups
from wsproxy.manager.requests import ManagerClient


def problem(slug: str, title: str = "", msg: str = "") -> bytes:
    return json.dumps(
        {"type": f"https://api.backend.ai/probs/{slug}", "title": title, "msg": msg}
    ).encode()


NO_ADDRESS = problem("object-not-found", "No such AppProxy address.")
NO_GROUP = problem("object-not-found", "No such scaling group.")
MISCONFIGURED = problem("server-misconfigured", "Service misconfigured.")
UNCONNECTED = problem("appproxy-connection-error", msg="Failed to connect to AppProxy at http://x")
BAD_RESPONSE = problem("appproxy-response-error", msg="Invalid response from AppProxy at http://x")
SCHEMA = problem("schema-validation-failed", "Schema")
INTERNAL = problem("internal-server-error", "Internal server error")

MANAGERS = [
    # release line, situation, status, body, our reason
    ("22.03-23.03.10", "empty", 200, b'{"wsproxy_version": "v1"}', "confirmed"),
    ("22.03-23.03.10", "refused", 500, INTERNAL, "manager-answers-500"),
    ("22.03-23.03.10", "not json", 500, INTERNAL, "manager-answers-500"),
    ("22.03-23.03.10", "no version", 500, INTERNAL, "manager-answers-500"),
    ("23.03.11-26.1", "refused", 500, MISCONFIGURED, "manager-cannot-reach-address"),
    ("23.03.11-26.1", "not json", 500, INTERNAL, "manager-answers-500"),
    ("26.2.0-26.2.4", "empty", 404, NO_ADDRESS, "address-not-set"),
    ("26.2.0-26.2.4", "refused", 503, UNCONNECTED, "manager-cannot-reach-address"),
    ("26.2.0-26.2.4", "not json", 500, BAD_RESPONSE, "manager-rejects-address"),
    ("26.2.0-26.2.4", "no version", 400, SCHEMA, "manager-rejects-address"),
    ("26.2.5-26.3.3", "empty", 404, NO_ADDRESS, "address-not-set"),
    ("26.2.5-26.3.3", "refused", 500, UNCONNECTED, "manager-cannot-reach-address"),
    ("26.4.0+", "empty", 200, b'{"wsproxy_version": "v1"}', "confirmed"),
    ("26.4.0+", "refused", 500, UNCONNECTED, "manager-cannot-reach-address"),
    ("26.4.0+", "not json", 500, BAD_RESPONSE, "manager-rejects-address"),
    ("23.09.10", "integer", 200, b'{"wsproxy_version": 2}', "version-unknown"),
    ("all", "unknown group", 404, NO_GROUP, "group-not-found"),
    ("23.09.10", "unsigned", 400, problem("invalid-auth-params"), "manager-denies"),
    ("26.8.1", "bad signature", 401, problem("auth-failed"), "manager-denies"),
]


@pytest.mark.parametrize(
    ("line", "situation", "status", "body", "reason"),
    MANAGERS,
    ids=[f"{row[0]} {row[1]}" for row in MANAGERS],
)
def test_bug_version_errors_of_managers_block_deletion(line, situation, status, body, reason):
    """Repaired in front of the manager: 200 and v1, whatever the release said."""
    report = judge(of_manager(status, body))
    assert (report.version, report.reason) == ("v1", reason)
    assert report.status(Policy.FALLBACK, front=True) == 200


@pytest.mark.parametrize(
    ("line", "situation", "status", "body", "reason"),
    MANAGERS,
    ids=[f"{row[0]} {row[1]}" for row in MANAGERS],
)
async def test_bug_version_errors_of_managers_are_repaired_for_who_asks_us(
    line, situation, status, body, reason
):
    """The gateway asks the manager with credentials of its own; its clients see 200 and v1."""
    async with answers(status, body)() as endpoint:
        manager = ManagerClient(Configuration(endpoint, Mode.API, "AK", "SK"))
        async with gateway(ManagerGroups(manager, deadline=10)) as client:
            answer = await client.get("/scaling-groups/default/wsproxy-version?group_name=p")
            document = await answer.json()
        await manager.close()
    assert answer.status == (404 if reason == "group-not-found" else 200)
    assert answer.headers[VERSION_HEADER] == document["wsproxy_version"] == "v1"
    assert document["reason"] == reason


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (aiohttp.ServerDisconnectedError(), "manager-refused"),
        (aiohttp.ClientOSError(104, "Connection reset by peer"), "manager-refused"),
        (TimeoutError(), "manager-silent"),
        (aiohttp.ServerTimeoutError(), "manager-silent"),
        (aiohttp.ClientPayloadError(), "manager-refused"),
    ],
)
async def test_faults_on_the_way_to_the_manager(fault, reason):
    manager = ManagerClient(Configuration("http://manager.example:8081", Mode.API, "AK", "SK"))
    url = "http://manager.example:8081/scaling-groups/default/wsproxy-version"
    with aioresponses(passthrough=["http://127.0.0.1"]) as network:
        network.get(url, exception=fault)
        async with gateway(ManagerGroups(manager, deadline=10)) as client:
            answer = await client.get("/scaling-groups/default/wsproxy-version")
            document = await answer.json()
    await manager.close()
    assert (answer.status, document["reason"]) == (200, reason)
    assert document["wsproxy_version"] == "v1" and document["degraded"] is True


ADDRESSES = {
    "refused": (ANIMALS["refuse"], "address-refused"),
    "dns": (ANIMALS["unresolvable"], "address-unresolvable"),
    "404 text": (answers(404, b"not here", "text/plain"), "address-answers-404"),
    "500 text": (answers(500, b"broken", "text/plain"), "address-answers-500"),
    "200 html": (ANIMALS["html"], "address-not-a-wsproxy"),
    "json that is html": (ANIMALS["wrong-json"], "address-not-a-wsproxy"),
    "404 json": (ANIMALS["404-with-good-body"], "address-answers-404"),
    "503 json": (ANIMALS["503-with-good-body"], "address-answers-503"),
    "no version": (ANIMALS["no-version"], "address-not-a-wsproxy"),
    "list": (ANIMALS["json-list"], "address-not-a-wsproxy"),
    "integer": (ANIMALS["integer-version"], "version-unknown"),
    "no scheme": (ANIMALS["no-scheme"], "address-malformed"),
    "closed": (ANIMALS["close"], "address-refused"),
    "hang": (ANIMALS["hang"], "address-silent"),
}
"""Situations in which managers 23.09.10 and 26.8.1 answered 4xx or 5xx, or ignored a status."""


@pytest.mark.parametrize(("animal", "reason"), ADDRESSES.values(), ids=ADDRESSES)
async def test_bug_a_wrong_address_is_200_and_v1_here(animal, reason):
    deadline = 0.4 if reason == "address-silent" else 10.0
    async with animal() as address, gateway({"default": address}, deadline=deadline) as client:
        answer = await client.get("/scaling-groups/default/wsproxy-version?group=default")
        body = await answer.json()
    assert answer.status == 200
    assert answer.headers[VERSION_HEADER] == body["wsproxy_version"] == "v1"
    assert body["reason"] == reason and body["degraded"] is True


async def test_bug_managers_ignore_the_status_of_the_address():
    """Both managers said v2 for an address that answers 404 or 503 with a good body."""
    async with (
        ANIMALS["503-with-good-body"]() as address,
        gateway({"g": address}, deadline=10) as client,
    ):
        body = await (await client.get("/scaling-groups/g/wsproxy-version")).json()
    assert (body["wsproxy_version"], body["reason"]) == ("v1", "address-answers-503")


@pytest.mark.parametrize("name", ["healthy-v1", "healthy-v2", "text-plain"])
async def test_a_trailing_slash_and_any_content_type_still_work(name):
    animal = ANIMALS[name]
    async with animal() as address, gateway({"g": address + "/"}, deadline=10) as client:
        body = await (await client.get("/scaling-groups/g/wsproxy-version")).json()
    assert (body["wsproxy_version"], body["reason"]) == (animal.version, "confirmed")


async def test_bug_a_hanging_address_took_five_minutes():
    """301 s and 903 s in the two managers; here the probe's deadline (0.4 s in this gateway)."""
    async with ANIMALS["hang"]() as address, gateway({"g": address}) as client:
        async with asyncio.timeout(30):
            answer = await client.get("/scaling-groups/g/wsproxy-version")
            assert (await answer.json())["reason"] == "address-silent"
