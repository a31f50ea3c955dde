"""What a person does with an open app: looks at it, and works with it through a WebSocket."""

import asyncio

from yarl import URL

from wsproxy.compat.players.act import StepFailed, need
from wsproxy.compat.players.browser import Browser
from wsproxy.compat.players.conversation import Answer

RELOADS = 5
"""How often a page that says the app is starting is waited for (P 3.5)."""

RELOAD_PAUSE = 1.0
SOCKET_PATH = "/ws"


async def use(browser: Browser, opened: URL, marker: str) -> str:
    """Raises ``StepFailed`` or ``StandsStill`` when this is not the app."""
    answer = need(await browser.navigate(opened))
    for _ in range(RELOADS):
        if not _is_starting(answer):
            break
        await asyncio.sleep(min(RELOAD_PAUSE, browser.conversation.patience))
        answer = need(await browser.navigate(answer.url))
    if marker.encode() not in answer.body:
        where = f"{answer.url.origin()}{answer.url.path}"
        raise StepFailed(f"{where} answered {answer.status}, and it is not the app")
    if failure := await browser.echo(answer.url, SOCKET_PATH):
        raise StepFailed(failure)
    return "page and WebSocket work"


def _is_starting(answer: Answer) -> bool:
    return answer.status == 503 and "Retry-After" in answer.fields
