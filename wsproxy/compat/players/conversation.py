"""One player's requests and answers: sent exactly as given, recorded, bounded.

A request ends as a value: an ``Answer``, or ``Nothing`` with the reason. Only one end is an
exception: ``StandsStill``, when the client of that age would wait for ever, so that whatever it
was about to do next is not done.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from enum import Enum, auto
from typing import Any

import aiohttp
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from wsproxy.compat.scene import Exchange
from wsproxy.core.strangers import parsed
from wsproxy.net.resolver import LooseResolver

SHOWN = 2048
"""Characters of a body that are kept in the record."""

KEPT = 1 << 18
"""Bytes of a body that a player keeps; the rest is read and dropped."""

SOCKET_MARK = "wsproxy compat"


class StandsStill(Exception):
    """The client has no timeout here. ``str`` of it is one line for a person."""


class Why(Enum):
    """Why there is no answer."""

    NETWORK = auto()
    TIMEOUT = auto()
    """The client's own, which may be longer than was really waited."""
    CORS = auto()
    """There was an answer, and the browser hid it."""


@dataclass(frozen=True, slots=True)
class Nothing:
    """No answer. ``said`` is one line for a person."""

    why: Why
    said: str


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer, read. ``url`` is where it came from."""

    url: URL
    status: int
    fields: CIMultiDictProxy[str]
    body: bytes

    @property
    def document(self) -> Any:
        """The body as JSON; None when it is none."""
        return parsed(self.body)

    @property
    def object(self) -> Mapping[str, Any]:
        """The body as a JSON object; empty when it is none."""
        document = self.document
        return document if isinstance(document, dict) else {}

    @property
    def good(self) -> bool:
        return 200 <= self.status < 300


@dataclass(frozen=True, slots=True)
class Request:
    """``fields`` in the order they are sent. ``limit`` in seconds; None waits for ever."""

    method: str
    url: URL
    fields: Sequence[tuple[str, str]]
    body: bytes | None = None
    limit: float | None = None

    @property
    def where(self) -> str:
        return f"{self.method} {self.url.origin()}{self.url.path}"


@dataclass(slots=True)
class Conversation:
    """``patience``: no single wait is longer, whatever the client's age would do."""

    http: aiohttp.ClientSession
    patience: float
    exchanges: list[Exchange] = field(default_factory=list)

    async def ask(self, request: Request) -> Answer | Nothing:
        """One request; redirects are not followed. Raises ``StandsStill``."""
        started = time.monotonic()
        answer = await self._answer(request)
        self.note(request, answer, time.monotonic() - started)
        if isinstance(answer, Nothing) and answer.why is Why.TIMEOUT and request.limit is None:
            raise StandsStill(answer.said)
        return answer

    async def _answer(self, request: Request) -> Answer | Nothing:
        try:
            async with asyncio.timeout(self.bounded(request.limit)):
                async with self.http.request(
                    request.method,
                    request.url,
                    headers=CIMultiDict(request.fields),
                    data=request.body,
                    allow_redirects=False,
                ) as response:
                    body = await _read(response)
                    return Answer(request.url, response.status, response.headers, body)
        except TimeoutError:
            return Nothing(Why.TIMEOUT, self.waited(request.where, request.limit))
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return Nothing(Why.NETWORK, f"{request.where}: {_words(error)}")

    async def echo(self, url: URL, fields: Sequence[tuple[str, str]], limit: float | None) -> str:
        """Say something through a WebSocket and hear it again: "" or what went wrong. It has a
        connection of its own, as browsers do it.
        """
        request = Request("GET", url, fields, limit=limit)
        started = time.monotonic()
        status, said = await self._echoed(request)
        self.note(request, None, time.monotonic() - started, status, said)
        return said

    async def _echoed(self, request: Request) -> tuple[int, str]:
        status = 0
        try:
            async with asyncio.timeout(self.bounded(request.limit)):
                async with (
                    connections() as http,
                    http.ws_connect(
                        request.url, headers=CIMultiDict(request.fields), max_msg_size=0
                    ) as socket,
                ):
                    status = 101
                    await socket.send_str(SOCKET_MARK)
                    heard = await socket.receive()
        except TimeoutError:
            return status, self.waited(request.where, request.limit)
        except aiohttp.WSServerHandshakeError as error:
            return error.status, f"{request.where}: the WebSocket was answered {error.status}"
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return status, f"{request.where}: {_words(error)}"
        good = heard.type is aiohttp.WSMsgType.TEXT and heard.data == SOCKET_MARK
        return status, "" if good else f"{request.where}: the WebSocket gave nothing back"

    def bounded(self, limit: float | None) -> float:
        """How long is really waited."""
        return self.patience if limit is None else min(limit, self.patience)

    def waited(self, where: str, limit: float | None) -> str:
        if limit is None:
            return f"would wait for ever for {where}"
        if limit > self.patience:
            return f"would wait {limit:g} s for {where}"
        return f"waited {limit:g} s for {where}"

    def note(
        self,
        request: Request,
        result: Answer | Nothing | None,
        seconds: float,
        status: int = 0,
        failure: str = "",
    ) -> None:
        """Keep a request in the record; ``status`` and ``failure`` where there is no result."""
        answer = result if isinstance(result, Answer) else None
        failure = result.said if isinstance(result, Nothing) else failure
        self.exchanges.append(
            Exchange(
                method=request.method,
                url=str(request.url),
                headers=tuple(request.fields),
                body=_shown(request.body or b""),
                status=answer.status if answer else status,
                answer_headers=tuple(answer.fields.items()) if answer else (),
                answer=_shown(answer.body) if answer else "",
                seconds=seconds,
                failure=failure,
            )
        )

    def hidden(self, why: str) -> Nothing:
        """The last answer, which the browser did not show to the page."""
        last = self.exchanges[-1]
        said = f"{last.method} {last.url.partition('?')[0]}: hidden by the browser: {why}"
        self.exchanges[-1] = replace(last, failure=said)
        return Nothing(Why.CORS, said)


def connections() -> aiohttp.ClientSession:
    """Connections that add nothing to what a player sends, and keep no cookies."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(resolver=LooseResolver()),
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=None),
        skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
        trust_env=False,
    )


async def _read(response: aiohttp.ClientResponse) -> bytes:
    """All of the body, and its beginning kept."""
    kept = bytearray()
    async for part in response.content.iter_any():
        kept += part[: KEPT - len(kept)]
    return bytes(kept)


def _shown(body: bytes) -> str:
    text = body.decode("utf-8", "replace")
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"


def _words(error: BaseException) -> str:
    """One line without the addresses of objects."""
    with suppress(AttributeError):
        error = error.os_error  # type: ignore[attr-defined]
    text = str(error).partition("\n")[0][:200]
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
