"""How a WebUI closes one app, and how it deletes a session (P 9.3, O 3).

delete:  [version question] → [PUT /conf] → check → [delete at the proxy] → DELETE at the manager
"""

import asyncio
from urllib.parse import quote

from wsproxy.compat.eras.clients import FailedQuestion, ProxyToken, StillDeletes
from wsproxy.compat.players.act import Act, StepFailed, ask_version, need
from wsproxy.compat.players.conversation import Answer, Nothing, StandsStill, Why
from wsproxy.compat.players.manager_calls import joined
from wsproxy.core.strangers import parsed
from wsproxy.core.wire import Version

TOLERATED = (404, 500)
GONE = 404
"""``code`` of a check or a delete when nothing of the session is open."""


async def close(act: Act) -> str:
    """The app alone, as deletes are recorded: with cookies. Raises ``StepFailed`` when it stays
    open.
    """
    token = await _token(act, None)
    path = act.ui.close_path.format(token=token, session=act.scene.session, app=act.scene.app)
    url = joined(act.cleanup_base, f"/{path}{_permit(act, '&')}")
    said = await act.browser.fetch("GET", url, credentials=True)
    if isinstance(said, Nothing) and said.why is not Why.CORS:
        raise StepFailed(said.said)
    answer = act.conversation.exchanges[-1]  # what was hidden from the page was done all the same
    told = parsed(answer.answer.encode())
    if isinstance(told, dict) and (told.get("code") == 200 or told.get("success") is True):
        return "closed, unseen by the page" if isinstance(said, Nothing) else "closed"
    raise StepFailed(f"the app stays open: answered {answer.status} {answer.answer[:80]!r}")


async def terminate(act: Act) -> str:
    """Raises ``StepFailed`` or ``StandsStill`` when the session stays."""
    seconds = act.ui.cleanup_seconds
    cleaned = await (_clean_up(act, None) if seconds is None else _within(act, seconds))
    deleted = await _destroy(act)
    return f"{cleaned}; {deleted}"


async def _within(act: Act, seconds: float) -> str:
    """The clean-up of ages that delete whatever comes of it."""
    try:
        async with asyncio.timeout(act.conversation.bounded(seconds)):
            return await _clean_up(act, seconds)
    except TimeoutError:
        return act.conversation.waited("the clean-up", seconds)
    except (StepFailed, StandsStill) as error:
        return f"nothing cleaned up: {error}"


async def _clean_up(act: Act, limit: float | None) -> str:
    if act.ui.asks_before_delete and (spared := await _ask_again(act)):
        return spared
    act.dialect = act.dialect or Version.V1
    base, session = act.cleanup_base, act.scene.session
    token = await _token(act, limit)
    fetch = act.browser.fetch
    check = await fetch("GET", joined(base, f"/proxy/{token}/{session}"), limit=limit)
    if isinstance(check, Nothing):
        return f"nothing cleaned up: {check.said}"
    if check.object.get("code") == GONE and act.ui.gone_stops_delete:
        return "nothing to clean up"
    url = joined(base, f"/proxy/{token}/{session}/delete{_permit(act, '?')}")
    deleted = await fetch("GET", url, credentials=True, limit=limit)
    return f"cleaned up: {_words(deleted)}"


async def _ask_again(act: Act) -> str:
    """Why there is no clean-up, or nothing to go on with ``act.dialect``; raises where this age
    gives up.
    """
    question = await ask_version(act, act.ui.manager_seconds)
    act.dialect = question.dialect
    if question.dialect or act.ui.failed_question is FailedQuestion.TAKES_V1:
        return ""
    if deletes_after(act.ui.still_deletes, question.status):
        return f"nothing cleaned up: {question.outcome.said}"
    raise StepFailed(f"not deleted: {question.outcome.said}")


def deletes_after(rule: StillDeletes, status: int) -> bool:
    """Whether a version question that failed so leaves the deletion alone."""
    if rule is StillDeletes.ON_404_AND_500:
        return status in TOLERATED
    return rule is StillDeletes.ANY


async def _token(act: Act, limit: float | None) -> str:
    if act.ui.token is ProxyToken.OF_CONF and act.dialect == Version.V1:
        return await act.conf(credentials=True, limit=limit)
    return act.scene.access_key


def _permit(act: Act, separator: str) -> str:
    """What some proxies of v2 want to see again before they delete (P 9.2)."""
    return f"{separator}permit_key={quote(act.permit_key, safe='')}" if act.permit_key else ""


async def _destroy(act: Act) -> str:
    for left in range(act.ui.destroy_retries, -1, -1):
        act.play.asks_delete = True
        said = await act.manager.delete_session()
        if isinstance(said, Answer):
            break
        if left:
            await asyncio.sleep(act.conversation.bounded(act.ui.destroy_pause))
    said = need(said)
    if not said.good:
        raise StepFailed(f"the manager answered the deletion with {said.status}")
    return "deleted"


def _words(said: Answer | Nothing) -> str:
    if isinstance(said, Nothing):
        return said.said
    return f"answered {said.object.get('code', said.status)}"
