"""What a client does to reach an app, in both dialects, step by step as the WebUI does it.

v1:  PUT /conf → GET /proxy/{token}/{session}/add → the app's own port
v2:  manager: start-service → GET …/add → GET …/auth (JSON) → GET setup (cookie) → the app
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

from aiohttp import ClientResponse, ClientSession, ClientTimeout, CookieJar
from yarl import URL

from wsproxy.core.wire import VERSION_HEADER

STEP_SECONDS = 60.0
"""No single request of a visitor takes longer, 64 MiB included."""

StartService = Callable[[str, str], Awaitable[Mapping[str, Any]]]
"""(session, app) → the manager's ``token`` and ``wsproxy_addr``."""


class VisitError(RuntimeError):
    """A step was answered in another way than a client needs; says which, and with what."""


@dataclass(frozen=True, slots=True)
class OpenedApp:
    """An app that can be used now. ``entry`` is what a person opens, ``url`` the app itself.

    ``token`` is the right to close it: of ``/conf`` in v1, of start-service in v2.
    """

    version: str
    url: URL
    entry: URL
    token: str

    @property
    def address(self) -> tuple[str, int]:
        """Host and port for TCP apps."""
        assert self.url.host is not None and self.url.port is not None
        return self.url.host, self.url.port


@dataclass(frozen=True, slots=True)
class Login:
    """What a client tells a v1 gateway about its manager (protocol 2.1), API mode."""

    endpoint: str
    access_key: str
    secret_key: str
    api_version: str

    def document(self) -> dict[str, str]:
        return {
            "endpoint": self.endpoint,
            "mode": "API",
            "access_key": self.access_key,
            "secret_key": self.secret_key,
            "api_version": self.api_version,
        }


def new_http() -> ClientSession:
    """A client with a cookie jar that keeps cookies of addresses, as browsers do."""
    return ClientSession(
        cookie_jar=CookieJar(unsafe=True),
        trust_env=False,
        timeout=ClientTimeout(total=STEP_SECONDS),
    )


async def open_v1(
    http: ClientSession, gateway: str, login: Login, session: str, app: str, protocol: str
) -> OpenedApp:
    """Through the local gateway and the manager; raises ``VisitError``."""
    async with http.put(f"{gateway}/conf", json=login.document()) as answer:
        token = str((await _document(answer))["token"])
    query = {"app": app, "protocol": protocol}
    async with http.get(f"{gateway}/proxy/{token}/{session}/add", params=query) as answer:
        added = await _document(answer)
    if added.get("code") != 200:
        raise VisitError(f"add answered {added}")
    return OpenedApp("v1", URL(added["proxy"]), URL(added["url"]), token)


async def open_v2(
    http: ClientSession, start: StartService, session: str, app: str, protocol: str
) -> OpenedApp:
    """Straight to the container; the permit lands in ``http``'s cookie jar."""
    started = await start(session, app)
    base, token = str(started["wsproxy_addr"]).rstrip("/"), str(started["token"])
    query = {"app": app, "protocol": protocol}
    add = f"{base}/v2/proxy/{token}/{session}/add"
    async with http.get(add, params=query) as answer:
        entry = URL((await _document(answer))["url"], encoded=True)
    async with http.get(entry, headers={"Accept": "application/json"}) as answer:
        setup = URL((await _document(answer))["redirect_url"], encoded=True)
    if protocol == "tcp":
        async with http.get(setup) as answer:
            address = _tcp_address((await _document(answer))["redirectURI"])
        return OpenedApp("v2", URL(address), entry, token)
    async with http.get(setup, allow_redirects=False) as answer:
        if answer.status not in (302, 303, 307) or "Location" not in answer.headers:
            raise VisitError(f"setup answered {answer.status} without a redirect")
        landing = setup.join(URL(answer.headers["Location"], encoded=True))
    return OpenedApp("v2", landing.origin(), entry, token)


def _tcp_address(uri: str) -> str:
    """``tcp://host:port`` out of the address of the TCP helper (protocol 7.7)."""
    gateways = parse_qs(urlsplit(uri).query).get("gateway", [])
    if not gateways:
        raise VisitError(f"no gateway in {uri}")
    return gateways[0]


async def _document(answer: ClientResponse) -> dict[str, Any]:
    body = await answer.read()
    if answer.status != 200:
        where = f"{answer.method} {answer.url.path}"
        raise VisitError(f"{where} answered {answer.status}: {body[:300].decode(errors='replace')}")
    value = await answer.json(content_type=None)
    if not isinstance(value, dict):
        raise VisitError(f"{answer.url.path} answered something else than an object")
    return value


async def version_report(http: ClientSession, gateway: str, group: str) -> dict[str, Any]:
    """What the gateway says about a group: its document, with the ``status`` and the header."""
    async with http.get(f"{gateway}/scaling-groups/{group}/wsproxy-version") as answer:
        document = dict(await answer.json(content_type=None))
        return document | {
            "status": answer.status,
            "header": answer.headers.get(VERSION_HEADER, ""),
        }
