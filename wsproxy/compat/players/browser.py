"""A browser around one page: header fields, cookies, CORS, redirects, as Chromium does it (O 3).

The fields and their order are those of the recordings; they differ by the way a page asks:

fetch      cors: Origin, and the answer must allow it; cookies with ``credentials`` only
opaque     no-cors: no Origin, cookies, the page never sees the answer
navigate   a new tab: no Origin, cookies, the person sees the answer
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from aiohttp import hdrs
from yarl import URL

from wsproxy.compat.players.conversation import Answer, Conversation, Nothing, Request, Why
from wsproxy.compat.players.cors import (
    Asking,
    Mode,
    origin_of,
    preflight_refused,
    redirected_origin,
    remembered,
    site,
    unreadable,
)
from wsproxy.compat.players.jar import Jar

Fields = list[tuple[str, str]]

AGENT = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "HeadlessChrome/156.0.0.0 Safari/537.36"
)
BRAND = '"Not:A-Brand";v="8", "Chromium";v="156"'
PAGE_ACCEPT = (
    "text/html,application/xhtml+xml,application/xml;q=0.9,image/jxl,image/avif,image/webp,"
    "image/apng,*/*;q=0.8,application/signed-exchange;v=b3;q=0.7"
)
ENCODINGS = "gzip, deflate, br, zstd"
LANGUAGE = "en-US,en;q=0.9"

REDIRECTS = frozenset({301, 302, 303, 307, 308})
MOST_REDIRECTS = 20


@dataclass(slots=True)
class Browser:
    """One person's browser with one page open. ``origin`` is the page's."""

    origin: str
    conversation: Conversation
    jar: Jar = field(default_factory=Jar)
    _allowed: set[tuple[str, str, bool]] = field(default_factory=set)

    async def fetch(
        self,
        method: str,
        url: URL,
        *,
        fields: Mapping[str, str] | None = None,
        body: bytes | None = None,
        credentials: bool = False,
        limit: float | None = None,
    ) -> Answer | Nothing:
        """``fetch(url, {mode: "cors"})``: the answer only if the page may read it."""
        asking = Asking(method, self.origin, credentials, fields or {})
        for _ in range(MOST_REDIRECTS):
            request = Request(method, url, self._cors_fields(asking, url, body), body, limit)
            answer = await self._allowed_answer(asking, request)
            if isinstance(answer, Nothing):
                return answer
            target = _target(answer)
            if target is None:
                return answer
            origin = redirected_origin(asking.origin, url, target)
            asking = Asking(method, origin, credentials, asking.fields)
            url = target
        return _too_many(url)

    async def _allowed_answer(self, asking: Asking, request: Request) -> Answer | Nothing:
        stranger = asking.origin != origin_of(request.url)
        if not stranger:
            return await self._send(request)
        if asking.needs_preflight():
            refused = await self._preflight(asking, request)
            if refused is not None:
                return refused
        answer = await self._send(request)
        if isinstance(answer, Nothing):
            return answer
        why = unreadable(asking, answer.fields)
        return self.conversation.hidden(why) if why else answer

    async def _preflight(self, asking: Asking, request: Request) -> Nothing | None:
        known = (asking.method, origin_of(request.url) + request.url.path, asking.credentials)
        if known in self._allowed:
            return None
        fields = self._preflight_fields(asking, request.url)
        question = Request(hdrs.METH_OPTIONS, request.url, fields, limit=request.limit)
        answer = await self.conversation.ask(question)
        if isinstance(answer, Nothing):
            return answer
        if why := preflight_refused(asking, answer.status, answer.fields):
            return self.conversation.hidden(why)
        if remembered(answer.fields):
            self._allowed.add(known)
        return None

    async def opaque(self, url: URL, *, limit: float | None = None) -> Nothing | None:
        """``fetch(url, {mode: "no-cors"})``: None when something answered, whatever it said."""
        answer = await self._follow(Mode.NO_CORS, url, limit)
        return answer if isinstance(answer, Nothing) else None

    async def navigate(self, url: URL, *, limit: float | None = None) -> Answer | Nothing:
        """A new tab with ``url``: what the person ends up with."""
        return await self._follow(Mode.NAVIGATE, url, limit)

    async def _follow(self, mode: Mode, url: URL, limit: float | None) -> Answer | Nothing:
        for _ in range(MOST_REDIRECTS):
            answer = await self._send(
                Request("GET", url, self._plain_fields(mode, url), None, limit)
            )
            target = None if isinstance(answer, Nothing) else _target(answer)
            if target is None:
                return answer
            url = target
        return _too_many(url)

    async def echo(self, page: URL, path: str, *, limit: float | None = None) -> str:
        """A WebSocket of the app's own page: "" when it echoes, or what went wrong."""
        scheme = {"http": "ws", "https": "wss"}.get(page.scheme, page.scheme)
        url = page.with_scheme(scheme).with_path(path)
        fields: Fields = [
            ("Pragma", "no-cache"),
            ("Cache-Control", "no-cache"),
            ("User-Agent", AGENT),
            ("Origin", origin_of(page)),
            ("Accept-Encoding", ENCODINGS),
            ("Accept-Language", LANGUAGE),
            *self._cookies(page.with_path(path)),
        ]
        return await self.conversation.echo(url, fields, limit)

    async def _send(self, request: Request) -> Answer | Nothing:
        answer = await self.conversation.ask(request)
        if isinstance(answer, Answer):
            self.jar.take(request.url, answer.fields.getall(hdrs.SET_COOKIE, ()))
        return answer

    # header fields, in the order of the recordings

    def _cors_fields(self, asking: Asking, url: URL, body: bytes | None) -> Fields:
        given = {"Accept": "*/*", **asking.fields}
        accept = given.pop("Accept")
        early = accept != "*/*"
        found: Fields = [("Connection", "keep-alive"), ("sec-ch-ua-platform", '"Linux"')]
        found.append(("User-Agent", AGENT))
        if early:
            found.append(("Accept", accept))
        found.append(("sec-ch-ua", BRAND))
        found += given.items()
        found.append(("sec-ch-ua-mobile", "?0"))
        if not early:
            found.append(("Accept", accept))
        own = asking.origin == origin_of(url)
        if not own or asking.method not in (hdrs.METH_GET, hdrs.METH_HEAD):
            found.append(("Origin", asking.origin))
        found += self._site(Mode.CORS, url)
        found += self._cookies(url) if asking.credentials or own else []
        return found

    def _preflight_fields(self, asking: Asking, url: URL) -> Fields:
        found: Fields = [
            ("Connection", "keep-alive"),
            ("Accept", "*/*"),
            ("Access-Control-Request-Method", asking.method),
        ]
        if names := asking.unusual():
            found.append(("Access-Control-Request-Headers", ",".join(names)))
        return [
            *found,
            ("Origin", asking.origin),
            ("User-Agent", AGENT),
            ("Sec-Fetch-Mode", Mode.CORS),
            ("Sec-Fetch-Site", site(self.origin, url)),
            *self._end(),
        ]

    def _plain_fields(self, mode: Mode, url: URL) -> Fields:
        if mode is Mode.NO_CORS:
            first = [
                ("Connection", "keep-alive"),
                ("sec-ch-ua-platform", '"Linux"'),
                ("User-Agent", AGENT),
                ("sec-ch-ua", BRAND),
                ("sec-ch-ua-mobile", "?0"),
                ("Accept", "*/*"),
            ]
        else:
            first = [
                ("Connection", "keep-alive"),
                ("sec-ch-ua", BRAND),
                ("sec-ch-ua-mobile", "?0"),
                ("sec-ch-ua-platform", '"Linux"'),
                ("Upgrade-Insecure-Requests", "1"),
                ("User-Agent", AGENT),
                ("Accept", PAGE_ACCEPT),
            ]
        return [*first, *self._site(mode, url), *self._cookies(url)]

    def _site(self, mode: Mode, url: URL) -> Fields:
        found: Fields = [("Sec-Fetch-Site", site(self.origin, url)), ("Sec-Fetch-Mode", mode)]
        if mode is Mode.NAVIGATE:
            found += [("Sec-Fetch-User", "?1"), ("Sec-Fetch-Dest", "document")]
            return [*found, *self._end(destination=False)]
        return [*found, *self._end()]

    def _end(self, *, destination: bool = True) -> Fields:
        found: Fields = [("Sec-Fetch-Dest", "empty")] if destination else []
        if self.origin.startswith("http"):
            found.append(("Referer", f"{self.origin}/"))
        return [*found, ("Accept-Encoding", ENCODINGS), ("Accept-Language", LANGUAGE)]

    def _cookies(self, url: URL) -> Fields:
        cookies = self.jar.field(url)
        return [("Cookie", cookies)] if cookies else []


def page_url(text: str) -> URL | None:
    """An absolute http(s) address as browsers read it; None for anything else ("Invalid URL")."""
    try:
        url = URL(text, encoded=text.isascii() and not set(text) & set(' "<>'))
    except ValueError:
        return None
    return url if url.scheme in ("http", "https") and url.host else None


def _target(answer: Answer) -> URL | None:
    location = answer.fields.get(hdrs.LOCATION)
    if answer.status not in REDIRECTS or location is None:
        return None
    try:
        return answer.url.join(URL(location, encoded=True)).with_fragment(None)
    except ValueError:
        return None


def _too_many(url: URL) -> Nothing:
    return Nothing(Why.NETWORK, f"GET {url.origin()}{url.path}: too many redirects")
