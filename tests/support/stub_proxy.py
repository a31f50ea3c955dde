"""A proxy that answers as the recordings' did, and keeps what reached it, byte order of the header
fields included. v1 below ``/``, v2 below ``/v2/`` with its own ``/setup`` and the app at ``/app``.
"""

import contextlib
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from tests.support.installations import serving

TOKEN = "STUBTOKEN"
START_TOKEN = "eed1eac6-1852-4935-95ce-0a170c1b2ad3"
PERMIT = 'appproxy_permit="MWI4ZQ=="'


@dataclass(frozen=True, slots=True)
class Seen:
    """One request, with its header names in the order they came."""

    method: str
    target: str
    names: tuple[str, ...]
    fields: Mapping[str, str]
    body: str

    @property
    def line(self) -> str:
        return f"{self.method} {self.target}"


@dataclass(slots=True)
class StubProxy:
    """``check`` is the code of a check, ``override`` the document and status of a path,
    ``no_cors`` the beginnings of paths whose answers name no origin."""

    url: str = ""
    asked: list[Seen] = field(default_factory=list)
    check: int = 404
    url_of_app: str = ""
    override: dict[str, tuple[Any, int]] = field(default_factory=dict)
    no_cors: tuple[str, ...] = ()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        names = tuple(name.decode() for name, _ in request.raw_headers)
        text = await request.text()
        seen = Seen(request.method, request.raw_path, names, request.headers, text)
        self.asked.append(seen)
        answer = self._answer(request)
        if request.method != "OPTIONS" and request.path in self.override:
            answer = _json(*self.override[request.path])
        if not any(request.path.startswith(path) for path in self.no_cors):
            self._allow(request, answer)
        return answer

    def lines(self) -> list[str]:
        return [seen.line for seen in self.asked]

    def _allow(self, request: web.Request, answer: web.Response) -> None:
        if request.path.startswith("/v2") or request.path in ("/setup", "/app"):
            answer.headers["Access-Control-Allow-Origin"] = "*"
            return
        answer.headers["Access-Control-Allow-Origin"] = request.headers.get("Origin", "*")
        answer.headers["Access-Control-Allow-Credentials"] = "true"
        answer.headers["Access-Control-Allow-Methods"] = "GET,PUT,POST,DELETE,OPTIONS"
        asked = request.headers.get("Access-Control-Request-Headers", "*")
        answer.headers["Access-Control-Allow-Headers"] = asked

    def _answer(self, request: web.Request) -> web.Response:
        if request.method == "OPTIONS":
            return web.Response(status=204)
        parts = request.path.strip("/").split("/")
        if parts[0] == "v2":
            return self._coordinator(request, parts[1:])
        match parts:
            case ["conf"]:
                return _json({"token": TOKEN})
            case ["proxy", _, _, "add"]:
                url = self.url_of_app or f"{self.url}/?token={TOKEN}&sess=x"
                return _json({"code": 200, "proxy": "http", "url": url})
            case ["proxy", _, _, "delete"]:
                return _json({"code": 200})
            case ["proxy", _, _]:
                return _json({"code": self.check}, self.check)
            case ["status"]:
                return _json({"api_version": "v2", "advertise_address": self.url})
            case ["setup"]:
                headers = {"Location": f"{self.url}/app", "Set-Cookie": f"{PERMIT}; Path=/"}
                return web.Response(status=302, headers=headers)
            case _:
                return _json({"service": "stub"})

    def _coordinator(self, request: web.Request, parts: list[str]) -> web.Response:
        match parts:
            case ["conf"]:
                return _json({"token": START_TOKEN})
            case ["proxy", token, session, "add"]:
                query = f"{request.query_string}&token={token}&session_id={session}"
                return _json({"code": 200, "url": f"{self.url}/v2/proxy/auth?{query}"})
            case ["proxy", "auth"]:
                setup = f"{self.url}/setup?token=JWT"
                if request.headers.get("Accept") == "application/json":
                    return _json({"redirect_url": setup, "reuse": False})
                return web.Response(status=308, headers={"Location": setup})
            case _:
                kind = "https://api.backend.ai/probs/url-not-found"
                return _json({"type": kind, "title": "Unknown URL path."}, 404)


def _json(document: Any, status: int = 200) -> web.Response:
    return web.Response(status=status, text=json.dumps(document), content_type="application/json")


@contextlib.asynccontextmanager
async def stub_proxy() -> AsyncIterator[StubProxy]:
    proxy = StubProxy()
    async with serving(proxy.handle) as proxy.url:
        yield proxy
