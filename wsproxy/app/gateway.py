"""One node's life: bind, serve, drain, close."""

import asyncio
import contextlib
import errno
import logging
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import cast

from aiohttp import web

from wsproxy.api.cross_origin import CrossOriginRules
from wsproxy.api.endpoint import Endpoint
from wsproxy.api.server import ApiPolicy, build
from wsproxy.api.serving import ApiServer
from wsproxy.app import rules
from wsproxy.app.control import ControlPart
from wsproxy.app.inference import InferencePart
from wsproxy.app.notices import NoticesPart
from wsproxy.app.oversight import Oversight
from wsproxy.app.traffic import Traffic
from wsproxy.config.settings import Settings
from wsproxy.config.values import Bind, bracketed
from wsproxy.core.circuit import Alpn, Circuit, CloseReason, Mode
from wsproxy.core.cors import Origins
from wsproxy.core.front import is_id
from wsproxy.core.problem import Problem
from wsproxy.core.wire import Version
from wsproxy.data.client import serve as serve_http
from wsproxy.data.front import ApiSite, FrontSite
from wsproxy.data.site import Site
from wsproxy.manager.groups import malformed
from wsproxy.manager.watch import Exists, SessionWatch
from wsproxy.net.connect import Factory
from wsproxy.net.tasks import Tasks
from wsproxy.observe.metrics import Metrics

log = logging.getLogger(__name__)

API_SCOPE = "api"

TICK = 1.0
"""Seconds between two movements of the activity clocks."""


@dataclass(frozen=True, slots=True)
class Addresses:
    """What listens where; "" for what is not served. ``domain`` is ``host:port``."""

    api: str
    admin: str = ""
    domain: str = ""

    def __str__(self) -> str:
        named = (("API", self.api), ("metrics", self.admin), ("app domain", self.domain))
        return ", ".join(f"{name} {address}" for name, address in named if address)


class Gateway:
    """One running node: ``start`` once, then ``drain`` or ``close``."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._version = rules.own_version(settings)
        self.metrics = Metrics()
        self.traffic = Traffic(settings, self.metrics)
        self.control = ControlPart(settings, self.traffic)
        self._watches = {
            Version.V1: self._watch(Version.V1, self._v1_session_exists),
            Version.V2: self._watch(Version.V2, self.control.session_of_owner_exists),
        }
        self._apis: list[ApiServer] = []
        self._inference: InferencePart | None = None
        self._notices = NoticesPart(settings, self.traffic, self.sessions_ended)
        self._draining = False
        self._tasks = Tasks("gateway")
        self.addresses = Addresses("")
        self.endpoints: tuple[Endpoint, ...] = ()

    async def start(self) -> Addresses:
        """Bind and serve. Raises ``OSError`` when something cannot be bound; nothing stays then."""
        for warning in malformed({n: g.address for n, g in self._settings.groups.items()}):
            log.warning("%s", warning)
        try:
            await self._serve()
        except BaseException:
            await self.close()
            raise
        return self.addresses

    async def _serve(self) -> None:
        settings = self._settings
        gateway = settings.gateway
        ready = _Ready()
        port = await self._bind(gateway.bind, ready)
        base = settings.base_url(port)
        domain = ""
        domain_ready = _Ready()
        domain_port = 0
        if settings.v2.enabled and settings.v2.domain:
            domain_port = await self._bind_domain(settings.v2.domain_bind, domain_ready)
            domain = f"*{settings.v2.domain}:{domain_port}"
        advertised = domain_port if settings.v2.domain_bind.port == 0 else 0
        places = rules.v2_places(settings, base, advertised)
        await self.traffic.begin(places)
        if domain:
            domain_ready.factory = self.traffic.wildcard()
        oversight = Oversight(settings, self.traffic, self._is_ready, base, places)
        self._inference = InferencePart(settings, self.traffic, places, oversight.node)
        self._inference.start()
        self.endpoints = (
            *self.control.endpoints(base, places),
            *oversight.api(),
            *self._inference.api(),
        )
        app = build(self.endpoints, self.control.policy(base))
        ready.factory = await self._front(self._api(app))
        admin_address = await self._serve_admin(gateway.admin_bind, oversight)
        await self.traffic.spread(places)
        for version, watch in self._watches.items():
            self._tasks.start(watch.run(), f"sessions of {version}")
        self.traffic.collector.on_trouble(self._doubt)
        self._tasks.start(self._tick(), "tick")
        self._notices.start()
        self._watch_metrics()
        self.addresses = Addresses(_shown(gateway.bind, base), admin_address, domain)

    async def _front(self, api: ApiServer) -> Factory:
        """What serves the API's address: the API alone, or with a manager behind it."""
        await api.start()
        self._apis.append(api)
        behind = rules.behind(self._settings)
        site: Site = ApiSite(api.protocol)
        if behind is not None:
            site = FrontSite(behind, api.protocol, self._version, self._session_ended)
        return serve_http(self.traffic.engine, site, self._version, API_SCOPE)

    async def _serve_admin(self, bind: Bind | None, oversight: Oversight) -> str:
        if bind is None:
            return ""
        names = rules.admin_guard(self._settings, bind, self._settings.base_url())
        policy = ApiPolicy(self._version, CrossOriginRules(Origins(), Origins()), names.allows)
        ready = _Ready()
        port = await self._bind(bind, ready, private=True)
        api = self._api(build(oversight.admin(), policy))
        await api.start()
        self._apis.append(api)
        ready.factory = serve_http(
            self.traffic.engine, ApiSite(api.protocol), self._version, API_SCOPE
        )
        return f"unix:{bind.path}" if bind.path else f"http://{bracketed(bind.host)}:{port}"

    def _api(self, app: web.Application) -> ApiServer:
        return ApiServer(app, self._version, rules.engine_rules(self._settings).head)

    async def _bind(self, bind: Bind, ready: "_Ready", *, private: bool = False) -> int:
        """``private``: plain, whatever [tls] says. The others offer HTTP/1 alone."""
        host = rules.bind_host(bind.host, bind.path)
        tls = None if private else self.traffic.tls.get(Alpn.HTTP1)
        return _bound(
            bind, await self.traffic.listeners.serve_site(host, bind.port, ready, tls=tls)
        )

    async def _bind_domain(self, bind: Bind, ready: "_Ready") -> int:
        return _bound(bind, await self.traffic.serve_domain(bind.host, bind.port, ready))

    # what happens while it runs

    def _session_ended(self, session: str) -> None:
        """A deletion has passed the front: the session's circuits are closed (design 8)."""
        self._tasks.start(self._close_session(session), "session ended")

    async def _close_session(self, session: str) -> None:
        """A name may be that of several people's sessions: whose it was, the manager must say."""
        if not is_id(session):
            await self.sessions_ended()
            return
        closed = await self.traffic.circuits.close_session(
            session, reason=CloseReason.SESSION_ENDED
        )
        log.info("session %s was deleted, %d circuits closed", session, closed)

    async def sessions_ended(self) -> None:
        """Ask now which sessions have ended; else it is asked once a minute."""
        for watch in self._watches.values():
            await watch.look()

    def _doubt(self, circuit: Circuit) -> None:
        """Its container cannot be connected: ask at once whether the session has ended.

        v1 circuits learn it on their way through the manager.
        """
        if circuit.version is Version.V2 and circuit.mode is Mode.INTERACTIVE:
            asking = self._watches[Version.V2].doubt(circuit.owner, circuit.session_id)
            if asking is not None:
                self._tasks.start(asking, "session doubted")

    def _watch(self, version: Version, exists: Exists) -> SessionWatch:
        circuits = self.traffic.circuits

        async def gone(owner: str, session: str) -> None:
            await circuits.close_session(
                session, owner=owner, version=version, reason=CloseReason.SESSION_ENDED
            )

        def sessions() -> list[tuple[str, str]]:
            every = circuits.table.all()
            mine = (one for one in every if one.version is version)
            return [(one.owner, one.session_id) for one in mine if one.mode is Mode.INTERACTIVE]

        return SessionWatch(sessions, exists, gone)

    async def _v1_session_exists(self, owner: str, session: str) -> bool | None:
        configuration = self.traffic.configurations.by_id(owner)
        if configuration is None:
            return None
        return await self.control.session_exists(configuration, session)

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK)
            self.traffic.activity.seen(self.traffic.engine.wall())

    def _is_ready(self) -> bool:
        return self.traffic.feed.ready and not self._draining

    def _watch_metrics(self) -> None:
        traffic = self.traffic
        self.metrics.watch_totals(lambda: len(traffic.table()), lambda: traffic.connections)

    # the end

    async def drain(self) -> None:
        """Stop accepting, let requests finish within ``grace``, then close."""
        self._draining = True
        grace = self._settings.gateway.grace
        await asyncio.gather(self.traffic.drain(grace), self._close_apis())
        await self.close()

    async def close(self) -> None:
        """End everything at once. Idempotent."""
        await self._tasks.close()
        await self._notices.close()
        await self._close_apis()
        if self._inference is not None:
            await self._inference.close()
        await self.traffic.close()
        await self.control.close()

    async def _close_apis(self) -> None:
        apis, self._apis = self._apis, []
        for api in apis:
            await api.close()


class _Ready:
    """A protocol factory that is known only after the port is: until then it hangs up."""

    def __init__(self) -> None:
        self.factory: Factory | None = None

    def __call__(self) -> asyncio.Protocol:
        return self.factory() if self.factory is not None else _NotYet()


class _NotYet(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        cast(asyncio.Transport, transport).abort()  # uvloop's is no subclass


def _bound(bind: Bind, port: int | Problem) -> int:
    if isinstance(port, Problem):
        raise OSError(errno.EADDRINUSE, f"{bind}: {port.msg}")
    return port


def _shown(bind: Bind, base: str) -> str:
    return f"unix:{bind.path}" if bind.path else base


@contextlib.asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[Gateway]:
    """A gateway for the time of a block; it is closed at once afterwards."""
    gateway = Gateway(settings)
    await gateway.start()
    try:
        yield gateway
    finally:
        await gateway.close()


async def serve(settings: Settings, ready: Callable[[Addresses], None] | None = None) -> None:
    """Run until cancelled, then drain. A second cancellation ends it at once."""
    gateway = Gateway(settings)
    addresses = await gateway.start()
    if ready is not None:
        ready(addresses)
    try:
        await asyncio.get_running_loop().create_future()
    finally:
        try:
            await gateway.drain()
        finally:
            await gateway.close()
