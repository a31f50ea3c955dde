"""App Proxy's worker: ``/setup``, and a port for each circuit (protocol 5.5, 7; observed 5)."""

import time
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from aiohttp import ClientSession, web

from wsproxy.compat.eras.proxies import AppProxyTraits
from wsproxy.compat.standins import v2
from wsproxy.compat.standins.appport import AppPort, PortTraits
from wsproxy.compat.standins.checks import Complaints, Listing
from wsproxy.compat.standins.circuits import Circuit, Secrets
from wsproxy.compat.standins.problems import (
    ANY_ORIGIN,
    BAD_PARAMETERS,
    PORT_TAKEN,
    FaultError,
    Voice,
    crashed,
    missing,
    speaking,
)
from wsproxy.compat.standins.tcpport import TcpPort
from wsproxy.core import jwts
from wsproxy.net.binding import PortTaken
from wsproxy.sim.site import Site

LISTING = Listing(wrapped=True)
MINUS_ONE = {
    "appproxy/container-connection-refused": -1,
    "appproxy/worker-not-available": -1,
}


class Worker:
    """Handlers, and the ports. A circuit ends with the worker: nobody else can end it."""

    def __init__(self, traits: AppProxyTraits, keys: Secrets, http: ClientSession) -> None:
        self._traits = traits
        self._keys = keys
        self._http = http
        codes: Mapping[str, int] = MINUS_ONE if traits.minus_one else {}
        self._voice = Voice(fields=ANY_ORIGIN, codes=codes)
        self._ports: list[AppPort | TcpPort] = []
        self._site = Site(self.application())
        self.circuits: dict[UUID, Circuit] = {}

    @property
    def base(self) -> str:
        return self._site.url

    def application(self) -> web.Application:
        app = web.Application(middlewares=[speaking(self._voice)])
        app.router.add_get("/setup", self.setup, allow_head=False)
        for path in ("/", "/health"):
            app.router.add_get(path, self.health, allow_head=False)
        app.router.add_get("/status", self.status, allow_head=False)
        app.router.add_route("OPTIONS", "/status", v2.preflight)
        return app

    async def start(self) -> None:
        await self._site.start()

    async def close(self) -> None:
        await self._site.close()
        for port in self._ports:
            await port.close()

    async def open(self, circuit: Circuit, wanted: int | None) -> None:
        """Give it a port; raises ``FaultError`` (409)."""
        port = self._tcp() if circuit.protocol == "tcp" else self._app()
        try:
            await port.open(circuit, wanted or 0)
        except PortTaken as error:
            raise FaultError(PORT_TAKEN) from error
        self._ports.append(port)
        self.circuits[circuit.id] = circuit

    def _tcp(self) -> TcpPort:
        return TcpPort(enforces_addresses=self._traits.enforces_addresses)

    def _app(self) -> AppPort:
        traits = PortTraits(
            voice=self._voice,
            fields={**ANY_ORIGIN, "Access-Control-Allow-Headers": "authorization"},
            duplicates=self._traits.duplicates,
            enforces_addresses=self._traits.enforces_addresses,
            bare=self._traits.bare_app_errors,
            refuses_dead_websockets=self._traits.refuses_dead_websockets,
        )
        return AppPort(traits, self._keys, self._http)

    async def status(self, request: web.Request) -> web.Response:
        return web.json_response({"api_version": "v2"})

    async def health(self, request: web.Request) -> web.Response:
        document: dict[str, Any] = {
            "status": "ok",
            "version": self._traits.release,
            "component": "appproxy-worker",
            "connectivity": {"overall_healthy": True},
        }
        return web.json_response(document)

    async def setup(self, request: web.Request) -> web.Response:
        complaints = Complaints(request.query)
        token = complaints.text("token")
        LISTING.judge(complaints)
        claims = jwts.verify(token, self._keys.jwt)
        circuit = self._circuit(claims)
        fields = dict(v2.SETUP_FIELDS)
        if self._traits.no_store:
            fields["Cache-Control"] = "no-store"
        wanted = str((claims or {}).get("redirect", ""))
        if circuit.protocol == "tcp":
            if wanted:
                return v2.redirect(302, v2.tcp_url(circuit, token), fields)
            return v2.tcp_answer(circuit, token, fields)
        if circuit.protocol != "http":
            raise FaultError(BAD_PARAMETERS, "E20002: Protocol not available as interactive app")
        answer = v2.redirect(self._traits.setup_status, self._frontend(circuit, wanted), fields)
        answer.headers["Set-Cookie"] = v2.permit_cookie(
            circuit, self._keys, attributes=self._traits.cookie_attributes
        )
        return answer

    def _circuit(self, claims: Mapping[str, Any] | None) -> Circuit:
        """Whatever is wrong with a token is an error that nobody caught."""
        try:
            circuit_id = UUID((claims or {})["circuit"])
        except (KeyError, ValueError) as error:
            raise crashed(self._voice) from error
        end = jwts.seconds((claims or {}).get("exp"))
        if end is not None and end < time.time():
            raise crashed(self._voice)
        if circuit_id not in self.circuits:
            raise FaultError(missing("worker:circuit"))
        return self.circuits[circuit_id]

    def _frontend(self, circuit: Circuit, wanted: str) -> str:
        url = f"http://127.0.0.1:{circuit.port}"
        if not wanted or not self._traits.setup_redirects:
            return url
        return url + (wanted if wanted.startswith("/") else f"/{wanted}")
