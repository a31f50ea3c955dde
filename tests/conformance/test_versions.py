"""Protocol section 11, the cases about versions: 1, 49, 88."""

import asyncio

import pytest
from yarl import URL

from tests.api.test_versions import V1, Client, gateway
from tests.support.node import node
from tests.support.stores import FailingStore
from wsproxy.app import traffic
from wsproxy.compat.zoo.keeper import for_ever, living, request_head
from wsproxy.core.wire import VERSION_HEADER
from wsproxy.state.memory import MemoryStore

JSON = "application/json; charset=utf-8"
ACCEPTS: list[dict[str, str]] = [
    {},
    {"Accept": "application/json"},
    {"Accept": "text/html"},
    {"Accept": "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"},
]


async def test_case_01_status_of_v1():
    async with gateway(status=V1) as client:
        answer = await client.get("/status")
        assert answer.status == 200
        assert await answer.json() == {"api_version": "v1"}
        assert answer.headers[VERSION_HEADER] == "v1"


@pytest.mark.parametrize("accept", ACCEPTS)
@pytest.mark.parametrize("path", ["/status", "//status"])
async def test_case_49_status_of_v2(path, accept):
    async with gateway() as client:
        url = URL(str(client.make_url("/"))[:-1] + path, encoded=True)
        answer = await client.session.get(url, headers=accept)
        body = await answer.json()
    assert answer.status == 200
    assert answer.content_type == "application/json"
    assert body["api_version"] == "v2"
    assert URL(body["advertise_address"]).is_absolute()
    assert answer.headers[VERSION_HEADER] == "v2"


@pytest.mark.parametrize("path", ["/status", "//status"])
async def test_case_49_status_of_the_whole_gateway(path):
    async with node() as gateway_node:
        for accept in ACCEPTS:
            answer = await gateway_node.get(path, headers=accept)
            assert (answer.status, answer.headers["Content-Type"]) == (200, JSON)
            assert answer.json == {"api_version": "v2", "advertise_address": gateway_node.api}
            assert answer.headers[VERSION_HEADER] == "v2"


@pytest.mark.parametrize("path", ["/status", "//status"])
async def test_case_88_status_answers_json_while_the_store_is_away(path, monkeypatch):
    store = FailingStore(MemoryStore())
    monkeypatch.setattr(traffic, "open_store", lambda url: store)
    async with node() as gateway_node:
        store.down = True
        assert (await gateway_node.get("/v2/proxy/auth?token=x&session_id=x")).status >= 400
        for accept in ACCEPTS:
            answer = await gateway_node.get(path, headers=accept)
            assert (answer.status, answer.headers["Content-Type"]) == (200, JSON)
            assert answer.json["api_version"] == "v2"
        version = await gateway_node.get("/scaling-groups/none/wsproxy-version")
        assert (version.status, version.headers[VERSION_HEADER]) == (404, "v1")
        store.down = False


@pytest.mark.parametrize("accept", ACCEPTS)
async def test_case_88_status_answers_json_while_everything_behind_hangs(accept):
    """The version of a group waits for a dead address; /status overtakes it."""
    asked = asyncio.Event()

    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request_head(reader)
        asked.set()
        await for_ever()

    async with (
        living(hang) as port,
        gateway({"g": f"http://127.0.0.1:{port}"}, deadline=5.0) as client,
    ):
        slow = asyncio.get_running_loop().create_task(version_of(client))
        await asyncio.wait_for(asked.wait(), 20)
        answer = await client.get("/status", headers=accept)
        body = await answer.json()
        assert not slow.done()
        assert await slow == "address-silent"
    assert answer.status == 200
    assert body["api_version"] == "v2"


async def version_of(client: Client) -> str:
    answer = await client.get("/scaling-groups/g/wsproxy-version")
    reason = (await answer.json())["reason"]
    assert isinstance(reason, str)
    return reason
