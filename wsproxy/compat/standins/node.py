"""The Node proxy's control API, classic and hardened (protocol 2)."""

import asyncio
import json
import secrets
import time
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import unquote, urlsplit

from aiohttp import ClientSession, hdrs, web

from wsproxy.compat.eras.proxies import NodeTraits
from wsproxy.compat.standins import nodepages, v2
from wsproxy.compat.standins.addresses import Addresses
from wsproxy.compat.standins.nodegateway import HOST, App, Configuration, Gateway
from wsproxy.compat.standins.problems import Handler
from wsproxy.core.wire import Version
from wsproxy.net.binding import PortTaken
from wsproxy.sim.site import Site

REQUESTS_A_MINUTE = 600
CLASSIC_METHODS = "GET,HEAD,PUT,PATCH,POST,DELETE"
PORT_APPS = ("sshd", "vnc", "xrdp")


class NodeProxy:
    """Handlers. Every outcome marked with ``code`` has status 200."""

    def __init__(self, traits: NodeTraits, http: ClientSession) -> None:
        self._traits = traits
        self._http = http
        self._token = secrets.token_urlsafe(32) if traits.guarded else "local"
        self._configuration: Configuration | None = None
        self._gateways: dict[str, Gateway] = {}
        self._stopped: list[Gateway] = []
        self._calls: deque[float] = deque()
        self.base = ""

    def application(self) -> web.Application:
        app = web.Application(middlewares=[self._cors])
        app.router.add_get("/", self.listed)
        if self._traits.before_2022:
            app.router.add_get("/proxy/{token}/{session}/down", self.down)
        else:
            app.router.add_get("/status", self.status)
        app.router.add_put("/conf", self.configure)
        app.router.add_get("/proxy/{token}/{session}", self.exists)
        app.router.add_get("/proxy/{token}/{session}/add", self.add)
        app.router.add_get("/proxy/{token}/{session}/delete", self.delete)
        app.router.add_get("/redirect", self.redirect)
        app.router.add_get("/sftp", self.sftp)
        if self._traits.desktop_pages:
            app.router.add_get("/vnc", self.desktop)
            app.router.add_get("/xrdp", self.desktop)
        return app

    async def close(self) -> None:
        for gateway in (*self._gateways.values(), *self._stopped):
            await gateway.close()

    # who may

    @web.middleware
    async def _cors(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        allowed = not self._traits.guarded or _is_local(request.headers.get(hdrs.ORIGIN))
        if request.method == hdrs.METH_OPTIONS:
            answer: web.StreamResponse = web.Response(status=204)
            if allowed:
                answer.headers.update(self._preflight(request))
        else:
            answer = await self._answered(request, handler)
        if allowed:
            answer.headers.update(self._origin(request))
        return answer

    async def _answered(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except (web.HTTPNotFound, web.HTTPMethodNotAllowed):
            text = nodepages.cannot(request.method, request.path)
            return web.Response(status=404, text=text, content_type="text/html")

    def _origin(self, request: web.Request) -> dict[str, str]:
        if not self._traits.guarded:
            return {hdrs.ACCESS_CONTROL_ALLOW_ORIGIN: "*"}
        origin = request.headers.get(hdrs.ORIGIN)
        if origin is None:
            return {}
        return {
            hdrs.ACCESS_CONTROL_ALLOW_ORIGIN: origin,
            hdrs.ACCESS_CONTROL_ALLOW_CREDENTIALS: "true",
        }

    def _preflight(self, request: web.Request) -> dict[str, str]:
        if self._traits.guarded:
            return {
                hdrs.ACCESS_CONTROL_ALLOW_METHODS: "GET, PUT, OPTIONS",
                hdrs.ACCESS_CONTROL_ALLOW_HEADERS: "Content-Type, Accept, Authorization",
                hdrs.ACCESS_CONTROL_MAX_AGE: "86400",
            }
        fields: dict[str, str] = {hdrs.ACCESS_CONTROL_ALLOW_METHODS: CLASSIC_METHODS}
        asked = request.headers.get(hdrs.ACCESS_CONTROL_REQUEST_HEADERS)
        if asked:
            fields[hdrs.ACCESS_CONTROL_ALLOW_HEADERS] = asked
        return fields

    def _refused(self, request: web.Request) -> web.Response | None:
        """Why a ``/proxy`` request goes no further, in the order of protocol 2.3."""
        if self._traits.guarded:
            if self._limited():
                return web.Response(status=429, text="Too many requests, please try again later.")
            given = request.match_info["token"]
            if not secrets.compare_digest(given.encode(), self._token.encode()):
                return _code(403, 403)
        return _code(401) if self._configuration is None else None

    def _limited(self) -> bool:
        now = time.monotonic()
        while self._calls and self._calls[0] <= now - 60:
            self._calls.popleft()
        self._calls.append(now)
        return len(self._calls) > REQUESTS_A_MINUTE

    # what it does

    async def listed(self, request: web.Request) -> web.Response:
        return web.json_response(list(self._gateways))

    async def status(self, request: web.Request) -> web.Response:
        return web.json_response({"api_version": "v1"})

    async def configure(self, request: web.Request) -> web.Response:
        if self._traits.guarded and not _is_local(request.headers.get(hdrs.ORIGIN)):
            return _code(403, 403)
        try:
            given = json.loads(await request.read() or b"{}")
        except ValueError as error:
            text = nodepages.error_page(f"SyntaxError: {error}")
            return web.Response(status=400, text=text, content_type="text/html")
        self._configuration = _configuration(given if isinstance(given, dict) else {})
        return web.json_response({"token": self._token})

    async def exists(self, request: web.Request) -> web.Response:
        refused = self._refused(request)
        if refused is not None:
            return refused
        session = request.match_info["session"]
        found = any(key.startswith(session) for key in self._gateways)
        return _code(200 if found else 404)

    async def add(self, request: web.Request) -> web.Response:
        refused = self._refused(request)
        if refused is not None or self._configuration is None:
            return refused or _code(401)
        app = App(
            request.match_info["session"],
            request.query.get("app", "jupyter"),
            await self._object(request, "envs"),
            await self._object(request, "args"),
        )
        try:
            gateway = await self._gateway(app, self._configuration, request.query.get("port", ""))
        except PortTaken:
            return _code(500)
        return web.json_response(self._opened(app.name, gateway.port))

    async def _object(self, request: web.Request, name: str) -> str:
        """Decoded once more than it should be; what is no JSON leaves the caller without answer."""
        text = unquote(request.query.get(name, ""))
        if not text:
            return ""
        try:
            value = json.loads(text)
        except ValueError:
            await asyncio.get_running_loop().create_future()  # nobody noticed the error
            raise AssertionError("nothing ends that") from None
        return json.dumps(value, separators=(",", ":"), ensure_ascii=False) if value else ""

    async def _gateway(self, app: App, configuration: Configuration, port: str) -> Gateway:
        known = self._gateways.get(app.key)
        if known is not None and (known.listens or not self._traits.evicts_dead):
            return known
        gateway = Gateway(self._traits, app, configuration, self._http)
        await gateway.start(int(port) if port.isdecimal() else 0)
        if known is not None:
            self._stopped.append(known)
        self._gateways[app.key] = gateway
        return gateway

    def _opened(self, name: str, port: int) -> dict[str, Any]:
        host = "localhost" if self._traits.before_2022 else HOST
        opened: dict[str, Any] = {"code": 200, "proxy": f"http://{host}:{port}"}
        if name == "xrdp" and self._traits.before_2022:
            return {**opened, "url": f"{self.base}/redirect?port={port}"}
        if name == "sftp" or name in PORT_APPS:
            if name != "sftp":
                opened["port"] = port
            return {**opened, "url": f"{self.base}/{name}?port={port}&dummy=1"}
        return {**opened, "url": f"{self.base}/redirect?port={port}"}

    async def delete(self, request: web.Request) -> web.Response:
        refused = self._refused(request)
        if refused is not None:
            return refused
        session, app = request.match_info["session"], request.query.get("app")
        if self._traits.before_2022:
            app = None
        return self._stop(
            [
                key
                for key in self._gateways
                if (key == f"{session}|{app}" if app else key.startswith(session))
            ]
        )

    async def down(self, request: web.Request) -> web.Response:
        """One app; delete knows no apps yet."""
        key = f"{request.match_info['session']}|{request.query.get('app', '')}"
        return self._refused(request) or self._stop([key] if key in self._gateways else [])

    def _stop(self, gone: list[str]) -> web.Response:
        for key in gone:
            gateway = self._gateways.pop(key)
            gateway.stop()
            self._stopped.append(gateway)
        return _code(200 if gone else 404)

    # pages

    async def redirect(self, request: web.Request) -> web.Response:
        port, wanted = request.query.get("port", ""), request.query.get("redirect", "")
        if self._traits.guarded:
            if not _is_port(port):
                return _page("Invalid Port", 400)
            if not _is_path(wanted):
                return _page("Invalid Redirect Path", 400)
            wanted = wanted.replace("<proxy-host>", HOST).replace("<port-number>", port)
        headers = {hdrs.LOCATION: f"http://{HOST}:{port}{wanted}"}
        return web.Response(status=302, text="Found. Redirecting", headers=headers)

    async def sftp(self, request: web.Request) -> web.Response:
        return self._link("sftp", request, "upload@")

    async def desktop(self, request: web.Request) -> web.Response:
        return self._link("rdp" if request.path == "/xrdp" else "vnc", request)

    def _link(self, scheme: str, request: web.Request, user: str = "") -> web.Response:
        port = request.query.get("port", "")
        if self._traits.guarded and not _is_port(port):
            return _page("Invalid Port", 400)
        return _page(nodepages.link(scheme, HOST, port, user), 200)


def _configuration(given: dict[str, Any]) -> Configuration:
    return Configuration(
        endpoint=str(given.get("endpoint", "")),
        session_mode=given.get("mode") == "SESSION",
        session=str(given.get("session", "")),
        auth_mode=str(given.get("auth_mode", "")),
        access_key=str(given.get("access_key", "")),
        secret_key=str(given.get("secret_key", "")),
        api_version=_number(given.get("api_version", 4)),
    )


def _number(value: object) -> float:
    """What JavaScript makes of ``"8."`` and of things that are no number."""
    try:
        return float(str(value))
    except ValueError:
        return 4.0


def _code(code: int, status: int = 200) -> web.Response:
    return web.json_response({"code": code}, status=status)


def _page(text: str, status: int) -> web.Response:
    return web.Response(status=status, text=text, content_type="text/html")


def _is_port(text: str) -> bool:
    return text.isdecimal() and 0 < int(text) < 65536


def _is_path(text: str) -> bool:
    if not text:
        return True
    return text.startswith("/") and not text.startswith("//") and not {"\r", "\n"} & set(text)


def _is_local(origin: str | None) -> bool:
    """Whether a hardened proxy talks with a page of that origin (protocol 2.7)."""
    if origin is None or origin == "es6://app":
        return True
    try:
        host = urlsplit(origin).hostname or ""
    except ValueError:
        return False
    return host in ("localhost", "127.0.0.1", "::1") or host.endswith(".localhost")


@asynccontextmanager
async def serving(traits: NodeTraits) -> AsyncIterator[Addresses]:
    """The proxy until the block ends."""
    async with v2.new_http() as http:
        proxy = NodeProxy(traits, http)
        site = Site(proxy.application())
        try:
            await site.start()
            proxy.base = site.url
            yield Addresses(site.url, Version.V1)
        finally:
            await site.close()
            await proxy.close()
