"""``GET /setup`` on the control API: a setup token becomes a permit (protocol 5.5)."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from aiohttp import hdrs, web

from wsproxy.api.body import read_query
from wsproxy.api.endpoint import Endpoint
from wsproxy.api.v2.caller import client_of
from wsproxy.api.v2.parameters import Setup
from wsproxy.core import setup
from wsproxy.core.admission import SetupAddresses
from wsproxy.core.clientip import Networks
from wsproxy.core.negotiate import api_form, app_form
from wsproxy.core.page import problem_document
from wsproxy.core.problem import Problem, ProblemError
from wsproxy.core.routing import RouteTable
from wsproxy.core.setup import Keys, Page, Places
from wsproxy.core.wire import Version


@dataclass(frozen=True, slots=True)
class SetupPart:
    """What the endpoint needs. ``seen`` is told who opens a TCP app."""

    table: Callable[[], RouteTable]
    places: Places
    keys: Keys
    seen: SetupAddresses
    trusted: Networks = ()
    clock: Callable[[], float] = time.time


def endpoints(part: SetupPart) -> list[Endpoint]:
    """The one route of this module."""
    return [Endpoint(hdrs.METH_GET, "/setup", _Setup(part).show, Version.V2)]


class _Setup:
    def __init__(self, part: SetupPart) -> None:
        self._part = part

    async def show(self, request: web.Request) -> web.StreamResponse:
        try:
            page = self._page(request)
        except ProblemError as error:
            page = error.problem
        if isinstance(page, Problem):
            return _refused(page, request.headers.get(hdrs.ACCEPT))
        answer = page.answer
        return web.Response(status=answer.status, headers=dict(answer.headers), body=answer.body)

    def _page(self, request: web.Request) -> Page | Problem:
        part = self._part
        text = read_query(request, Setup).token
        form = api_form(request.headers.get(hdrs.ACCEPT))
        page = setup.page_of_api(
            text, part.table().by_id, part.places, part.keys, part.clock(), form
        )
        if isinstance(page, Page) and page.answer.tcp:
            part.seen.remember(page.circuit.id, client_of(request, part.trusted))
        return page


def _refused(problem: Problem, accept: str | None) -> web.Response:
    """A page unless JSON was asked for by name: people come here (protocol 7.9)."""
    content_type, body = problem_document(problem, app_form(accept), Version.V2)
    headers = {"Content-Type": content_type, "Cache-Control": "no-store"}
    return web.Response(status=problem.status, body=body, headers=headers)
