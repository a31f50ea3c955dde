"""Each trait of a manager shows on the wire (protocol 3.1, 3.3, 5.2, 8.1 to 8.3; observed 1, 2)."""

import json
from dataclasses import replace

import pytest
from aiohttp import ClientSession, web

from tests.sim.conftest import OTHER, USER, signed, simulated
from wsproxy.sim.site import Site
from wsproxy.sim.traits import ConfBody, Deletion, Era, Refused
from wsproxy.sim.versions import StatusClient
from wsproxy.sim.world import Keypair

START = "/session/work/start-service"


async def ask(sim, method: str, target: str, body=None, keypair=USER):
    data = b"" if body is None else json.dumps(body).encode()
    headers = signed(sim, keypair, method, target)
    url = sim.running.endpoint + target
    async with sim.http.request(method, url, headers=headers, data=data) as answer:
        return answer.status, json.loads(await answer.read())


class Proxy:
    """A v2 proxy that keeps what it was sent."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []
        self.conf: dict[str, object] = {}

    async def status(self, request: web.Request) -> web.Response:
        self.asked.append((request.path, request.headers.get("Accept", "")))
        return web.json_response({"api_version": "v2"})

    async def configure(self, request: web.Request) -> web.Response:
        self.asked.append((request.path, ""))
        self.conf = await request.json()
        return web.json_response({"token": "T"})

    def application(self) -> web.Application:
        app = web.Application()
        app.add_routes(
            [
                web.get("/{path:.*status}", self.status),
                web.post("/{path:.*}/v2/conf", self.configure),
                web.post("/v2/conf", self.configure),
            ]
        )
        return app


@pytest.fixture
async def proxy():
    proxy = Proxy()
    site = await Site(proxy.application()).start()
    yield proxy, site.url
    await site.close()


@pytest.mark.parametrize(
    ("body", "keys"),
    [
        (ConfBody.MINIMAL, {"kernel_host", "kernel_port"}),
        (ConfBody.WITH_LOGIN, {"kernel_host", "kernel_port", "login_session_token"}),
        (ConfBody.FULL, {"kernel_host", "kernel_port", "login_session_token", "session"}),
    ],
)
async def test_the_proxy_is_told_more_by_later_managers(proxy, body, keys):
    seen, address = proxy
    async with simulated(replace(Era.M23_09, conf_body=body)) as sim:
        sim.world.add_group("gpu", address)
        sim.session.group = "gpu"
        assert (await ask(sim, "POST", START, {"app": "echo"}))[0] == 200
    assert set(seen.conf) == keys


async def test_22_03_refuses_the_login_token_and_26_8_ignores_what_it_does_not_know(proxy):
    _, address = proxy
    oldest = replace(Era.M23_09, takes_login_token=False)
    said = []
    for era, key in ((oldest, "login_session_token"), (Era.M23_09, "x"), (Era.M26_8, "x")):
        async with simulated(era) as sim:
            sim.world.add_group("gpu", address)
            sim.session.group = "gpu"
            status, document = await ask(sim, "POST", START, {"app": "echo", key: "L"})
            said.append((status, document.get("title", "")))
    title = "Missing or invalid API parameters."
    assert said == [(400, title), (400, title), (200, "")]


@pytest.mark.parametrize("era", [Era.M23_09, Era.M26_8])
async def test_envs_must_be_text_and_null_as_text_is_nothing(proxy, era):
    _, address = proxy
    async with simulated(era) as sim:
        sim.world.add_group("gpu", address)
        sim.session.group = "gpu"
        assert (await ask(sim, "POST", START, {"app": "echo", "envs": {"A": "1"}}))[0] == 400
        assert (await ask(sim, "POST", START, {"app": "echo", "arguments": "null"}))[0] == 200


async def test_missing_parameters_in_each_eras_words():
    """transcripts/manager-23.09/svc/start_no_app.txt and the same of 26.8."""
    async with simulated(Era.M23_09) as sim:
        _, old = await ask(sim, "POST", START, {})
    async with simulated(Era.M26_8) as sim:
        _, new = await ask(sim, "POST", START, {})
    assert old["data"] == {"app": "is required"}
    assert old["type"].endswith("/invalid-api-params")
    assert new["type"].endswith("/generic-bad-request")
    assert new["error_code"] == "api_parsing_invalid-parameters"


async def test_a_path_stays_in_the_address_of_older_managers(proxy):
    seen, address = proxy
    for era in (Era.M23_09, Era.M26_8):
        async with simulated(era) as sim:
            sim.world.add_group("gpu", address + "/sub")
            sim.session.group = "gpu"
            await ask(sim, "POST", START, {"app": "echo"})
    paths = [path for path, _ in seen.asked]
    assert paths == ["/sub/status", "/sub/v2/conf", "/status", "/v2/conf"]
    assert [accept for path, accept in seen.asked if path.endswith("status")] == [
        "*/*",
        "application/json",
    ]


async def test_a_version_is_remembered_for_half_a_minute_up_to_26_1(proxy):
    seen, address = proxy
    async with ClientSession() as http:
        for era in (Era.M23_09, Era.M26_8):
            client = StatusClient(http, era)
            for _ in range(3):
                assert await client.version(address) == "v2"
            seen.asked, asked = [], len(seen.asked)
            assert asked == (1 if era is Era.M23_09 else 3)


@pytest.mark.parametrize(
    ("refused", "status", "slug"),
    [
        (Refused.UNCAUGHT, 500, "internal-server-error"),
        (Refused.MISCONFIGURED, 500, "server-misconfigured"),
        (Refused.UNAVAILABLE, 503, "appproxy-connection-error"),
        (Refused.NAMED, 500, "appproxy-connection-error"),
    ],
)
async def test_a_dead_address(refused, status, slug):
    era = replace(
        Era.M26_8, refused=refused, checks_status=refused in (Refused.UNAVAILABLE, Refused.NAMED)
    )
    async with simulated(era) as sim:
        got, document = await ask(sim, "GET", "/scaling-groups/broken/wsproxy-version")
    assert (got, document["type"].rpartition("/")[2]) == (status, slug)


async def test_starting_with_a_dead_address_has_no_name_in_23_09():
    """transcripts/manager-23.09/svc/start_refused.txt: not what the version route says."""
    async with simulated(Era.M23_09) as sim:
        sim.session.group = "broken"
        status, document = await ask(sim, "POST", START, {"app": "echo"})
    assert (status, document["type"].rpartition("/")[2]) == (500, "internal-server-error")


@pytest.mark.parametrize(
    ("deletion", "plain", "recursive"),
    [
        (Deletion.STATS, {"stats": {}}, {"stats": {}}),
        (Deletion.LISTED, {"stats": {}}, [{"stats": {}}]),
        (Deletion.STATUS, {"stats": {"status": "terminated"}}, {"stats": {"status": "terminated"}}),
    ],
)
async def test_what_deletion_answers(deletion, plain, recursive):
    for query, expected in (("", plain), ("?forced=true&recursive=true", recursive)):
        async with simulated(replace(Era.M26_8, deletion=deletion)) as sim:
            assert await ask(sim, "DELETE", f"/session/work{query}") == (200, expected)
            assert sim.ended == ["work"]


async def test_another_key_of_the_user_finds_the_session_from_26_on():
    second = Keypair("AKIASECOND", "second-secret", user_id=USER.user_id)
    for era, expected in ((Era.M23_09, 404), (Era.M26_8, 200)):
        async with simulated(era) as sim:
            sim.world.add_user(second)
            assert (await ask(sim, "GET", "/session/work", keypair=second))[0] == expected
            assert (await ask(sim, "GET", "/session/work", keypair=OTHER))[0] == 404


async def test_a_web_server_that_does_not_know_the_header_wants_the_cookie():
    async with simulated(replace(Era.M23_09, header_login=False)) as sim:
        header = await sim.login()
        cookie = {"Cookie": f"AIOHTTP_SESSION={header['X-BackendAI-SessionID']}"}
        url = sim.running.webserver + "/func/session/work"
        async with sim.http.get(url, headers=header) as answer:
            assert answer.status == 401
        async with sim.http.get(url, headers=cookie) as answer:
            assert answer.status == 200


async def test_an_app_that_does_not_start_is_an_internal_error_up_to_26_3():
    for era, slug in (
        (Era.M26_2, "internal-server-error"),
        (Era.M26_8, "app-service-start-failed"),
    ):
        async with simulated(era) as sim:
            sim.session.apps["echo"].starting = 1
            target = "/stream/session/work/tcpproxy?app=echo"
            headers = {
                **signed(sim, USER, "GET", target),
                "Connection": "Upgrade",
                "Upgrade": "websocket",
                "Sec-WebSocket-Version": "13",
                "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
            }
            async with sim.http.get(sim.running.endpoint + target, headers=headers) as answer:
                document = json.loads(await answer.read())
            assert (answer.status, document["type"].rpartition("/")[2]) == (500, slug)
