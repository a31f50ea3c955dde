"""The v2 side of a gateway without its command line: real control API, circuits and listeners.

client ── API ──┐
client ── app port or domain ── engine ── apps of the test
"""

import asyncio
import contextlib
import random
import socket
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass, field, replace
from http.cookies import SimpleCookie
from ipaddress import ip_network
from typing import Any
from uuid import uuid4

from aiohttp import ClientResponse, ClientSession, ClientTimeout, DummyCookieJar, TCPConnector, web
from yarl import URL

from tests.support.circuits import FakeHost
from wsproxy.api.cross_origin import CrossOriginRules
from wsproxy.api.endpoint import Endpoint
from wsproxy.api.guard import by_secret
from wsproxy.api.server import ApiPolicy, build
from wsproxy.api.v2 import conf, endpoints, proxy, setup
from wsproxy.api.v2.start_tokens import StartTokens
from wsproxy.circuits import CircuitRules, Circuits, ListenerHost
from wsproxy.core.admission import AdmissionRules, SetupAddresses, TcpAdmission, admit_tcp
from wsproxy.core.circuit import Circuit
from wsproxy.core.clientip import Networks, parse_address
from wsproxy.core.confaccess import ConfRules
from wsproxy.core.cors import Origins
from wsproxy.core.documents import NodeFacts
from wsproxy.core.heads import Peer
from wsproxy.core.permits import PermitRules
from wsproxy.core.setup import Keys, Places
from wsproxy.core.slots import SlotRules
from wsproxy.core.targets import Listening, TargetRules
from wsproxy.core.wire import Version
from wsproxy.data.accepted import Plane
from wsproxy.data.checks import RouteChecks
from wsproxy.data.client import serve
from wsproxy.data.dial import Dialer, DialRules, StreamOpener
from wsproxy.data.engine import Engine
from wsproxy.data.health import Routes
from wsproxy.data.listeners import Factories, Listeners
from wsproxy.data.sites import CircuitSite, SiteRules, WildcardSite
from wsproxy.data.tcp import serve_tcp
from wsproxy.endpoints import EndpointRules, Endpoints
from wsproxy.net.connect import Factory
from wsproxy.net.targets import TargetCheck
from wsproxy.state.feed import Feed
from wsproxy.state.memory import MemoryStore

API_SECRET = "an api secret for tests"
KEYS = Keys("a jwt secret for tests", "a permit secret for tests")
ACCESS_KEY = "AKIAIOSFODNN7EXAMPLE"
USER = "f38dea23-50fa-42a0-b5ae-338f5f4693f4"
GROUP = "2de2b969-1d04-48a6-af16-0bc8adb3c831"
UI = "https://ui.example"
LOOPBACK: Networks = (ip_network("127.0.0.0/8"),)


class Clock:
    """Unix seconds that a test moves."""

    def __init__(self, now: float = 1_700_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


@dataclass(frozen=True, slots=True)
class Wish:
    """How a test wants the gateway. ``domain``: wildcard mode. ``api_host``: advertised name."""

    host: FakeHost | None = None  # binds nothing; None: real listeners
    ports: tuple[int, ...] = (0,)
    domain: str = ""
    api_host: str = "127.0.0.1"
    app_host: str = "127.0.0.1"
    targets: Networks = LOOPBACK
    conf_from: Networks = LOOPBACK
    trusted: Networks = ()
    classic: bool = False
    tcp: TcpAdmission = TcpAdmission.SETUP_ADDRESS
    fallback: proxy.Fallback | None = None
    streams: StreamOpener | None = None
    session_gone: proxy.SessionGone | None = None
    per_session: int = 64
    draw: Callable[[], float] = random.random
    clock: Clock = field(default_factory=Clock)


@dataclass(frozen=True, slots=True)
class Link:
    """What ``auth`` said: where the setup page is, and the circuit that it is for."""

    url: str
    reuse: bool
    circuit: Circuit


class V2:
    """A running gateway. ``session`` is a client without cookie jar and redirects."""

    def __init__(self, wish: Wish, port: int, circuits: Circuits, plane: "_Plane") -> None:
        self.wish = wish
        self.clock = wish.clock
        self.circuits = circuits
        self.endpoints = Endpoints(circuits, _endpoint_rules(wish, plane.places))
        self.routes = plane.routes
        self.checks = plane.checks
        self.feed = plane.feed
        self.base = f"http://127.0.0.1:{port}"
        self.session = ClientSession(
            connector=TCPConnector(force_close=True),
            cookie_jar=DummyCookieJar(),
            timeout=ClientTimeout(total=30),
        )

    def at(self, url: str) -> str:
        """An advertised address as it can be reached: every name is this machine."""
        _, _, rest = url.partition("://")
        port = rest.partition("/")[0].rpartition(":")[2]
        return f"http://127.0.0.1:{port}/" + rest.partition("/")[2]

    async def ask(
        self, path: str, method: str = "GET", **options: Any
    ) -> tuple[ClientResponse, str]:
        """One request to the control API, or to a full address; the answer and its text."""
        url = path if path.startswith("http") else self.base + path
        options.setdefault("allow_redirects", False)
        async with self.session.request(method, url, **options) as response:
            return response, await response.text()

    async def json(self, path: str, method: str = "GET", **options: Any) -> Any:
        """The document of an answer, which must be JSON."""
        options.setdefault("headers", {"Accept": "application/json"})
        response, _ = await self.ask(path, method, **options)
        return await response.json()

    async def conf(self, session_id: str, port: int, host: str = "127.0.0.1", **more: Any) -> str:
        """Announce an app as managers from 23.03 do; the start token."""
        body = {
            "login_session_token": None,
            "kernel_host": host,
            "kernel_port": port,
            "session": block(session_id),
            **more,
        }
        return str((await self.json("/v2/conf", "POST", json=body))["token"])

    async def auth(self, token: str, session: str, **query: str) -> Link:
        """Open as newer user interfaces do."""
        query = {"app": "jupyter", "protocol": "http", **query}
        document = await self.json(
            "/v2/proxy/auth", params={**query, "token": token, "session_id": session}
        )
        assert "redirect_url" in document, document
        circuit = self.circuits.find(session, app=query["app"])[-1]
        return Link(document["redirect_url"], document["reuse"], circuit)

    async def cookie(self, link: Link, headers: dict[str, str] | None = None) -> str:
        """Fetch the setup page; the permit as a Cookie field."""
        response, _ = await self.ask(self.at(link.url), headers=headers)
        assert response.status == 302, await response.text()
        jar = SimpleCookie(response.headers["Set-Cookie"])
        return "; ".join(f"{name}={morsel.value}" for name, morsel in jar.items())

    async def opened(self, port: int, session: str = "", **query: str) -> tuple[Link, str]:
        """The whole way: conf, auth, setup. The link and the permit."""
        session = session or str(uuid4())
        link = await self.auth(await self.conf(session, port), session, **query)
        return link, await self.cookie(link)


def block(session: str, **changes: Any) -> dict[str, Any]:
    """The session block of ``/v2/conf``."""
    return {
        "id": session,
        "user_uuid": USER,
        "group_id": GROUP,
        "access_key": ACCESS_KEY,
        "domain_name": "default",
        **changes,
    }


@contextlib.asynccontextmanager
async def v2(wish: Wish | None = None) -> AsyncIterator[V2]:
    """A gateway; when the context ends nothing may be left open."""
    wish = wish or Wish()
    store = MemoryStore(wish.clock)
    feed = Feed(store, "node")
    await feed.start()
    api, seen = _Api(), SetupAddresses()
    plane = _Plane(wish, Engine(Dialer(DialRules(), wish.streams)), feed, seen)
    plane.places = replace(
        plane.places,
        api=f"http://{wish.api_host}:{api.port}",
        domain_port=await plane.serve_domain() if wish.domain else 443,
    )
    host: ListenerHost = wish.host or plane.listeners
    circuits = Circuits(store, feed, host, CircuitRules(wish.per_session), clock=wish.clock)
    await api.start(_endpoints(wish, store, circuits, seen, plane))
    gateway = V2(wish, api.port, circuits, plane)
    try:
        yield gateway
    finally:
        await gateway.session.close()
        await api.close()
        await plane.checks.close()
        await circuits.stop()
        await plane.listeners.close_all()
        await feed.close()
        await store.close()


class _Plane:
    """The data plane of one gateway. ``places`` is complete once the API has its port."""

    def __init__(self, wish: Wish, engine: Engine, feed: Feed, seen: SetupAddresses) -> None:
        self._wish = wish
        self._engine = engine
        self.feed = feed
        self.routes = Routes(wish.clock)
        self.checks = RouteChecks(lambda: feed.table, self.routes, Dialer(DialRules()))
        feed.on_change(self.checks.forget)
        self.places = Places("http://unset", wish.app_host, wish.domain, 0)
        self._raw = Plane(Dialer(DialRules()), engine.open, engine.activity, engine.tasks)
        self._seen = seen
        self.listeners = Listeners(engine, Factories(self._http, self._tcp, self._tcp))

    def _rules(self) -> SiteRules:
        permits = PermitRules(KEYS.permit_secret, self._wish.classic)
        return SiteRules(
            table=lambda: self.feed.table,
            places=self.places,
            keys=KEYS,
            admission=AdmissionRules(permits, KEYS.jwt_secret),
            trusted=self._wish.trusted,
            clock=self._wish.clock,
            draw=self._wish.draw,
        )

    def _http(self, circuit: Circuit) -> Factory:
        site = CircuitSite(self._rules(), self.routes, circuit.id, circuit.port or 0)
        return serve(self._engine, site)

    def _tcp(self, circuit: Circuit) -> Factory:
        return serve_tcp(self._raw, circuit, self._admit, lambda: self.feed.table.by_id(circuit.id))

    def _admit(self, circuit: Circuit, peer: Peer) -> bool:
        client = parse_address(peer.host)
        return admit_tcp(circuit, client, self._wish.tcp, self._seen) is None

    async def serve_domain(self) -> int:
        def factory() -> asyncio.Protocol:
            return serve(self._engine, WildcardSite(self._rules(), self.routes))()

        port = await self.listeners.serve_site("127.0.0.1", 0, factory)
        assert isinstance(port, int)
        return port


class _Api:
    """The control API on a free port of its own."""

    def __init__(self) -> None:
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self.socket.getsockname()[1]
        self._runner: web.AppRunner | None = None

    async def start(self, endpoints: Iterable[Endpoint]) -> None:
        origins = Origins(frozenset({UI}))
        policy = ApiPolicy(Version.V2, CrossOriginRules(origins, origins), lambda *_: True)
        self._runner = web.AppRunner(build(endpoints, policy), access_log=None)
        await self._runner.setup()
        await web.SockSite(self._runner, self.socket).start()

    async def close(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
        self.socket.close()


def _endpoints(
    wish: Wish, store: MemoryStore, circuits: Circuits, seen: SetupAddresses, plane: _Plane
) -> list[Endpoint]:
    tokens = StartTokens(store)
    permits = PermitRules(KEYS.permit_secret, wish.classic)
    places, clock = plane.places, wish.clock
    announcing = conf.ConfPart(
        tokens,
        ConfRules(API_SECRET, wish.conf_from, wish.trusted),
        TargetRules(allowed=wish.targets),
        lambda port: [Listening("127.0.0.1", URL(places.api).port or 0)],
        clock,
    )
    opening = proxy.ProxyPart(
        circuits=circuits,
        tokens=tokens,
        places=places,
        slots=SlotRules("127.0.0.1", wish.ports, bool(wish.domain)),
        jwt_secret=KEYS.jwt_secret,
        permits=permits,
        origins=Origins(frozenset({UI})),
        fallback=wish.fallback,
        session_gone=wish.session_gone or _nobody_knows,
        clock=clock,
    )
    showing = setup.SetupPart(lambda: circuits.table, places, KEYS, seen, wish.trusted, clock)
    inference = endpoints.EndpointsPart(
        Endpoints(circuits, _endpoint_rules(wish, places)),
        _node(wish, places),
        places,
        KEYS.jwt_secret,
        clock,
    )
    return [
        *conf.endpoints(announcing),
        *proxy.endpoints(opening),
        *setup.endpoints(showing),
        *endpoints.endpoints(inference, by_secret(API_SECRET, clock)),
    ]


def _endpoint_rules(wish: Wish, places: Places) -> EndpointRules:
    own = Listening("127.0.0.1", URL(places.api).port or 0)
    targets = TargetCheck(TargetRules(allowed=wish.targets), lambda port: [own])
    return EndpointRules(SlotRules("127.0.0.1", wish.ports, bool(wish.domain)), places, targets)


def _node(wish: Wish, places: Places) -> NodeFacts:
    return NodeFacts(uuid4(), "gateway:5050", "gateway", 5050, 0.0, wish.ports, places.domain)


async def _nobody_knows(owner: str, session_id: str) -> bool | None:
    return None
