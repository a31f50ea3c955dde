"""``/conf`` and ``/proxy/…``: configure, open, look, close (protocol 2.1 to 2.5)."""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace

from aiohttp import web

from wsproxy.api.answers import json_response
from wsproxy.api.body import read_body
from wsproxy.api.circuits import CircuitsLike
from wsproxy.api.endpoint import Cors, Endpoint, Handler
from wsproxy.api.v1.caller import Callers, too_many
from wsproxy.circuits import Want
from wsproxy.core.circuit import Circuit, CloseReason, ThroughManager
from wsproxy.core.configuration import BadConfiguration, Configuration, read_configuration
from wsproxy.core.portpool import PortPool, candidates
from wsproxy.core.problem import Problem
from wsproxy.core.slots import ListedSlot
from wsproxy.core.v1 import LOCAL_TOKEN, AddQuery, BadQuery, Places, added, read_add
from wsproxy.core.wire import Version
from wsproxy.manager.configurations import Configurations, Registered

log = logging.getLogger(__name__)

BODY_LIMIT = 100 * 1024
"""Bytes of a ``/conf`` body (protocol 2)."""

_LONGEST_SESSION = 255


SessionGone = Callable[[Configuration, str], Awaitable[bool | None]]
"""Whether the manager says that a session is gone; None when it cannot be asked. Answers soon."""


async def nobody_knows(who: Configuration, session: str) -> bool | None:
    return None


@dataclass(frozen=True, slots=True)
class ControlRules:
    """``endpoints``: with ``remote``, the only ones that ``/conf`` accepts. ``behind``: by the
    front's own address, the server that it stands before.

    ``host``: where app listeners are bound; "localhost" is both loopback addresses.
    """

    endpoints: tuple[str, ...] = ()
    pool: PortPool = field(default_factory=PortPool)
    host: str = "localhost"
    behind: Mapping[str, str] = field(default_factory=dict)


class Control:
    """The handlers. ``alive`` tells whether a circuit's listener still accepts."""

    def __init__(
        self,
        circuits: CircuitsLike,
        configurations: Configurations,
        callers: Callers,
        places: Callable[[], Places],
        alive: Callable[[Circuit], bool],
        rules: ControlRules | None = None,
        gone: SessionGone = nobody_knows,
    ) -> None:
        self._circuits = circuits
        self._configurations = configurations
        self._callers = callers
        self._places = places
        self._alive = alive
        self._rules = rules or ControlRules()
        self._gone = gone

    def endpoints(self) -> list[Endpoint]:
        """Protocol 2; ``/proxy`` routes are counted per client."""
        rows: list[tuple[str, str, Handler]] = [
            ("PUT", "/conf", self.put_conf),
            ("GET", "/", self.list_own),
            ("GET", "/proxy/{token}/{session}", self._for_owner(self.check)),
            ("GET", "/proxy/{token}/{session}/add", self._for_owner(self.add)),
            ("GET", "/proxy/{token}/{session}/delete", self._for_owner(self.delete, self.hinted)),
            ("GET", "/proxy/{token}/{session}/down", self._for_owner(self.down)),
        ]
        return [
            Endpoint(method, path, handler, Version.V1, Cors.V1, host_checked=True)
            for method, path, handler in rows
        ]

    # configuring

    async def put_conf(self, request: web.Request) -> web.StreamResponse:
        """Keep a configuration; the answer is the token for it."""
        if (refused := self._callers.stranger(request)) is not None:
            return refused
        if not self._callers.origin_allowed(request):
            said = "This origin may not configure the proxy. See `allowed-origins` in [gateway]."
            return self._callers.refusal(403, said)
        try:
            configuration = read_configuration(await _document(request))
        except BadConfiguration as error:
            return json_response({"code": 400, "msg": str(error)}, status=400)
        endpoint = self._rules.behind.get(configuration.endpoint, configuration.endpoint)
        configuration = replace(configuration, endpoint=endpoint)
        if (refused := self._foreign(configuration)) is not None:
            return refused
        registered = self._configurations.put(configuration, by_client=True)
        classic = self._callers.legacy(request) and not self._callers.rules.remote
        return json_response({"token": LOCAL_TOKEN if classic else registered.token})

    def _foreign(self, configuration: Configuration) -> web.Response | None:
        """A gateway for many machines is no way to reach any address from here."""
        rules = self._callers.rules
        if not rules.remote or configuration.endpoint in self._rules.endpoints:
            return None
        said = (
            "This endpoint is not one of the gateway's. "
            "See `endpoint` and `webserver` in [manager] (and `remote` in [v1])."
        )
        return self._callers.refusal(403, said)

    # looking

    async def list_own(self, request: web.Request) -> web.StreamResponse:
        """``["SID|app", …]``: all for this machine, with ``?token=`` only that one's own."""
        owner: str | None = None
        if (token := request.query.get("token")) is not None:
            registered = self._configurations.by_token(token)
            owner = registered.id if registered is not None else ""
        elif not self._callers.rules.local(request) or not self._callers.origin_allowed(request):
            return json_response([])
        keys = (
            f"{circuit.session_id}|{circuit.app}"
            for circuit in self._circuits.table.all()
            if circuit.version is Version.V1 and owner in (None, circuit.owner)
        )
        return json_response(list(dict.fromkeys(keys)))

    async def check(self, request: web.Request, owner: Registered) -> web.StreamResponse:
        found = self._circuits.find(_session(request), owner=owner.id, version=Version.V1)
        return json_response({"code": 200 if found else 404})

    # opening

    async def add(self, request: web.Request, owner: Registered) -> web.StreamResponse:
        """Open a listener for an app of a session, or tell where it already is."""
        session = _session(request)
        try:
            query = read_add(request.query)
        except BadQuery as error:
            return json_response({"code": 400, "msg": str(error)})
        if len(session) > _LONGEST_SESSION or not session.isprintable():
            return json_response({"code": 400, "msg": "session: not a session id"})
        await self._evict_dead()
        outcome = await self._circuits.open(self._want(session, query, owner))
        if isinstance(outcome, Problem):
            log.info("app %s of session %s is not opened: %s", query.app, session, outcome.code)
            return json_response({"code": 500, "msg": outcome.msg})
        port = outcome.circuit.port
        assert port is not None
        return json_response(added(self._places(), query.app, port))

    def _want(self, session: str, query: AddQuery, owner: Registered) -> Want:
        route = ThroughManager(session, query.app, owner.id, query.envs, query.arguments)
        ports = candidates(self._rules.pool, query.port, frozenset())
        return Want(
            version=Version.V1,
            app=query.app,
            protocol=query.protocol,
            session_id=session,
            routes=(route,),
            slot=ListedSlot(self._rules.host, ports),
            owner=owner.id,
        )

    async def _evict_dead(self) -> None:
        """A pool is small: a listener that died must not keep its port (protocol 2.4)."""
        if not self._rules.pool.configured:
            return
        for circuit in self._circuits.table.all():
            if circuit.version is Version.V1 and not self._alive(circuit):
                await self._circuits.close(circuit.id, CloseReason.LISTENER_DIED)

    # closing

    async def delete(self, request: web.Request, owner: Registered) -> web.StreamResponse:
        """All apps of the session, or the one that is named; their connections too."""
        return await self._close(request, owner, request.query.get("app") or None)

    async def down(self, request: web.Request, owner: Registered) -> web.StreamResponse:
        """The form of before 2022: one app, which must be named."""
        app = request.query.get("app")
        if not app:
            return json_response({"code": 404})
        return await self._close(request, owner, app)

    async def _close(
        self, request: web.Request, owner: Registered, app: str | None
    ) -> web.StreamResponse:
        closed = await self._circuits.close_session(
            _session(request),
            app=app,
            owner=owner.id,
            version=Version.V1,
            reason=CloseReason.REQUESTED,
        )
        return json_response({"code": 200 if closed else 404})

    async def hinted(self, request: web.Request) -> bool:
        """A delete without the right to is still a hint: what has ended is closed (design 7).

        Clients of before 2026 show an access key here; their users asked for the session's end.
        """
        found = self._circuits.find(_session(request), version=Version.V1)
        owners = sorted({circuit.owner for circuit in found})
        return any(await asyncio.gather(*(self._ended(request, owner) for owner in owners)))

    async def _ended(self, request: web.Request, owner: str) -> bool:
        session, who = _session(request), self._configurations.by_id(owner)
        if who is None or not await self._gone(who, session):
            return False
        log.info("session %s is gone, its listeners go", session)
        return (
            await self._circuits.close_session(
                session, owner=owner, version=Version.V1, reason=CloseReason.SESSION_ENDED
            )
            > 0
        )

    # before each of them

    def _for_owner(
        self,
        handler: Callable[[web.Request, Registered], Awaitable[web.StreamResponse]],
        hint: Callable[[web.Request], Awaitable[bool]] | None = None,
    ) -> Handler:
        """Machine, rate, token: then the handler. ``hint``: what a refused one is good for."""

        async def handle(request: web.Request) -> web.StreamResponse:
            if (refused := self._callers.stranger(request)) is not None:
                return refused
            ruling = self._callers.count(request)
            if not ruling.allowed:
                return too_many(dict(ruling.headers))
            owner = await self._callers.of_token(request)
            if not isinstance(owner, web.Response):
                answer = await handler(request, owner)
            elif hint is not None and await hint(request):
                answer = json_response({"code": 200})
            else:
                answer = owner
            answer.headers.update(ruling.headers)
            return answer

        return handle


def _session(request: web.Request) -> str:
    return request.match_info["session"]


async def _document(request: web.Request) -> object:
    raw = await read_body(request)
    if len(raw) > BODY_LIMIT:
        raise BadConfiguration("The body is too large.")
    try:
        return json.loads(raw)
    except (ValueError, RecursionError):
        raise BadConfiguration("The body is not JSON.") from None
