"""What stops a deletion, age by age (P 9.3)."""

import pytest

from tests.support.scenes import how, theatre
from tests.support.stub_proxy import StubProxy, stub_proxy
from wsproxy.compat.eras.clients import StillDeletes
from wsproxy.compat.players import player
from wsproxy.compat.players.ending import deletes_after
from wsproxy.compat.scene import Play, Step


@pytest.mark.parametrize(
    ("rule", "statuses"),
    [
        (StillDeletes.NONE, set()),
        (StillDeletes.ON_404_AND_500, {404, 500}),
        (StillDeletes.ANY, {0, 401, 404, 408, 500, 503}),
    ],
)
def test_after_which_failures_of_the_question_a_session_is_deleted(rule, statuses):
    asked = (0, 401, 404, 408, 500, 503)

    assert {status for status in asked if deletes_after(rule, status)} == statuses


async def ended(proxy: StubProxy, name: str, v2: bool = False) -> tuple[Play, list[str], bool]:
    """The play, what reached the proxy once the launch was over, and whether the session lives."""
    async with theatre(proxy.url if v2 else None) as at:
        at.elsewhere(proxy.url)
        mark = 0

        async def before() -> None:
            nonlocal mark
            mark = len(proxy.asked)

        client = player(name, patience=30.0, closes=False)
        play = await client.play(at.scene, before_terminate=before)
        lines = [
            seen.line for seen in proxy.asked[mark:] if "aiohttp" not in seen.fields["User-Agent"]
        ]
        session = at.scene.session
        return play, [line.replace(session, "S") for line in lines], at.alive


KEY, TOKEN = "GET /proxy/AKIAUSER/S", "GET /proxy/STUBTOKEN/S"
CONF = ["OPTIONS /conf", "PUT /conf"]

CHECKED = [
    # era, what the check says, what is asked
    ("webui-22.09", 200, [KEY, f"{KEY}/delete"]),
    ("webui-22.09", 404, [KEY]),
    ("webui-22.09", 403, [KEY, f"{KEY}/delete"]),
    ("webui-25.15", 404, [KEY]),
    ("webui-26.8", 404, [*CONF, TOKEN, f"{TOKEN}/delete"]),
    ("webui-26.9", 200, [*CONF, TOKEN, f"{TOKEN}/delete"]),
]


@pytest.mark.parametrize(("name", "code", "lines"), CHECKED)
async def test_what_a_check_leads_to(name, code, lines):
    async with stub_proxy() as proxy:
        proxy.check = code
        play, asked, alive = await ended(proxy, name)
    assert asked == lines
    assert not alive and play.step(Step.TERMINATE).good


@pytest.mark.parametrize("name", ["webui-22.09", "webui-26.9"])
async def test_v2_is_cleaned_up_at_the_proxy_of_the_settings_with_the_access_key(name):
    async with stub_proxy() as proxy:
        play, asked, alive = await ended(proxy, name, v2=True)
    check = "GET /v2/proxy/AKIAUSER/S"
    assert asked == [check, f"{check}/delete"]
    assert not alive
    # the recorded coordinator has neither: its "*" does not do for credentials
    said = play.step(Step.TERMINATE).said
    assert "hidden by the browser: Access-Control-Allow-Origin is '*'" in said


@pytest.mark.parametrize(("name", "alive"), [("webui-25.15", False), ("webui-26.9", False)])
async def test_a_clean_up_the_browser_hides_is_forgiven(name, alive):
    async with stub_proxy() as proxy:
        proxy.no_cors = ("/",)
        play, asked, lives = await ended(proxy, name)
    assert lives is alive
    assert "hidden by the browser" in play.step(Step.TERMINATE).said
    assert asked == ([KEY] if name == "webui-25.15" else ["OPTIONS /conf"])


async def test_the_oldest_close_one_app_with_down():
    async with stub_proxy() as proxy, theatre() as at:
        at.elsewhere(proxy.url)
        await player("webui-20.09", patience=30.0).play(at.scene)
    assert f"GET /proxy/local/{at.scene.session}/down?app=jupyter" in proxy.lines()


async def test_an_app_that_stays_open_is_told():
    async with stub_proxy() as proxy, theatre() as at:
        at.elsewhere(proxy.url)
        proxy.override[f"/proxy/STUBTOKEN/{at.scene.session}/delete"] = ({"code": 404}, 200)
        play = await player("webui-26.8", patience=30.0).play(at.scene)
    close = play.step(Step.CLOSE)
    assert not close.good
    assert close.said.startswith("the app stays open: answered 200"), how(play)


async def test_a_deletion_the_manager_refuses_is_told():
    async with theatre() as at:

        async def lose() -> None:
            del at.running.world.sessions[at.session.id]

        client = player("webui-26.9", patience=30.0)
        play = await client.play(at.scene, before_terminate=lose)
    assert play.step(Step.TERMINATE).said == "the manager answered the deletion with 404"
    assert play.asks_delete


@pytest.mark.parametrize(("name", "kept"), [("webui-22.09", False), ("webui-24.03", True)])
async def test_a_permit_key_is_sent_back(name, kept):
    async with stub_proxy() as proxy:
        proxy.check = 200
        proxy.url_of_app = f"{proxy.url}/page?x=1"
        redirect = {"redirect_url": f"{proxy.url}/app?permit_key=a%2Fb"}
        proxy.override["/page"] = (redirect, 200)
        _, asked, _ = await ended(proxy, name)
    assert asked[-1] == f"{KEY}/delete" + ("?permit_key=a%2Fb" if kept else "")
