"""What stops a launch, age by age, before a proxy that says what a test wants (P 9.2)."""

import json

import pytest
from yarl import URL

from tests.support.scenes import how, theatre, told
from tests.support.stub_proxy import StubProxy, stub_proxy
from wsproxy.compat.eras.clients import clients
from wsproxy.compat.players.act import Act, Wishes
from wsproxy.compat.players.browser import Browser
from wsproxy.compat.players.conversation import Conversation, connections
from wsproxy.compat.players.launch import add_url
from wsproxy.compat.players.webui import WebUi
from wsproxy.compat.scene import Outcome, Play, Step

OLD, FORGIVING, NEEDING, STRICT = "webui-22.09", "webui-23.03", "webui-25.15", "webui-26.9"
LAUNCHING = (OLD, FORGIVING, NEEDING, STRICT)


async def launched(
    proxy: StubProxy, name: str, v2: bool = False, **options
) -> tuple[Outcome, Play]:
    async with theatre(proxy.url if v2 else None) as at:
        at.elsewhere(proxy.url)
        override = proxy.override.pop("add", None)
        if override is not None:
            proxy.override[f"/proxy/STUBTOKEN/{at.scene.session}/add"] = override
        row = clients()[name]
        play = await WebUi(row, patience=30.0, closes=False, **options).play(at.scene)
        assert not at.alive or name == OLD, how(play)
        return play.step(Step.LAUNCH), play


@pytest.mark.parametrize("name", LAUNCHING)
async def test_conf_that_fails(name):
    """Ages that do not demand a success go on with what they did not get."""
    async with stub_proxy() as proxy:
        proxy.override["/conf"] = ({"code": 403}, 403)
        outcome, _ = await launched(proxy, name)
        lines = proxy.lines()
    adds = [line for line in lines if "/add" in line]
    if name == STRICT:
        assert outcome.said == "/conf responded with status 403" and adds == []
    else:
        assert adds[0].startswith("GET /proxy/undefined/")


@pytest.mark.parametrize("name", [FORGIVING, STRICT])
async def test_conf_without_a_token(name):
    async with stub_proxy() as proxy:
        proxy.override["/conf"] = ({}, 200)
        outcome, _ = await launched(proxy, name)
        lines = proxy.lines()
    adds = [line for line in lines if "/add" in line]
    if name == STRICT:
        assert outcome.said == "/conf responded with status 200" and adds == []
    else:
        assert adds[0].startswith("GET /proxy/undefined/")


@pytest.mark.parametrize("name", LAUNCHING)
@pytest.mark.parametrize(
    ("status", "document"), [(404, {"code": 404}), (200, {"code": 500}), (502, "text")]
)
async def test_add_that_fails(name, status, document):
    async with stub_proxy() as proxy:
        proxy.override["add"] = (document, status)
        outcome, play = await launched(proxy, name)
    if name in (NEEDING, STRICT):
        assert outcome.said == f"Invalid URL: add was answered {status}"
    elif status == 200:
        assert outcome.said == "add gave no url: the dialog waits for ever"
    else:
        # the address of the request is taken for the app's
        assert outcome.good and outcome.said.endswith("/add")
        assert "it is not the app" in play.step(Step.USE).said


@pytest.mark.parametrize("name", LAUNCHING)
async def test_a_url_without_a_query_or_a_scheme(name):
    async with stub_proxy() as proxy:
        proxy.override["add"] = ({"code": 200, "url": "/app"}, 200)
        outcome, _ = await launched(proxy, name)
    said = {OLD: "'/app&redirect=/tree'", FORGIVING: "'/app&redirect=/tree'"}
    assert outcome.said == f"Invalid URL: {said.get(name, chr(39) + '/app' + chr(39))}"


@pytest.mark.parametrize("name", LAUNCHING)
async def test_an_app_without_cors_stops_the_launcher_in_react(name):
    """O 3: "Request failed: Failed to fetch", and no tab; 23.09 opens it anyway."""
    async with stub_proxy() as proxy:
        proxy.url_of_app = f"{proxy.url}/page?x=1"
        proxy.no_cors = ("/page",)
        outcome, _ = await launched(proxy, name)
    assert outcome.good is (name in (OLD, FORGIVING))
    if not outcome.good:
        assert outcome.said.startswith("Request failed: GET ")


@pytest.mark.parametrize("name", LAUNCHING)
async def test_an_app_that_answers_503(name):
    async with stub_proxy() as proxy:
        proxy.url_of_app = f"{proxy.url}/page?x=1"
        document = {"title": "No worker.", "msg": "all taken", "error_code": "e_503"}
        proxy.override["/page"] = (document, 503)
        outcome, _ = await launched(proxy, name)
    assert outcome.good is (name != STRICT)
    if name == STRICT:
        assert outcome.said == "the app's address was answered 503: all taken"


@pytest.mark.parametrize("name", LAUNCHING)
async def test_an_app_that_says_error_code_with_200(name):
    async with stub_proxy() as proxy:
        proxy.url_of_app = f"{proxy.url}/page?x=1"
        proxy.override["/page"] = ({"error_code": "appproxy_read_not-found"}, 200)
        outcome, _ = await launched(proxy, name)
    assert outcome.good is (name in (OLD, FORGIVING))
    if not outcome.good:
        assert outcome.said == "the app's address was answered appproxy_read_not-found"


async def test_start_service_that_fails_is_told():
    async with stub_proxy() as proxy:
        proxy.override["/v2/conf"] = ({"no": "token"}, 200)
        outcome, play = await launched(proxy, STRICT, v2=True)
    assert outcome.said == "start-service was answered 500"
    assert play.version == "v2"


@pytest.mark.parametrize("name", ["webui-22.03", "webui-26.9"])
async def test_a_version_nobody_knows_goes_the_way_of_v2(name):
    async with stub_proxy() as proxy:
        proxy.override["/status"] = ({"api_version": "v3"}, 200)
        outcome, play = await launched(proxy, name, v2=True)
        lines = proxy.lines()
    assert not play.asked.good and play.asked.said == "the answer was 'v3'"
    assert [line for line in lines if line.startswith("GET /v3/proxy/")], (outcome, told(play))


# envs and args


ENVS = {"A": "b c", "C": "50%"}
ENCODED = {
    "webui-20.09": "add?app=jupyter&envs={%22A%22:%22b%20c%22,%22C%22:%2250%%22}"
    "&args={%22--x%22:%221%22}",
    "webui-22.09": "add?app=jupyter&protocol=http"
    "&envs=%7B%22A%22:%22b%20c%22,%22C%22:%2250%25%22%7D&args=%7B%22--x%22:%221%22%7D",
    "webui-26.9": "add?app=jupyter&protocol=http"
    "&envs=%7B%22A%22%3A%22b%20c%22%2C%22C%22%3A%2250%25%22%7D&args=%7B%22--x%22%3A%221%22%7D",
}


@pytest.mark.parametrize("name", ENCODED)
async def test_how_each_age_writes_what_a_person_adds(name):
    ui = clients()[name].ui
    assert ui is not None
    async with theatre() as at, connections() as http:
        browser = Browser("null", Conversation(http, 30.0))
        act = Act(ui, at.scene, browser, Wishes(ENVS, {"--x": "1"}))
        url = add_url(act, URL("http://127.0.0.1:5050/"), "T")
    assert str(url).endswith(f"/proxy/T/{at.scene.session}/{ENCODED[name]}")
    assert str(url).startswith("http://127.0.0.1:5050/proxy/")


async def test_wishes_of_v2_are_text_and_an_object_in_the_body():
    async with theatre(v2=True) as at:
        row = clients()["webui-26.8"]
        await WebUi(row, patience=30.0, wishes=Wishes(ENVS, {"--x": "1"})).play(at.scene)
        started = at.running.record.of("POST", "start-service", "webserver")[0]
    body = json.loads(started.body)
    assert body["arguments"] == '{"--x":"1"}' and body["envs"] == ENVS
