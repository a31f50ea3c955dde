"""App Proxy's coordinator (protocol 4, 5; observed 5): it has no route that ends anything."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID, uuid4

from aiohttp import web

from wsproxy.compat.eras.proxies import AppProxyTraits, Desktops
from wsproxy.compat.standins import checks, v2
from wsproxy.compat.standins.addresses import Addresses
from wsproxy.compat.standins.checks import Complaints, Listing, Wish
from wsproxy.compat.standins.circuits import Circuit, Secrets, Start
from wsproxy.compat.standins.problems import (
    BAD_CREDENTIALS,
    EXPOSED,
    NO_SESSION,
    NO_WORKER,
    FaultError,
    Voice,
    crashed,
    missing,
    speaking,
)
from wsproxy.compat.standins.worker import MINUS_ONE, Worker
from wsproxy.core.wire import Version
from wsproxy.sim.site import Site

LISTING = Listing(wrapped=True)


def voice_of(traits: AppProxyTraits) -> Voice:
    return Voice(
        strict=False,
        json_by_default=traits.json_by_default,
        bare_platform=False,
        codes=MINUS_ONE if traits.minus_one else {},
    )


class Coordinator:
    """Handlers. ``workers`` by the protocol they carry."""

    def __init__(self, traits: AppProxyTraits, keys: Secrets, workers: dict[str, Worker]) -> None:
        self._traits = traits
        self._keys = keys
        self._voice = voice_of(traits)
        self._workers = workers
        self._starts: dict[str, Start] = {}
        self.base = ""

    def application(self) -> web.Application:
        app = web.Application(middlewares=[self._with_cors, speaking(self._voice)])
        app.router.add_get("/status", self.status, allow_head=False)
        app.router.add_route("OPTIONS", "/status", v2.preflight)
        app.router.add_post("/v2/conf", self.configure)
        app.router.add_route("OPTIONS", "/v2/conf", v2.preflight)
        app.router.add_get("/v2/proxy/{token}/{session}/add", self.add, allow_head=False)
        app.router.add_get("/v2/proxy/auth", self.auth, allow_head=False)
        app.router.add_get("/health", self.health, allow_head=False)
        return app

    @web.middleware
    async def _with_cors(self, request: web.Request, handler: Any) -> web.StreamResponse:
        answer = await handler(request)
        assert isinstance(answer, web.StreamResponse)
        if request.path in ("/status", "/v2/conf"):
            answer.headers.update(v2.echoed(request))
        if answer.status >= 400 and self._traits.errors_have_cors:
            for name, value in EXPOSED.items():
                answer.headers.setdefault(name, value)
        return answer

    async def status(self, request: web.Request) -> web.Response:
        document = {"api_version": "v2"}
        if self._traits.advertises:
            document["advertise_address"] = self.base
        return web.json_response(document)

    async def health(self, request: web.Request) -> web.Response:
        return web.json_response(
            {
                "status": "ok",
                "version": self._traits.release,
                "component": "appproxy-coordinator",
                "connectivity": {"overall_healthy": True},
            }
        )

    async def configure(self, request: web.Request) -> web.Response:
        """No credential is looked at: no manager has one (protocol 5.2)."""
        given = checks.parsed(await request.read())
        complaints = Complaints(given if isinstance(given, dict) else {})
        for name in ("login_session_token", "kernel_host"):
            complaints.text(name)
        port = complaints.number("kernel_port") or 0
        session = _session(complaints, given)
        LISTING.judge(complaints)
        if session.get("id") is None or session.get("access_key") is None:
            raise FaultError(NO_SESSION, "Not meant for inference apps")
        token = str(uuid4())
        self._starts[token] = Start(
            kernel_host=given["kernel_host"],
            kernel_port=port,
            session_id=str(UUID(session["id"])),
            user_id=str(session["user_uuid"]),
            access_key=session["access_key"],
        )
        return web.json_response({"token": token})

    async def add(self, request: web.Request) -> web.Response:
        """The token is not looked at."""
        wish = self._wish(request, Complaints(request.query))
        token, session = request.match_info["token"], request.match_info["session"]
        url = v2.auth_url(self.base, wish.kept, token, session)
        return web.json_response({"code": 200, "url": url}, headers=EXPOSED)

    def _wish(self, request: web.Request, complaints: Complaints) -> Wish:
        old = self._traits.desktops is Desktops.REFUSED
        protocols = checks.OLD_PROTOCOLS if old else checks.ALL_PROTOCOLS
        addresses = self._traits.validates_addresses
        wish = checks.wish(request.query, complaints, protocols, addresses)
        LISTING.judge(complaints)
        return wish

    async def auth(self, request: web.Request) -> web.Response:
        complaints = Complaints(request.query)
        token = complaints.text("token")
        session_id = complaints.text("session_id")
        if "session_id" in request.query:
            session_id = complaints.uuid(session_id, "session_id")
        wish = self._wish(request, complaints)
        start = self._start(token)
        if start.session_id != session_id:
            raise FaultError(BAD_CREDENTIALS, "E20007: Session ID mismatch")
        worker = self._workers.get(self._carried(wish.protocol))
        if worker is None:
            raise FaultError(NO_WORKER)
        circuit, reused = await self._circuit(worker, start, wish)
        claims = {
            "id": token,
            "version": "v2",
            "redirect": wish.redirect,
            "circuit": str(circuit.id),
        }
        url = v2.setup_url(worker.base, claims, self._keys)
        if _asks_for_json(request):
            shown = reused and wish.protocol != "tcp"
            return web.json_response({"redirect_url": url, "reuse": shown}, headers=EXPOSED)
        return v2.redirect(308, url)

    def _start(self, token: str) -> Start:
        try:
            UUID(token)
        except ValueError as error:  # uncaught
            raise crashed(self._voice) from error
        start = self._starts.get(str(UUID(token)))
        if start is None:
            raise FaultError(missing("token"))
        return start

    def _carried(self, protocol: str) -> str:
        """The protocol of the worker that carries it."""
        if protocol in ("vnc", "rdp") and self._traits.desktops is Desktops.TCP:
            return "tcp"
        return "http" if protocol == "preopen" else protocol

    async def _circuit(self, worker: Worker, start: Start, wish: Wish) -> tuple[Circuit, bool]:
        wanted = Circuit(
            start,
            wish.app,
            self._carried(wish.protocol),
            wish.open_to_public,
            wish.allowed_client_ips,
        )
        if not wish.no_reuse:
            for each in self._workers.values():
                for circuit in each.circuits.values():
                    if circuit.serves(wanted):
                        return circuit, True
        await worker.open(wanted, wish.port)
        return wanted, False


def _asks_for_json(request: web.Request) -> bool:
    """The literal media type, without parameters, anywhere in the list."""
    accept = request.headers.get("Accept", "")
    return "application/json" in [part.strip() for part in accept.split(",")]


def _session(complaints: Complaints, given: Any) -> dict[str, Any]:
    session = given.get("session") if isinstance(given, dict) else None
    if not isinstance(session, dict):
        complaints.add("missing", ("session",), "Field required")
        return {}
    for name in ("id", "user_uuid"):
        if session.get(name) is not None:
            complaints.uuid(session[name], "session", name)
    return session


@asynccontextmanager
async def serving(
    traits: AppProxyTraits, keys: Secrets, *, tcp_worker: bool = True
) -> AsyncIterator[Addresses]:
    """A coordinator with a worker for HTTP, and one for TCP, until the block ends."""
    async with v2.new_http() as http:
        kinds = ("http", "tcp") if tcp_worker else ("http",)
        workers = {kind: Worker(traits, keys, http) for kind in kinds}
        coordinator = Coordinator(traits, keys, workers)
        site = Site(coordinator.application())
        try:
            for worker in workers.values():
                await worker.start()
            await site.start()
            coordinator.base = site.url
            yield Addresses(site.url, Version.V2, workers["http"].base)
        finally:
            await site.close()
            for worker in workers.values():
                await worker.close()
