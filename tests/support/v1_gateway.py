"""The v1 dialect, whole: control API, circuits, listeners, tunnels, on real sockets.

async with v1_gateway() as g:                    # hardened
    token = await g.conf()
    added = await g.add("S", "jupyter")
"""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from typing import Any

import aiohttp
from aiohttp import web
from yarl import URL

from tests.support.apps import eventually
from tests.support.streams import KEYS, StreamManager, stream_manager
from wsproxy.api import server
from wsproxy.api.cross_origin import CrossOriginRules
from wsproxy.api.server import ApiPolicy
from wsproxy.api.v1.caller import CallerRules, Callers
from wsproxy.api.v1.control import Control, ControlRules, SessionGone, nobody_knows
from wsproxy.api.v1.helpers import Helpers
from wsproxy.circuits import Circuits
from wsproxy.core.circuit import Circuit, CloseReason, ThroughManager
from wsproxy.core.cors import Origins
from wsproxy.core.hosts import HostGuard
from wsproxy.core.v1 import Places
from wsproxy.core.wire import Version
from wsproxy.data.accepted import Plane
from wsproxy.data.dial import Dialer, DialRules
from wsproxy.data.engine import Engine
from wsproxy.data.listeners import Factories, Listeners
from wsproxy.data.v1 import V1Listener, V1Rules
from wsproxy.manager.configurations import Configurations
from wsproxy.manager.stream import ManagerStreams, StreamRules
from wsproxy.net.connect import Factory
from wsproxy.state.feed import Feed
from wsproxy.state.memory import MemoryStore

ACCESS, SECRET = next(iter(KEYS.items()))
SID = "3f1c0b3e-1111-4222-8333-444455556666"


@dataclass(slots=True)
class Options:
    """What a test changes."""

    caller: CallerRules = field(default_factory=CallerRules)
    control: ControlRules = field(default_factory=lambda: ControlRules(host="127.0.0.1"))
    listener: V1Rules = field(default_factory=V1Rules)
    streams: StreamRules = field(default_factory=StreamRules)
    clock: list[float] = field(default_factory=lambda: [0.0])
    gone: SessionGone = nobody_knows


class V1Gateway:
    """A running gateway, a manager behind it, and a client before it."""

    def __init__(self, manager: StreamManager, options: Options) -> None:
        self.manager = manager
        self.options = options
        self.base = ""
        self.token = ""
        self.configurations = Configurations()
        self.streams = ManagerStreams(self.configurations.by_id, options.streams)
        dialer = Dialer(DialRules(), self.streams)
        self.engine = Engine(dialer)
        self._plane = Plane(dialer, self.engine.open, self.engine.activity, self.engine.tasks)
        factories = Factories(http=_no_http, tcp=_no_http, v1=self._listener)
        self.listeners = Listeners(self.engine, factories)
        store = MemoryStore()
        self.feed = Feed(store, node="here")
        self.circuits = Circuits(store, self.feed, self.listeners)
        self.session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30))

    def _listener(self, circuit: Circuit) -> Factory:
        route = circuit.routes[0]
        assert isinstance(route, ThroughManager)
        configuration = self.configurations.by_id(route.configuration)
        assert configuration is not None

        async def gone(circuit: Circuit, reason: CloseReason) -> None:
            await self.circuits.close(circuit.id, reason)

        rules = self.options.listener
        return V1Listener(self._plane, circuit, configuration.mode, gone, rules=rules)

    def app(self) -> web.Application:
        options = self.options
        callers = Callers(self.configurations, options.caller, lambda: options.clock[0])
        control = Control(
            self.circuits,
            self.configurations,
            callers,
            self.places,
            self.listeners.alive,
            options.control,
            options.gone,
        )
        helpers = Helpers(lambda: self.circuits.table, callers, self.places)
        origins = Origins(frozenset(options.caller.origins), loopback=True)
        policy = ApiPolicy(
            Version.V1,
            CrossOriginRules(origins, origins),
            HostGuard([], everywhere=True).allows,
        )
        return server.build([*control.endpoints(), *helpers.endpoints()], policy)

    def places(self) -> Places:
        return Places(self.base, "localhost")

    # the client

    async def call(
        self, method: str, path: str, headers: dict[str, str] | None = None, **options: Any
    ) -> tuple[int, Any, aiohttp.ClientResponse]:
        """Status, body (JSON where it is), and the answer."""
        url = URL(self.base + path, encoded=True)
        async with self.session.request(
            method, url, headers=headers, allow_redirects=False, **options
        ) as answer:
            body: Any = await answer.text()
            if answer.content_type == "application/json":
                body = await answer.json()
            return answer.status, body, answer

    async def get(self, path: str, **headers: str) -> tuple[int, Any]:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        status, body, _ = await self.call("GET", path, named)
        return status, body

    def api_conf(self, **changes: Any) -> dict[str, Any]:
        """A ``/conf`` body in API mode, as the WebUI sends it."""
        return {
            "endpoint": self.manager.url,
            "mode": "API",
            "access_key": ACCESS,
            "secret_key": SECRET,
            "api_version": "9.",
            **changes,
        }

    def session_conf(self, **changes: Any) -> dict[str, Any]:
        """The same in SESSION mode."""
        return {
            "endpoint": self.manager.url,
            "mode": "SESSION",
            "auth_mode": "header",
            "session": "a0d9bf4b755a4b1fb291854587f303b7",
            "api_version": "9.",
            **changes,
        }

    async def conf(self, body: dict[str, Any] | None = None, **headers: str) -> str:
        """Configure; the token, which the calls below use."""
        sent = body if body is not None else self.api_conf()
        status, answer, _ = await self.call("PUT", "/conf", dict(headers), json=sent)
        assert status == 200, answer
        self.token = answer["token"]
        return self.token

    async def proxy(self, session: str = SID, action: str = "", query: str = "") -> tuple[int, Any]:
        """``GET /proxy/{token}/{session}[/action][?query]``."""
        path = f"/proxy/{self.token}/{session}" + (f"/{action}" if action else "")
        return await self.get(path + (f"?{query}" if query else ""))

    async def add(self, app: str = "jupyter", session: str = SID, query: str = "") -> Any:
        status, body = await self.proxy(session, "add", f"app={app}&protocol=http{query}")
        assert status == 200
        return body


def _no_http(circuit: Circuit) -> Factory:
    raise AssertionError("v1 has no other listeners")


def port_of(added: Any) -> int:
    """The port in an answer of ``add``."""
    return int(URL(added["proxy"]).port or 0)


@contextlib.asynccontextmanager
async def v1_gateway(*, options: Options | None = None, **caller: Any) -> AsyncIterator[V1Gateway]:
    """``caller``: fields of ``CallerRules``. When it ends nothing may be left open."""
    options = options or Options()
    options.caller = replace(options.caller, **caller)
    async with stream_manager() as manager:
        gateway = V1Gateway(manager, options)
        runner = web.AppRunner(gateway.app(), access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        gateway.base = f"http://127.0.0.1:{runner.addresses[0][1]}"
        await gateway.feed.start()
        try:
            yield gateway
        finally:
            await gateway.session.close()
            await runner.cleanup()
            await gateway.listeners.close_all()
            await eventually(lambda: not gateway.engine.open.tunnels, "all have left")
            await gateway.streams.close()
            await gateway.circuits.stop()
            await gateway.feed.close()
