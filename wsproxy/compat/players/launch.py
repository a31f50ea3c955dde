"""How a WebUI opens an app (P 9.2, O 3): from the button to the address of the new tab.

v1:  PUT /conf → add → [url as JSON] → url, unseen → url in a tab
v2:  start-service → add → [url as JSON: redirect_url] → that, unseen → url or redirect_url in a tab
"""

from collections.abc import Callable, Mapping
from urllib.parse import quote

from yarl import URL

from wsproxy.compat.eras.clients import BadAdd, Encoding, Opens, Permit
from wsproxy.compat.players.act import Act, StepFailed, learn_dialect, need
from wsproxy.compat.players.browser import page_url
from wsproxy.compat.players.conversation import Nothing
from wsproxy.compat.players.manager_calls import compact, joined
from wsproxy.core.wire import Version

POSTFIXED = "jupyter"
"""The app whose url gets the postfix of its age."""


async def launch(act: Act) -> str:
    """Sets ``act.opened``; raises ``StepFailed`` or ``StandsStill``."""
    await learn_dialect(act)
    base, token = await _way(act)
    url = await _added(act, add_url(act, base, token))
    if act.scene.app == POSTFIXED:
        url += act.ui.postfix
    page = _valid(url)
    redirect = await _permit(act, page)
    await act.browser.opaque(redirect or page)
    opened = redirect if act.ui.opens is Opens.REDIRECT_URL and redirect is not None else page
    act.opened = opened
    return f"{act.dialect}: opens {opened.origin()}{opened.path}"


async def _way(act: Act) -> tuple[URL, str]:
    """Where ``add`` is asked, and with which token."""
    if act.dialect == Version.V1:
        return act.scene.proxy, await act.conf(limit=act.ui.proxy_seconds)
    said = need(await act.manager.start_service(act.wishes.envs, act.wishes.args))
    token, address = said.object.get("token"), said.object.get("wsproxy_addr")
    if not said.good or not isinstance(token, str) or not isinstance(address, str):
        raise StepFailed(f"start-service was answered {said.status}")
    return _valid(address) / act.dialect, token


def add_url(act: Act, base: URL, token: str) -> URL:
    """P 2.4, 5.3."""
    query = f"app={act.scene.app}"
    if act.ui.sends_protocol:
        query += "&protocol=http"
    encode = _ENCODINGS[act.ui.encoding]
    for name, wish in (("envs", act.wishes.envs), ("args", act.wishes.args)):
        query += _wished(name, wish, encode)
    return joined(base, f"/proxy/{quote(token, safe='')}/{act.scene.session}/add?{query}")


def _wished(name: str, wish: Mapping[str, str] | None, encode: Callable[[str], str]) -> str:
    return f"&{name}={encode(compact(wish))}" if wish else ""


_UNRESERVED = "-_.!~*'()"
_ENCODINGS: Mapping[Encoding, Callable[[str], str]] = {
    # what is not encoded by the page, the browser encodes as far as a query needs
    Encoding.RAW: lambda text: quote(text, safe=_UNRESERVED + ";,/?:@&=+${}[]|\\^`%"),
    Encoding.URI: lambda text: quote(text, safe=_UNRESERVED + ";,/?:@&=+$#"),
    Encoding.COMPONENT: lambda text: quote(text, safe=_UNRESERVED),
}


async def _added(act: Act, asked: URL) -> str:
    said = need(await act.browser.fetch("GET", asked, limit=act.ui.proxy_seconds))
    url = said.object.get("url")
    if said.good and isinstance(url, str):
        return url
    if act.ui.bad_add is BadAdd.IS_AN_ERROR:
        raise StepFailed(f"Invalid URL: add was answered {said.status}")
    if said.good and said.object:
        raise StepFailed("add gave no url: the dialog waits for ever")
    return str(asked)


def _valid(text: str) -> URL:
    url = page_url(text)
    if url is None:
        raise StepFailed(f"Invalid URL: {text!r}")
    return url


async def _permit(act: Act, page: URL) -> URL | None:
    """The ``redirect_url`` that ``page`` gives to who asks for JSON, in ages that ask."""
    kind = act.ui.permit
    if kind is Permit.NONE:
        return None
    said = await act.browser.fetch(
        "GET", page, fields={"Accept": "application/json"}, limit=act.ui.proxy_seconds
    )
    if isinstance(said, Nothing):
        if kind is Permit.FORGIVEN:
            return None
        raise StepFailed(f"Request failed: {said.said}")
    told = said.object
    if kind is Permit.STRICT and said.status >= 400:
        words = told.get("msg") or told.get("title") or told.get("message") or said.status
        raise StepFailed(f"the app's address was answered {said.status}: {words}")
    if kind is not Permit.FORGIVEN and said.good and "error_code" in told:
        raise StepFailed(f"the app's address was answered {told['error_code']}")
    return _redirect(act, told.get("redirect_url")) if said.good else None


def _redirect(act: Act, text: object) -> URL | None:
    url = page_url(text) if isinstance(text, str) else None
    if url is not None and act.ui.permit_key:
        act.permit_key = url.query.get("permit_key", "")
    return url
