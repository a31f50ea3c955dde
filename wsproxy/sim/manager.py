"""The simulated manager: the routes a gateway and its clients use, with a real one's answers."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from aiohttp import web
from aiohttp.hdrs import METH_ANY

from wsproxy.sim import documents, stream
from wsproxy.sim.authentication import Authenticator
from wsproxy.sim.documents import FaultError
from wsproxy.sim.record import Record, current, recording
from wsproxy.sim.services import Services
from wsproxy.sim.traits import ManagerTraits
from wsproxy.sim.versions import StatusClient
from wsproxy.sim.world import App, World

BODY_LIMIT = 1 << 20

STREAM_KEYS = frozenset({"app", "service", "port", "envs", "arguments"})
"""Query keys of the stream (protocol 3.1)."""

ALWAYS_STREAMED = frozenset({"http", "tcp", "preopen"})


@dataclass(frozen=True, slots=True)
class Manager:
    """Handlers of the manager's API."""

    world: World
    era: ManagerTraits
    record: Record
    authenticator: Authenticator
    services: Services
    status: StatusClient

    def application(self, beside: Sequence[web.RouteDef] = ()) -> web.Application:
        """``beside`` are routes of another server on the same address."""
        app = web.Application(
            client_max_size=BODY_LIMIT,
            middlewares=[recording(self.record, "manager"), faults_of(self.era)],
        )
        app.add_routes(
            [
                *beside,
                web.get("/", self.about),
                web.get("/scaling-groups/{group}/wsproxy-version", self.wsproxy_version),
                web.post("/admin/gql", self.graphql),
                web.get("/session/_/match", self.match),
                web.get("/session/{session}", self.show),
                web.delete("/session/{session}", self.delete),
                web.post("/session/{session}/start-service", self.start_service),
                web.get("/stream/session/{session}/apps", self.apps),
                web.get("/stream/session/{session}/{kind:httpproxy|tcpproxy}", self.stream),
                web.route(METH_ANY, "/{tail:.*}", _unknown),
            ]
        )
        return app

    async def about(self, request: web.Request) -> web.Response:
        return self._json({"version": self.era.api_version, "manager": self.era.release})

    async def wsproxy_version(self, request: web.Request) -> web.Response:
        self.authenticator.caller(request)
        group = self.world.groups.get(request.match_info["group"])
        if group is None:
            raise FaultError(documents.NO_GROUP)
        return self._json({"wsproxy_version": await self.status.version(group.address)})

    async def graphql(self, request: web.Request) -> web.Response:
        """Only the list of groups, which superadmins may see; others get errors, and status 200."""
        caller = self.authenticator.caller(request)
        wanted = await _json_object(request)
        if "scaling_groups" not in str(wanted.get("query", "")):
            return self._json({"data": None, "errors": [{"message": "Syntax Error GraphQL"}]})
        if not caller.admin:
            errors = [{"message": "Forbidden operation.", "path": ["scaling_groups"]}]
            return self._json({"data": {"scaling_groups": None}, "errors": errors})
        groups = self.world.groups.values()
        listed = [{"name": one.name, "wsproxy_addr": one.address} for one in groups]
        return self._json({"data": {"scaling_groups": listed}})

    async def match(self, request: web.Request) -> web.Response:
        """Sessions of the caller whose id or name starts with ``id``."""
        caller = self.authenticator.caller(request)
        found = self.world.matching(request.query.get("id", ""), caller.access_key)
        listed = [{"id": str(one.id), "name": one.name, "status": one.status} for one in found]
        return self._json({"matches": listed})

    async def show(self, request: web.Request) -> web.Response:
        caller = self.authenticator.caller(request)
        owner = request.query.get("owner_access_key", "")
        session = self.services.session(request.match_info["session"], caller, owner)
        return self._json(self.services.shown(session))

    async def delete(self, request: web.Request) -> web.Response:
        caller = self.authenticator.caller(request)
        answer = await self.services.delete(
            request.match_info["session"],
            caller,
            forced=request.query.get("forced", "").lower() == "true",
            recursive=request.query.get("recursive", "").lower() == "true",
            owner=request.query.get("owner_access_key", ""),
        )
        return self._json(answer)

    async def start_service(self, request: web.Request) -> web.Response:
        caller = self.authenticator.caller(request)
        wanted = await _json_object(request)
        answer = await self.services.start(request.match_info["session"], caller, wanted)
        return self._json(answer)

    async def apps(self, request: web.Request) -> web.Response:
        caller = self.authenticator.caller(request)
        session = self.services.session(request.match_info["session"], caller)
        return self._json([app.listed() for app in session.apps.values()])

    async def stream(self, request: web.Request) -> web.StreamResponse:
        caller = self.authenticator.caller(request)
        self._check_query(request)
        reference = request.match_info["session"]
        session = self.services.session(reference, caller)
        name = request.query.get("app") or request.query.get("service", "")
        app = self.services.app(session, reference, name)
        self._check_app(request, app)
        if not web.WebSocketResponse().can_prepare(request).ok:
            raise FaultError(documents.BAD_REQUEST)
        if app.starting > 0:
            app.starting -= 1
            fault = documents.APP_START if self.era.names_app_start else documents.INTERNAL
            raise FaultError(fault, "Failed to launch the app service")
        return await stream.serve(request, session, app, current(), self.record.changed)

    def _check_query(self, request: web.Request) -> None:
        unknown = set(request.query) - STREAM_KEYS
        if unknown and not self.era.pydantic_parameters:
            text = "Input validation error"
            raise FaultError(documents.BAD_PARAMS, text, dict.fromkeys(sorted(unknown), "unknown"))
        for key in ("envs", "arguments"):
            if key in request.query and _parsed(request.query[key]) is None:
                raise FaultError(documents.BAD_PARAMS, f"{key} is not a JSON object")

    def _check_app(self, request: web.Request, app: App) -> None:
        if request.query.get("port", str(app.port)) != str(app.port):
            text = f"Service {app.name} does not open the port number {request.query['port']}."
            raise FaultError(documents.BAD_PARAMS, text)
        if app.protocol not in ALWAYS_STREAMED and not self.era.streams_desktops:
            raise FaultError(documents.BAD_PARAMS, f"Unsupported service protocol: {app.protocol}")

    def _json(self, value: Any) -> web.Response:
        return web.Response(text=json.dumps(value), content_type="application/json")


def faults_of(era: ManagerTraits) -> Callable[..., Any]:
    """A middleware that renders faults as documents of the era."""

    @web.middleware
    async def middleware(request: web.Request, handler: Any) -> web.StreamResponse:
        try:
            answer = await handler(request)
        except FaultError as error:
            return documents.render(era, error)
        assert isinstance(answer, web.StreamResponse)
        return answer

    return middleware


async def _unknown(request: web.Request) -> web.StreamResponse:
    raise FaultError(documents.UNKNOWN_PATH, data=request.path)


async def _json_object(request: web.Request) -> dict[str, Any]:
    value = _parsed((await request.read()) or b"{}")
    if value is None:
        raise FaultError(documents.BAD_PARAMS, "Malformed body")
    return value


def _parsed(text: str | bytes) -> dict[str, Any] | None:
    """The JSON object in ``text``; None when it holds anything else."""
    try:
        value = json.loads(text)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None
