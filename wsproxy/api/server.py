"""The control API as one aiohttp application: the route table, and what every answer gets.

Order, outermost first (a list, because most proxy faults are "this ran before that"):

    seal        version and speaker header on whatever comes out
    cross       CORS headers, preflights
    problems    exceptions and aiohttp's own errors become problem documents
    hosts       Host header check, where the endpoint wants it
"""

import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from aiohttp import hdrs, web
from aiohttp.typedefs import Middleware

from wsproxy.api.answers import problem_response
from wsproxy.api.endpoint import Cors, Endpoint, Handler
from wsproxy.core.problem import Problem, ProblemError
from wsproxy.core.wire import SPEAKER_HEADER, VERSION_HEADER, Speaker, Version

log = logging.getLogger(__name__)

BODY_LIMIT = 1 << 20
"""Largest body the control API reads, in bytes; real ones are below 10 kB."""

Pairs = Iterable[tuple[str, str]]


class CrossOrigin(Protocol):
    """Decides the CORS headers of an answer and of a preflight (core.cors)."""

    def answer(self, cors: Cors, origin: str | None) -> Pairs: ...

    def preflight(self, cors: Cors, request: web.Request, methods: Sequence[str]) -> Pairs: ...


@dataclass(frozen=True, slots=True)
class ApiPolicy:
    """What the middlewares need to know of the settings.

    ``own_version`` is what ``/status`` says; ``host_allowed`` takes the raw Host field and whether
    the endpoint insists (``Endpoint.host_checked``).
    """

    own_version: Version
    cross_origin: CrossOrigin
    host_allowed: Callable[[str, bool], bool]
    one_request: bool = False  # close after each answer: the next request may not be ours (front)


@dataclass(frozen=True, slots=True)
class _Row:
    """What the middlewares know of a handler: its endpoint, and the methods of its path."""

    endpoint: Endpoint
    methods: tuple[str, ...]


_ROWS: web.AppKey[dict[Handler, _Row]] = web.AppKey("rows", dict)


def build(endpoints: Iterable[Endpoint], policy: ApiPolicy) -> web.Application:
    """The application. GET endpoints answer HEAD too; every path answers OPTIONS, and 405."""
    app = web.Application(client_max_size=BODY_LIMIT, middlewares=_Middlewares(policy).in_order())
    app[_ROWS] = {}
    by_path: dict[str, list[Endpoint]] = defaultdict(list)
    for endpoint in endpoints:
        by_path[endpoint.path].append(endpoint)
    for path, rows in by_path.items():
        _add_path(app, path, rows)
    return app


def _add_path(app: web.Application, path: str, rows: Sequence[Endpoint]) -> None:
    handlers = {row.method: (row, row.handler) for row in rows}
    if hdrs.METH_GET in handlers:
        handlers.setdefault(hdrs.METH_HEAD, handlers[hdrs.METH_GET])
    handlers.setdefault(hdrs.METH_OPTIONS, (rows[0], _no_content))
    methods = tuple(handlers)
    handlers[hdrs.METH_ANY] = (rows[0], _refuse_method(methods))
    for method, (row, handler) in handlers.items():
        served = _own(handler)
        app[_ROWS][served] = _Row(row, methods)
        app.router.add_route(method, path, served)


def _own(handler: Handler) -> Handler:
    """A function of its own for each route, so that it can be a key."""

    async def serve(request: web.Request) -> web.StreamResponse:
        return await handler(request)

    return serve


async def _no_content(request: web.Request) -> web.StreamResponse:
    return web.Response(status=204)


def _refuse_method(methods: tuple[str, ...]) -> Handler:
    async def refuse(request: web.Request) -> web.StreamResponse:
        raise web.HTTPMethodNotAllowed(request.method, methods)

    return refuse


_UNKNOWN = _Row(Endpoint("*", "", _no_content), ())
"""Stands for a path that nothing serves."""


def _row(request: web.Request) -> _Row:
    return request.app[_ROWS].get(request.match_info.handler, _UNKNOWN)


class _Middlewares:
    def __init__(self, policy: ApiPolicy) -> None:
        self._policy = policy

    def in_order(self) -> list[Middleware]:
        return [self.seal, self.cross, self.problems, self.hosts]

    def _version(self, request: web.Request) -> Version:
        return _row(request).endpoint.version or self._policy.own_version

    @web.middleware
    async def seal(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        response = await handler(request)
        response.headers.setdefault(VERSION_HEADER, self._version(request).value)
        response.headers.setdefault(SPEAKER_HEADER, Speaker.GATEWAY.value)
        response.headers.setdefault(hdrs.SERVER, "wsproxy")
        response.headers.setdefault("X-Content-Type-Options", "nosniff")
        if self._policy.one_request:
            response.force_close()
        return response

    @web.middleware
    async def cross(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        row = _row(request)
        response = await handler(request)
        asks_first = (
            request.method == hdrs.METH_OPTIONS
            and hdrs.ACCESS_CONTROL_REQUEST_METHOD in request.headers
        )
        if asks_first and response.status < 400:
            pairs = self._policy.cross_origin.preflight(row.endpoint.cors, request, row.methods)
        else:
            origin = request.headers.get(hdrs.ORIGIN)
            pairs = self._policy.cross_origin.answer(row.endpoint.cors, origin)
        for name, value in pairs:
            if name.lower() == "vary":
                response.headers.add(name, value)
            else:
                response.headers[name] = value
        return response

    @web.middleware
    async def problems(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except ProblemError as error:
            response = self._answer(request, error.problem)
            if error.problem.code in _LAST:
                response.force_close()
            return response
        except web.HTTPException as error:
            if error.status < 400:
                return web.Response(status=error.status, headers=error.headers)
            response = self._answer(request, _problem_of(error))
            if isinstance(error, web.HTTPMethodNotAllowed):
                response.headers["Allow"] = ", ".join(sorted(error.allowed_methods))
            return response
        except Exception:
            log.exception(
                "a handler of the control API failed: %s %s", request.method, request.path
            )
            return self._answer(request, Problem("internal-server-error"))

    def _answer(self, request: web.Request, problem: Problem) -> web.Response:
        accept = request.headers.get(hdrs.ACCEPT)
        return problem_response(problem, accept, self._version(request))

    @web.middleware
    async def hosts(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        host = request.headers.get(hdrs.HOST, "")
        if not self._policy.host_allowed(host, _row(request).endpoint.host_checked):
            message = "Add the name to `hosts` in [gateway] if it should be served."
            raise ProblemError(Problem("host-not-allowed", msg=message))
        return await handler(request)


_LAST = frozenset({"body-timeout", "malformed-request"})
"""After these nobody knows where the next request would begin."""

_CODES = {
    404: "url-not-found",
    405: "method-not-allowed",
    408: "head-timeout",
    413: "payload-too-large",
    429: "too-many-requests",
}


def _problem_of(error: web.HTTPException) -> Problem:
    """aiohttp's own errors, e.g. of the router, in our words."""
    if error.status in _CODES:
        return Problem(_CODES[error.status])
    if error.status < 500:
        return Problem("generic-bad-request", msg=error.reason)
    return Problem("internal-server-error")
