"""The steps of a client, against a gateway that a test scripts: what it sends, and complaints."""

import json

import pytest
from aiohttp import web
from yarl import URL

from wsproxy.core.wire import VERSION_HEADER
from wsproxy.sim.site import Site
from wsproxy.sim.visitor import (
    Login,
    VisitError,
    new_http,
    open_v1,
    open_v2,
    version_report,
)

LOGIN = Login("http://manager", "AK", "SK", "9.")


class Scripted:
    """Answers by path; remembers (method, path and query, body)."""

    def __init__(self, answers: dict[str, web.Response]) -> None:
        self.answers = answers
        self.seen: list[tuple[str, str, str]] = []
        self.url = ""

    async def answer(self, request: web.Request) -> web.Response:
        self.seen.append((request.method, request.raw_path, await request.text()))
        return self.answers[request.path]


@pytest.fixture
async def scripted():
    sites: list[Site] = []

    async def start(answers: dict[str, web.Response]) -> Scripted:
        gateway = Scripted(answers)
        app = web.Application()
        app.router.add_route("*", "/{tail:.*}", gateway.answer)
        sites.append(await Site(app).start())
        gateway.url = sites[-1].url
        return gateway

    yield start
    for site in sites:
        await site.close()


def says(document: object, status: int = 200, **headers: str) -> web.Response:
    return web.json_response(document, status=status, headers=headers)


async def test_v1_configures_adds_and_knows_where_the_app_is(scripted):
    added = {
        "code": 200,
        "proxy": "http://127.0.0.1:7",
        "url": "http://127.0.0.1:5/redirect?port=7",
    }
    gateway = await scripted({"/conf": says({"token": "T"}), "/proxy/T/S/add": says(added)})
    async with new_http() as http:
        opened = await open_v1(http, gateway.url, LOGIN, "S", "jupyter", "http")
    assert (opened.version, opened.address) == ("v1", ("127.0.0.1", 7))
    assert opened.token == "T"
    assert str(opened.entry) == added["url"]
    configured, asked = gateway.seen
    assert configured[:2] == ("PUT", "/conf")
    assert json.loads(configured[2]) == {
        "endpoint": "http://manager",
        "mode": "API",
        "access_key": "AK",
        "secret_key": "SK",
        "api_version": "9.",
    }
    assert asked[1] == "/proxy/T/S/add?app=jupyter&protocol=http"


@pytest.mark.parametrize(
    ("answers", "complaint"),
    [
        ({"/conf": says({"code": 403}, 403)}, "PUT /conf answered 403"),
        ({"/conf": says(["T"])}, "something else than an object"),
        ({"/conf": says({"token": "T"}), "/proxy/T/S/add": says({"code": 500})}, "add answered"),
    ],
)
async def test_v1_complains_about_the_step_that_failed(scripted, answers, complaint):
    gateway = await scripted(answers)
    async with new_http() as http:
        with pytest.raises(VisitError, match=complaint):
            await open_v1(http, gateway.url, LOGIN, "S", "jupyter", "http")


async def opened_v2(gateway: Scripted, protocol: str):
    async def start(session: str, app: str):
        return {"token": "T", "wsproxy_addr": gateway.url + "/"}

    async with new_http() as http:
        opened = await open_v2(http, start, "S", "app", protocol)
        return opened, http.cookie_jar.filter_cookies(URL(gateway.url))


def v2_answers(gateway_url: str, setup: web.Response) -> dict[str, web.Response]:
    return {
        "/v2/proxy/T/S/add": says({"code": 200, "url": f"{gateway_url}/auth?token=T"}),
        "/auth": says({"redirect_url": f"{gateway_url}/setup?token=J", "reuse": False}),
        "/setup": setup,
    }


async def test_v2_goes_by_add_auth_and_setup_and_keeps_the_permit(scripted):
    gateway = await scripted({})
    landing = {"Location": "http://127.0.0.1:9/lab", "Set-Cookie": "appproxy_permit=x"}
    setup = web.Response(status=302, headers=landing)
    gateway.answers = v2_answers(gateway.url, setup)
    opened, cookies = await opened_v2(gateway, "http")
    assert (opened.version, str(opened.url)) == ("v2", "http://127.0.0.1:9")
    assert opened.token == "T"
    assert cookies["appproxy_permit"].value == "x"
    assert [path for _, path, _ in gateway.seen] == [
        "/v2/proxy/T/S/add?app=app&protocol=http",
        "/auth?token=T",
        "/setup?token=J",
    ]


async def test_v2_finds_the_address_of_a_tcp_app_in_the_helpers_url(scripted):
    gateway = await scripted({})
    uri = "http://localhost:45678/start?directTCP=true&gateway=tcp%3A%2F%2F127.0.0.1%3A99"
    gateway.answers = v2_answers(gateway.url, says({"redirectURI": uri}))
    opened, _ = await opened_v2(gateway, "tcp")
    assert opened.address == ("127.0.0.1", 99)


@pytest.mark.parametrize(
    ("setup", "protocol", "complaint"),
    [
        (says({"ok": True}), "http", "setup answered 200 without a redirect"),
        (says({"redirectURI": "http://localhost:45678/start"}), "tcp", "no gateway in"),
        (says({"title": "no"}, 503), "tcp", "GET /setup answered 503"),
    ],
)
async def test_v2_complains_about_setup(scripted, setup, protocol, complaint):
    gateway = await scripted({})
    gateway.answers = v2_answers(gateway.url, setup)
    with pytest.raises(VisitError, match=complaint):
        await opened_v2(gateway, protocol)


async def test_a_version_report_has_its_status_and_header(scripted):
    path = "/scaling-groups/gpu/wsproxy-version"
    answer = says({"wsproxy_version": "v1"}, 500, **{VERSION_HEADER: "v1"})
    gateway = await scripted({path: answer})
    async with new_http() as http:
        report = await version_report(http, gateway.url, "gpu")
    assert report == {"wsproxy_version": "v1", "status": 500, "header": "v1"}
