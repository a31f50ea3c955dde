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


def build(endpoints: Iterable[Endpoint], policy: ApiPolicy) -> web.Application:
    """The application. GET endpoints answer HEAD too; every path answers OPTIONS."""
    app = web.Application(client_max_size=BODY_LIMIT, middlewares=_Middlewares(policy).in_order())
    by_path: dict[str, list[Endpoint]] = defaultdict(list)
    for endpoint in endpoints:
        by_path[endpoint.path].append(endpoint)
    for path, rows in by_path.items():
        methods = _methods(rows)
        for row in rows:
            served = _Served(row, methods, row.handler)
            app.router.add_route(row.method, path, served)
            if row.method == hdrs.METH_GET and hdrs.METH_HEAD not in {r.method for r in rows}:
                app.router.add_route(hdrs.METH_HEAD, path, served)
        if hdrs.METH_OPTIONS not in {row.method for row in rows}:
            app.router.add_route(hdrs.METH_OPTIONS, path, _Served(rows[0], methods, _no_content))
        app.router.add_route(
            hdrs.METH_ANY, path, _Served(rows[0], methods, _refuse_method(methods))
        )
    return app


def _refuse_method(methods: tuple[str, ...]) -> Handler:
    async def refuse(request: web.Request) -> web.StreamResponse:
        raise web.HTTPMethodNotAllowed(request.method, methods)

    return refuse


def _methods(rows: Sequence[Endpoint]) -> tuple[str, ...]:
    methods = dict.fromkeys(row.method for row in rows)
    if hdrs.METH_GET in methods:
        methods[hdrs.METH_HEAD] = None
    methods[hdrs.METH_OPTIONS] = None
    return tuple(methods)


async def _no_content(request: web.Request) -> web.StreamResponse:
    return web.Response(status=204)


class _Served:
    """A handler that the middlewares can ask for its row of the table."""

    def __init__(self, endpoint: Endpoint, methods: tuple[str, ...], handler: Handler) -> None:
        self.endpoint = endpoint
        self.methods = methods
        self._handler = handler

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        return await self._handler(request)


_UNKNOWN = Endpoint("*", "", _no_content)
"""Stands for the endpoint of a path that nothing serves."""


def _served(request: web.Request) -> _Served | None:
    handler = request.match_info.handler
    return handler if isinstance(handler, _Served) else None


def _endpoint(request: web.Request) -> Endpoint:
    served = _served(request)
    return served.endpoint if served is not None else _UNKNOWN


class _Middlewares:
    def __init__(self, policy: ApiPolicy) -> None:
        self._policy = policy

    def in_order(self) -> list[Middleware]:
        return [web.middleware(step) for step in (self.seal, self.cross, self.problems, self.hosts)]

    def _version(self, request: web.Request) -> Version:
        return _endpoint(request).version or self._policy.own_version

    async def seal(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        response = await handler(request)
        response.headers.setdefault(VERSION_HEADER, self._version(request).value)
        response.headers.setdefault(SPEAKER_HEADER, Speaker.GATEWAY.value)
        response.headers.setdefault("X-Content-Type-Options", "nosniff")
        return response

    async def cross(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        endpoint = _endpoint(request)
        response = await handler(request)
        served = _served(request)
        asks_first = (
            request.method == hdrs.METH_OPTIONS
            and hdrs.ACCESS_CONTROL_REQUEST_METHOD in request.headers
        )
        if asks_first and served is not None and response.status < 400:
            pairs = self._policy.cross_origin.preflight(endpoint.cors, request, served.methods)
        else:
            origin = request.headers.get(hdrs.ORIGIN)
            pairs = self._policy.cross_origin.answer(endpoint.cors, origin)
        for name, value in pairs:
            if name.lower() == "vary":
                response.headers.add(name, value)
            else:
                response.headers[name] = value
        return response

    async def problems(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except ProblemError as error:
            return self._answer(request, error.problem)
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

    async def hosts(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        host = request.headers.get(hdrs.HOST, "")
        if not self._policy.host_allowed(host, _endpoint(request).host_checked):
            message = "Add the name to `hosts` in [gateway] if it should be served."
            raise ProblemError(Problem("host-not-allowed", msg=message))
        return await handler(request)


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
