"""What a person sees of an app that starts, never starts, or is something else."""

import pytest
from aiohttp import web
from yarl import URL

from tests.support.installations import serving
from wsproxy.compat.players import use as module
from wsproxy.compat.players.act import StepFailed
from wsproxy.compat.players.browser import Browser
from wsproxy.compat.players.conversation import Conversation, connections
from wsproxy.compat.players.use import RELOADS, use

MARKER = "here I am"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RELOAD_PAUSE", 0.01)


async def used(starting: int, *, socket: bool = True, text: str = MARKER) -> tuple[str, int]:
    """What was said, and how often the page was asked for."""
    asked = 0

    async def handle(request: web.Request) -> web.StreamResponse:
        nonlocal asked
        if request.path == "/ws" and socket:
            answer = web.WebSocketResponse()
            await answer.prepare(request)
            async for message in answer:
                await answer.send_str(message.data)
            return answer
        asked += request.path != "/ws"
        if asked <= starting:
            return web.Response(status=503, headers={"Retry-After": "1"})
        return web.Response(text=text, status=200 if request.path != "/ws" else 404)

    async with serving(handle) as url, connections() as http:
        browser = Browser("null", Conversation(http, 30.0))
        try:
            said = await use(browser, URL(url), MARKER)
        except StepFailed as error:
            said = str(error)
    return said, asked


@pytest.mark.parametrize("starting", [0, 2, RELOADS])
async def test_a_page_that_says_the_app_is_starting_is_waited_for(starting):
    assert await used(starting) == ("page and WebSocket work", starting + 1)


async def test_an_app_that_never_starts():
    said, asked = await used(100)

    assert said.endswith("/ answered 503, and it is not the app")
    assert asked == RELOADS + 1


async def test_another_app():
    said, _ = await used(0, text="something else")

    assert said.endswith("/ answered 200, and it is not the app")


async def test_an_app_whose_socket_does_not_open():
    said, _ = await used(0, socket=False)

    assert said.endswith("/ws: the WebSocket was answered 404")
