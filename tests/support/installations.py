"""A small manager with its web server, for tests of clients: real sockets, real signatures."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

from aiohttp import web

from wsproxy.core import signing
from wsproxy.core.configuration import AuthMode, Configuration, Mode

SECRETS = {"AKUSER": "secret-of-the-user", "AKADMIN": "secret-of-the-admin"}
LOGIN = "0123456789abcdef0123456789abcdef"
ONE = "11111111-1111-4111-8111-111111111111"
TWO = "22222222-2222-4222-8222-222222222222"
THREE = "33333333-3333-4333-8333-333333333333"

Answer = tuple[int, bytes]


def problem(status: int, slug: str, title: str = "No such thing.") -> Answer:
    document = {"type": f"https://api.backend.ai/probs/{slug}", "title": title}
    return status, json.dumps(document).encode()


NO_SESSION = problem(404, "object-not-found", "No such session.")
NO_COORDINATOR = problem(503, "service-unavailable", "No coordinator configured")
UNKNOWN_PATH = problem(404, "url-not-found", "Unknown URL path.")


@dataclass
class Asked:
    """One request that arrived; ``who`` is the access key it was signed with."""

    method: str
    target: str
    who: str
    body: Any
    fields: Mapping[str, str]


@dataclass
class SmallManager:
    """``sessions``: id → (name, owner). ``override`` answers before everything else, or not."""

    url: str = ""
    sessions: dict[str, tuple[str, str]] = field(
        default_factory=lambda: {
            ONE: ("one", "AKUSER"),
            TWO: ("two", "AKUSER"),
            THREE: ("three", "AKADMIN"),
        }
    )
    apps: list[dict[str, Any]] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    override: Callable[[str, str], Answer | None] = lambda method, path: None
    start: Answer = NO_COORDINATOR
    version: Answer = (200, b'{"wsproxy_version": "v1"}')
    before_delete: Callable[[], Any] | None = None
    fields: dict[str, str] = field(default_factory=dict)

    @property
    def deletions(self) -> list[str]:
        return [asked.target for asked in self.asked if asked.method == "DELETE"]

    def targets(self) -> list[str]:
        return [asked.target for asked in self.asked]

    async def handle(self, request: web.Request) -> web.StreamResponse:
        who, path = self._caller(request)
        text = await request.text()
        body = json.loads(text) if text else None
        self.asked.append(Asked(request.method, request.raw_path, who, body, request.headers))
        if not who:
            status, answer = problem(401, "auth-failed", "Credential/signature mismatch.")
        else:
            status, answer = await self._answer(request, who, path)
        kind = "application/problem+json" if status >= 400 else "application/json"
        headers = {"Content-Type": kind, **self.fields}
        return web.Response(status=status, body=answer, headers=headers)

    def _caller(self, request: web.Request) -> tuple[str, str]:
        """Access key ("" for nobody) and the manager's path, below ``/func`` or not."""
        path = request.raw_path.partition("?")[0]
        login = request.headers.get("X-BackendAI-SessionID") or request.cookies.get(
            "AIOHTTP_SESSION", ""
        )
        if path.startswith(("/func/", "/server/")):
            known = login == LOGIN and "Authorization" not in request.headers
            return ("AKUSER" if known else ""), path.removeprefix("/func")
        found = signing.verify(
            SECRETS, request.method, request.raw_path, request.headers, datetime.now(UTC)
        )
        return ("" if isinstance(found, signing.Refusal) else str(found)), path

    async def _answer(self, request: web.Request, who: str, path: str) -> Answer:
        if (said := self.override(request.method, path)) is not None:
            return said
        parts = [unquote(part) for part in path.split("/")[1:]]
        match parts, request.method:
            case ["server", "login-check"], "POST":
                data = {"access_key": who, "role": "user", "status": "active"}
                return _good({"authenticated": True, "data": data, "session_id": LOGIN})
            case ["stream", "session", reference, "apps"], "GET":
                return _good(self.apps) if self._find(reference, who) else NO_SESSION
            case ["scaling-groups", _, "wsproxy-version"], "GET":
                return self.version
            case [""], "GET":
                return _good({"version": "v9.20250722", "manager": "26.8.1"})
            case ["session", *rest], _:
                return await self._of_session(request, who, rest)
            case _:
                return UNKNOWN_PATH

    async def _of_session(self, request: web.Request, who: str, parts: list[str]) -> Answer:
        match parts, request.method:
            case ["_", "match"], "GET":
                return _good({"matches": self._matches(request.query["id"], who)})
            case [reference], "DELETE":
                if self.before_delete is not None:
                    await self.before_delete()
                return self._delete(reference, request.query.get("owner_access_key", who))
            case [reference], "GET":
                found = self._find(reference, who)
                return _good({"status": "RUNNING"}) if len(found) == 1 else NO_SESSION
            case [reference, "start-service"], "POST":
                return self.start if self._find(reference, who) else NO_SESSION
            case _:
                return UNKNOWN_PATH

    def _matches(self, prefix: str, who: str) -> list[dict[str, str]]:
        return [
            {"id": one, "name": name, "status": "RUNNING"}
            for one, (name, owner) in self.sessions.items()
            if owner == who and name.startswith(prefix)
        ]

    def _find(self, reference: str, owner: str) -> list[str]:
        return [
            one
            for one, (name, whose) in self.sessions.items()
            if whose == owner and reference in (one, name)
        ]

    def _delete(self, reference: str, owner: str) -> Answer:
        found = self._find(reference, owner)
        if len(found) > 1:
            return problem(404, "too-many-sessions-matched", "Too many sessions matched.")
        if not found:
            return NO_SESSION
        del self.sessions[found[0]]
        return _good({"stats": {"status": "terminated"}})

    def api(self, access_key: str = "AKUSER") -> Configuration:
        """Who asks in API mode."""
        secret = SECRETS[access_key]
        return Configuration(
            self.url, Mode.API, access_key=access_key, secret_key=secret, api_version=8
        )

    def login(self, mode: AuthMode = AuthMode.COOKIE) -> Configuration:
        """Who asks in SESSION mode."""
        return Configuration(self.url, Mode.SESSION, session=LOGIN, api_version=8, auth_mode=mode)


def _good(document: Any) -> Answer:
    return 200, json.dumps(document).encode()


@contextlib.asynccontextmanager
async def serving(
    handle: Callable[[web.Request], Any], host: str = "127.0.0.1"
) -> AsyncIterator[str]:
    """One handler for everything; yields the address."""
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2)
    await runner.setup()
    await web.TCPSite(runner, host, 0).start()
    try:
        yield f"http://{host}:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@contextlib.asynccontextmanager
async def small_manager() -> AsyncIterator[SmallManager]:
    manager = SmallManager()
    async with serving(manager.handle) as manager.url:
        yield manager


@dataclass
class SmallGateway:
    """Answers clean-ups. ``circuits``: (dialect, session) → how many; ``token``: "" takes any."""

    url: str = ""
    token: str = ""
    circuits: dict[tuple[str, str], int] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    bodies: list[Any] = field(default_factory=list)
    override: Callable[[str, str], Answer | None] = lambda method, path: None
    hold: asyncio.Event | None = None

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(f"{request.method} {request.raw_path}")
        self.bodies.append(await request.text())
        if self.hold is not None:
            await self.hold.wait()
        status, answer = self._answer(request)
        return web.Response(status=status, body=answer, content_type="application/json")

    def _answer(self, request: web.Request) -> Answer:
        if (said := self.override(request.method, request.raw_path)) is not None:
            return said
        match request.path.split("/")[1:]:
            case ["proxy", token, session, "delete"]:
                if self.token and token != self.token:
                    return 403, b'{"code": 403}'
                count = self.circuits.pop(("v1", session), 0)
                return _good({"code": 200, "closed": count} if count else {"code": 404})
            case ["v2", "proxy", token, session, "delete"]:
                if self.token and token != self.token:
                    return _good({"success": False, "code": 403})
                count = self.circuits.pop(("v2", session), 0)
                return _good({"success": count > 0, "code": 200 if count else 404})
            case _:
                return 404, b"{}"


@contextlib.asynccontextmanager
async def small_gateway() -> AsyncIterator[SmallGateway]:
    gateway = SmallGateway()
    async with serving(gateway.handle) as gateway.url:
        yield gateway
