"""The Python all-in-one wsproxy: API, ``/setup`` and app ports in one (P 7.8; observed 6)."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

from aiohttp import ClientSession, web

from wsproxy.compat.eras.proxies import Duplicates, PythonTraits
from wsproxy.compat.standins import checks, v2
from wsproxy.compat.standins.addresses import Addresses
from wsproxy.compat.standins.appport import AppPort, PortTraits
from wsproxy.compat.standins.checks import Complaints, Listing
from wsproxy.compat.standins.circuits import Circuit, Secrets, Start
from wsproxy.compat.standins.problems import (
    ANY_ORIGIN,
    BAD_CREDENTIALS,
    BAD_PARAMETERS,
    FORBIDDEN,
    UNAUTHORIZED,
    FaultError,
    Voice,
    crashed,
    missing,
    speaking,
)
from wsproxy.core import jwts
from wsproxy.core.wire import Version
from wsproxy.sim.site import Site

Knows = Callable[[Start], bool]

MINUS_ONE = {"appproxy/container-connection-refused": -1}
LISTING = Listing(wrapped=False)


def voice_of(traits: PythonTraits) -> Voice:
    codes = {"invalid-credentials": 400, **MINUS_ONE}
    return Voice(
        error_codes=False,
        pages_are_200=not traits.honest_pages,
        compact=False,
        codes=codes,
    )


class PythonProxy:
    """Handlers. Its tokens are readable, its circuits are never used again, and never expire."""

    def __init__(self, traits: PythonTraits, keys: Secrets, http: ClientSession) -> None:
        self._traits = traits
        self._voice = voice_of(traits)
        self._keys = keys
        self._http = http
        self._ports: list[AppPort] = []
        self.base = ""

    def application(self) -> web.Application:
        app = web.Application(middlewares=[speaking(self._voice)])
        shared = {
            "/status": self.status,
            "/v2/proxy/{token}/{session}/add": self.add,
            "/v2/proxy/auth": self.auth,
            "/v2/proxy/{token}/{session}/delete": self.delete,
            "/v2/proxy/{token}/{session}": self.exists,
        }
        for path, handler in shared.items():
            app.router.add_get(path, handler, allow_head=False)
            app.router.add_route("OPTIONS", path, v2.preflight)
        app.router.add_get("/", self.about, allow_head=False)
        app.router.add_get("/setup", self.setup, allow_head=False)
        app.router.add_post("/v2/conf", self.configure)
        app.router.add_route("OPTIONS", "/v2/conf", v2.preflight)
        app.router.add_delete("/api/circuit/{id}", self.delete_circuit)
        app.on_response_prepare.append(_allow_origin)
        return app

    async def close(self) -> None:
        for port in self._ports:
            await port.close()

    async def about(self, request: web.Request) -> web.Response:
        return web.json_response({"wsproxy": self._traits.release})

    async def status(self, request: web.Request) -> web.Response:
        document = {"api_version": "v2"}
        if self._traits.advertises:
            document["advertise_address"] = self.base
        return web.json_response(document)

    async def configure(self, request: web.Request) -> web.Response:
        """Anybody gets a token for any address (D9), and can read all of it (D18)."""
        given = checks.parsed(await request.read())
        if not isinstance(given, dict):
            raise crashed(self._voice)
        complaints = Complaints(given)
        for name in ("login_session_token", "kernel_host"):
            complaints.text(name)
        port = complaints.number("kernel_port")
        session = given.get("session")
        if not isinstance(session, dict):
            complaints.add("missing", ("session",), "Field required")
            session = {}
        elif "id" in session:
            complaints.uuid(session["id"], "session", "id")
        LISTING.judge(complaints)
        if not {"id", "user_uuid", "access_key"} <= session.keys():
            raise crashed(self._voice)
        claims = {
            "login_session_token": given["login_session_token"],
            "kernel_host": given["kernel_host"],
            "kernel_port": port,
            "session_id": session["id"],
            "user_uuid": session["user_uuid"],
            "group_id": session.get("group_id"),
            "access_key": session["access_key"],
            "domain_name": session.get("domain_name"),
        }
        return web.json_response({"token": jwts.sign(claims, self._keys.jwt)})

    async def add(self, request: web.Request) -> web.Response:
        """Neither the token nor the session is looked at (D25)."""
        wish = self._wish(request, Complaints(request.query))
        token, session = request.match_info["token"], request.match_info["session"]
        url = v2.auth_url(self.base, wish.kept, token, session)
        return web.json_response({"code": 200, "url": url})

    def _wish(self, request: web.Request, complaints: Complaints) -> checks.Wish:
        wish = checks.wish(request.query, complaints, checks.OLD_PROTOCOLS, addresses=False)
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
            raise FaultError(BAD_CREDENTIALS)
        circuit = Circuit(
            start, wish.app, wish.protocol, wish.open_to_public, wish.allowed_client_ips
        )
        await self._open(circuit)
        claims = {"version": "v2", "redirect": wish.redirect, "circuit": str(circuit.id)}
        url = v2.setup_url(self.base, claims, self._keys)
        if self._voice.wants_json(request.headers.get("Accept")):
            return web.json_response({"redirect_url": url, "reuse": False})  # always (D10)
        return v2.redirect(308, url)

    def _start(self, token: str) -> Start:
        claims = jwts.verify(token, self._keys.jwt)
        if claims is None:  # uncaught (D15)
            raise crashed(self._voice)
        try:
            return Start(
                kernel_host=claims["kernel_host"],
                kernel_port=claims["kernel_port"],
                session_id=claims["session_id"],
                user_id=claims["user_uuid"],
                access_key=claims["access_key"],
            )
        except KeyError as error:
            raise crashed(self._voice) from error

    async def _open(self, circuit: Circuit) -> None:
        """On the next free port; ``port`` is not looked at (D10)."""
        traits = PortTraits(
            voice=self._voice,
            fields=ANY_ORIGIN,
            duplicates=Duplicates.FIRST,
            follows=True,
            preflights_pass=False,
            always_streams=True,
            requotes=True,
            tells_of_ends=False,
            unresolvable_is_dead=self._traits.unresolvable_is_minus_one,
        )
        port = AppPort(traits, self._keys, self._http)
        self._ports.append(port)
        await port.open(circuit)

    async def setup(self, request: web.Request) -> web.Response:
        complaints = Complaints(request.query)
        token = complaints.text("token")
        LISTING.judge(complaints)
        claims: Mapping[str, Any] = jwts.verify(token, self._keys.jwt) or {}
        if "circuit" not in claims:
            raise crashed(self._voice)
        circuit = self._circuit(UUID(claims["circuit"]))
        if circuit.protocol == "tcp":
            return v2.tcp_answer(circuit, token, v2.SETUP_FIELDS)
        if circuit.protocol not in ("http", "preopen"):
            raise FaultError(BAD_PARAMETERS, "E20002: Protocol not available as interactive app")
        answer = v2.redirect(308, f"http://127.0.0.1:{circuit.port}", v2.SETUP_FIELDS)
        cookie = v2.permit_cookie(circuit, self._keys, attributes=False)
        answer.headers["Set-Cookie"] = cookie
        return answer

    def _circuit(self, circuit_id: UUID) -> Circuit:
        for port in self._ports:
            if port.circuit is not None and port.circuit.id == circuit_id:
                return port.circuit
        raise FaultError(missing("Circuit"))

    async def exists(self, request: web.Request) -> web.Response:
        """Only the access key finds it, whatever the start token (D25)."""
        token, session = request.match_info["token"], request.match_info["session"]
        if self._port(session, lambda start: token == start.access_key) is None:
            raise FaultError(missing("Circuit"))
        return web.json_response({"success": True})

    async def delete(self, request: web.Request) -> web.Response:
        """One circuit of the session, for whoever shows the cookie's value (D17, D23)."""
        token, session = request.match_info["token"], request.match_info["session"]
        port = self._port(session, lambda start: token in (start.access_key, start.user_id))
        if port is None or port.circuit is None:
            raise FaultError(missing("Circuit"))
        if request.query.get("permit_key") != port.circuit.permit(self._keys):
            raise FaultError(FORBIDDEN)
        port.circuit = None  # what is open stays open
        return web.json_response({"success": True})

    def _port(self, session: str, knows: Knows) -> AppPort | None:
        for port in self._ports:
            start = port.circuit.start if port.circuit else None
            if start is not None and start.session_id == session and knows(start):
                return port
        return None

    async def delete_circuit(self, request: web.Request) -> web.Response:
        """Never finds one (D11)."""
        if request.headers.get("X-BackendAI-Token") != self._keys.api:
            raise FaultError(UNAUTHORIZED, "Unauthorized access")
        try:
            UUID(request.match_info["id"])
        except ValueError as error:
            raise crashed(self._voice) from error
        raise FaultError(missing("Circuit"))


async def _allow_origin(request: web.Request, answer: web.StreamResponse) -> None:
    if request.path.startswith(("/status", "/v2/")):
        answer.headers.update(v2.echoed(request))


@asynccontextmanager
async def serving(traits: PythonTraits, keys: Secrets) -> AsyncIterator[Addresses]:
    """The all-in-one until the block ends."""
    async with v2.new_http() as http:
        proxy = PythonProxy(traits, keys, http)
        site = Site(proxy.application())
        try:
            await site.start()
            proxy.base = site.url
            yield Addresses(site.url, Version.V2, site.url)
        finally:
            await site.close()
            await proxy.close()
