"""``GET /setup`` on the control API: a setup token becomes a permit (protocol 5.5)."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from aiohttp import hdrs, web

from wsproxy.api.body import read_query
from wsproxy.api.endpoint import Endpoint
from wsproxy.api.v2.caller import client_of
from wsproxy.api.v2.parameters import Setup
from wsproxy.core import permits, setup, tokens
from wsproxy.core.admission import SetupAddresses
from wsproxy.core.clientip import Networks
from wsproxy.core.negotiate import app_form
from wsproxy.core.page import problem_document
from wsproxy.core.permits import PermitRules
from wsproxy.core.problem import Problem, ProblemError
from wsproxy.core.routing import RouteTable
from wsproxy.core.setup import Places, SetupAnswer
from wsproxy.core.wire import Version


@dataclass(frozen=True, slots=True)
class SetupPart:
    """What the endpoint needs. ``seen`` is told who opens a TCP app."""

    table: Callable[[], RouteTable]
    places: Places
    jwt_secret: str = field(repr=False)
    permits: PermitRules
    seen: SetupAddresses
    trusted: Networks = ()
    clock: Callable[[], float] = time.time


def endpoints(part: SetupPart) -> list[Endpoint]:
    """The one route of this module."""
    return [Endpoint(hdrs.METH_GET, "/setup", _Page(part).show, Version.V2)]


class _Page:
    def __init__(self, part: SetupPart) -> None:
        self._part = part

    async def show(self, request: web.Request) -> web.StreamResponse:
        try:
            answer = self._answer(request)
        except ProblemError as error:
            answer = error.problem
        if isinstance(answer, Problem):
            return _refused(answer, request.headers.get(hdrs.ACCEPT))
        return web.Response(status=answer.status, headers=dict(answer.headers), body=answer.body)

    def _answer(self, request: web.Request) -> SetupAnswer | Problem:
        part, now = self._part, self._part.clock()
        text = read_query(request, Setup).token
        token = tokens.read_setup(text, part.jwt_secret, now)
        if isinstance(token, Problem):
            return token
        circuit = part.table().by_id(token.circuit_id)
        if circuit is None:
            return setup.no_such_circuit()
        permit = permits.issue(part.permits.secret, circuit.id, now)
        answer = setup.answer(circuit, text, token.redirect, permit, part.places)
        if isinstance(answer, SetupAnswer) and answer.tcp:
            part.seen.remember(circuit.id, client_of(request, part.trusted))
        return answer


def _refused(problem: Problem, accept: str | None) -> web.Response:
    """A page unless JSON was asked for by name: people come here (protocol 7.9)."""
    content_type, body = problem_document(problem, app_form(accept), Version.V2)
    headers = {"Content-Type": content_type, "Cache-Control": "no-store"}
    return web.Response(status=problem.status, body=body, headers=headers)
