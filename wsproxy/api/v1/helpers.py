"""Helper pages: ``/redirect`` to an app, and how to reach apps that no browser shows (P 2.6).

They lead only to ports of our own listeners. Newer WebUIs fetch them as JSON before they open them.
"""

from collections.abc import Callable

from aiohttp import hdrs, web

from wsproxy.api.answers import json_response
from wsproxy.api.endpoint import Cors, Endpoint, Handler
from wsproxy.api.v1.caller import Callers
from wsproxy.core.negotiate import Form, first_is_json
from wsproxy.core.page import problem_document
from wsproxy.core.problem import Problem
from wsproxy.core.routing import RouteTable
from wsproxy.core.v1 import HELPERS, Places, owned_port, redirect_url
from wsproxy.core.v1pages import helper_page
from wsproxy.core.wire import Version


class Helpers:
    """The handlers. ``table`` is asked at each request."""

    def __init__(
        self, table: Callable[[], RouteTable], callers: Callers, places: Callable[[], Places]
    ) -> None:
        self._table = table
        self._callers = callers
        self._places = places

    def endpoints(self) -> list[Endpoint]:
        rows: list[tuple[str, Handler]] = [("/redirect", self.redirect)]
        rows.extend((f"/{app}", self._helper(app)) for app in HELPERS)
        return [
            Endpoint("GET", path, handler, Version.V1, Cors.V1, host_checked=True)
            for path, handler in rows
        ]

    async def redirect(self, request: web.Request) -> web.StreamResponse:
        if (refused := self._callers.stranger(request)) is not None:
            return refused
        port = self._port(request)
        if not port:
            return _invalid_port(request)
        target = redirect_url(self._places(), port, request.query.get("redirect", ""))
        if target is None:
            said = "A path begins with exactly one slash and has no line ends."
            return _invalid(request, "Invalid Redirect Path", said)
        if _wants_json(request):
            return _leads_to(target)
        headers = {"Location": target, "Cache-Control": "no-store"}
        return web.Response(status=302, headers=headers)

    def _helper(self, app: str) -> Handler:
        async def page(request: web.Request) -> web.StreamResponse:
            if (refused := self._callers.stranger(request)) is not None:
                return refused
            port = self._port(request)
            if not port:
                return _invalid_port(request)
            places = self._places()
            if _wants_json(request):
                return _leads_to(places.app_url(port))
            headers = {"Cache-Control": "no-store"}
            text = helper_page(app, places.host, port)
            return web.Response(text=text, content_type="text/html", headers=headers)

        return page

    def _port(self, request: web.Request) -> int:
        circuits = self._table().all()
        owned = {circuit.port for circuit in circuits if circuit.version is Version.V1}
        return owned_port(request.query.get("port", ""), {port for port in owned if port})


def _wants_json(request: web.Request) -> bool:
    return first_is_json(request.headers.get(hdrs.ACCEPT))


def _leads_to(target: str) -> web.Response:
    return json_response({"redirect_url": target, "reuse": False})


def _invalid_port(request: web.Request) -> web.Response:
    return _invalid(request, "Invalid Port", "No app is open on this port.")


def _invalid(request: web.Request, title: str, msg: str) -> web.Response:
    """400 as a page, unless JSON was asked for first."""
    problem = Problem("invalid-api-params", title=title, msg=msg)
    form = Form.JSON if _wants_json(request) else Form.HTML
    content_type, body = problem_document(problem, form, Version.V1)
    headers = {"Content-Type": content_type, "Cache-Control": "no-store"}
    return web.Response(status=400, body=body, headers=headers)
