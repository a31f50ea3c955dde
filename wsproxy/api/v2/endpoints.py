"""``/v2/endpoints/…``: managers say where models are served (protocol 6.5, generations A to C).

/v2/endpoints/bulk…                  many at once, a result for each
/v2/endpoints/{id}                   one: create or replace, delete
/v2/endpoints/{id}/health-check      how its routes are checked
/v2/endpoints/{id}/token             a token that opens it
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from uuid import UUID

from aiohttp import hdrs, web

from wsproxy.api.answers import json_response
from wsproxy.api.body import read_json, validate
from wsproxy.api.endpoint import Endpoint, Handler
from wsproxy.api.guard import Guard
from wsproxy.api.v2.endpoint_bodies import (
    Bulk,
    BulkBody,
    CheckBody,
    Named,
    RegisterBody,
    RoutesBody,
    SingleBody,
    TokenBody,
    UnregisterBody,
)
from wsproxy.core import endpoints as decide
from wsproxy.core import expiry, jwts
from wsproxy.core.circuit import Circuit
from wsproxy.core.documents import NodeFacts
from wsproxy.core.endpoints import MOST_ROUTES, NO_CIRCUIT, Edited
from wsproxy.core.problem import Problem, ProblemError, no_such
from wsproxy.core.setup import Places
from wsproxy.core.tokens import parse_uuid
from wsproxy.core.wire import Version
from wsproxy.endpoints import Endpoints

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class EndpointsPart:
    """What the routes need. ``jwt_secret`` signs the tokens that open endpoints."""

    endpoints: Endpoints
    node: NodeFacts
    places: Places
    jwt_secret: str = field(repr=False)
    clock: Callable[[], float] = time.time


def endpoints(part: EndpointsPart, guard: Guard) -> list[Endpoint]:
    """Every route of this module, for who has the api-secret. The fixed paths come first."""
    one, many = _One(part), _Many(part.endpoints)
    post, delete, base = hdrs.METH_POST, hdrs.METH_DELETE, "/v2/endpoints"
    rows: list[tuple[str, str, Handler]] = [
        (post, f"{base}/bulk", many.serve(many.create, NOT_CREATED)),
        (delete, f"{base}/bulk", many.serve(many.delete, {})),
        (post, f"{base}/bulk/routes", many.serve(many.replace, {})),
        (post, f"{base}/bulk/routes/register", many.serve(many.register, NOT_REGISTERED)),
        (post, f"{base}/bulk/routes/unregister", many.serve(many.unregister, NOT_UNREGISTERED)),
        (post, f"{base}/{{endpoint_id}}", one.put),
        (delete, f"{base}/{{endpoint_id}}", one.delete),
        (hdrs.METH_PUT, f"{base}/{{endpoint_id}}/health-check", one.check),
        (post, f"{base}/{{endpoint_id}}/token", one.token),
    ]
    return [Endpoint(method, path, guard(handler), Version.V2) for method, path, handler in rows]


class _One:
    def __init__(self, part: EndpointsPart) -> None:
        self._part = part

    async def put(self, request: web.Request) -> web.StreamResponse:
        """Idempotent: the same endpoint has the same URL, whatever is said of it now."""
        endpoint_id = _named(request)
        body = await read_json(request, SingleBody)
        circuit = _good(await self._part.endpoints.put(body.wish(endpoint_id)))
        return json_response({"success": True, **_shown(self._part.endpoints, circuit, "endpoint")})

    async def delete(self, request: web.Request) -> web.StreamResponse:
        """An unknown one is gone already."""
        await self._part.endpoints.delete(_named(request))
        return json_response({"success": True})

    async def check(self, request: web.Request) -> web.StreamResponse:
        endpoint_id = _named(request)
        body = await read_json(request, CheckBody)
        _good(await self._part.endpoints.change(endpoint_id, decide.with_check(body.check())))
        return json_response({"success": True})

    async def token(self, request: web.Request) -> web.StreamResponse:
        part = self._part
        endpoint_id = _named(request)
        body = await read_json(request, TokenBody)
        problem = expiry.past(body.exp, part.clock())
        if problem is not None:
            raise ProblemError(problem)
        circuit = _good(part.endpoints.find(endpoint_id))
        claims = decide.claims(circuit, part.node, part.places, str(body.user_uuid), body.exp)
        return json_response({"token": jwts.sign(claims, part.jwt_secret)})


def _named(request: web.Request) -> UUID:
    found = parse_uuid(request.match_info["endpoint_id"])
    if found is None:
        raise ProblemError(Problem("invalid-api-params", msg="endpoint_id: this is not a UUID"))
    return found


def _good(outcome: Circuit | Problem | None) -> Circuit:
    if outcome is None:
        raise ProblemError(no_such("endpoint"))
    if isinstance(outcome, Problem):
        raise ProblemError(outcome)
    return outcome


def _shown(endpoints: Endpoints, circuit: Circuit, name: str) -> Document:
    return {
        name: endpoints.url(circuit),
        "health_check_enabled": circuit.health_check is not None,
    }


Call = Callable[[object], Awaitable[Document]]
"""One entry of a bulk call; what cannot be done is a ``ProblemError``."""

NOT_CREATED: Document = {"url": "", "health_check_enabled": False}
NOT_REGISTERED: Document = {"registered_route_ids": [], "already_registered_route_ids": []}
NOT_UNREGISTERED: Document = {"unregistered_route_ids": [], "already_absent_route_ids": []}
"""What an entry that failed has besides: the same keys as a good one, for strict readers."""


class _Many:
    """The bulk calls: 200 whatever single entries come to, in their order."""

    def __init__(self, endpoints: Endpoints) -> None:
        self._endpoints = endpoints

    def serve(self, call: Call, undone: Document) -> Handler:
        async def handler(request: web.Request) -> web.StreamResponse:
            bulk = await read_json(request, Bulk)
            results: list[Document] = [{} for _ in bulk.endpoints]

            async def in_turn(places: list[int]) -> None:
                for place in places:
                    results[place] = await _entry(call, undone, bulk.endpoints[place])

            # Side by side, for names may be slow; but two for one deployment keep their order.
            await asyncio.gather(*map(in_turn, _by_deployment(bulk.endpoints)))
            return json_response({"endpoints": results})

        return handler

    async def create(self, entry: object) -> Document:
        body = validate(BulkBody, entry)
        circuit = _done(await self._endpoints.put(body.wish()))
        return _shown(self._endpoints, circuit, "url")

    async def delete(self, entry: object) -> Document:
        await self._endpoints.delete(validate(Named, entry).deployment_id)
        return {}

    async def replace(self, entry: object) -> Document:
        body = validate(RoutesBody, entry)
        routes = body.direct()
        await self._allowed(body.deployment_id, routes)
        revise = partial(decide.replaced, routes=routes)
        _done(await self._endpoints.change(body.deployment_id, revise))
        return {}

    async def register(self, entry: object) -> Document:
        body = validate(RegisterBody, entry)
        routes = body.direct()
        await self._allowed(body.deployment_id, routes)
        edited = await self._edit(body.deployment_id, partial(_registered, routes=routes))
        return {
            "registered_route_ids": list(edited.done),
            "already_registered_route_ids": list(edited.already),
        }

    async def unregister(self, entry: object) -> Document:
        body = validate(UnregisterBody, entry)
        route_ids = [str(one) for one in body.route_ids]
        edit = partial(decide.unregistered, route_ids=route_ids)
        edited = await self._edit(body.deployment_id, edit)
        return {
            "unregistered_route_ids": list(edited.done),
            "already_absent_route_ids": list(edited.already),
        }

    async def _allowed(self, deployment_id: UUID, routes: Any) -> None:
        """Whether the deployment is known comes first: nothing is asked about others."""
        _done(self._endpoints.find(deployment_id))
        problem = await self._endpoints.check(routes)
        if problem is not None:
            raise ProblemError(problem)

    async def _edit(self, deployment_id: UUID, edit: Callable[[Circuit], Edited]) -> Edited:
        made: list[Edited] = []

        def revise(circuit: Circuit) -> Circuit:
            made.append(edit(circuit))
            return made[-1].circuit

        _done(await self._endpoints.change(deployment_id, revise))
        return made[-1]


def _registered(circuit: Circuit, routes: Any) -> Edited:
    edited = decide.registered(circuit, routes)
    if len(edited.circuit.routes) > MOST_ROUTES:
        msg = f"An endpoint may have {MOST_ROUTES} routes."
        raise ProblemError(Problem("invalid-api-params", msg=msg))
    return edited


def _done(outcome: Circuit | Problem | None) -> Circuit:
    if outcome is None:
        raise ProblemError(Problem("object-not-found", msg=NO_CIRCUIT))
    return _good(outcome)


async def _entry(call: Call, undone: Document, entry: object) -> Document:
    """The result of one entry, good or bad."""
    named: Document = {"deployment_id": _deployment(entry)}
    try:
        done = await call(entry)
    except ProblemError as error:
        reason = error.problem.msg or error.problem.code
        return {**named, **undone, "success": False, "error": reason}
    return {**named, **done, "success": True, "error": None}


def _by_deployment(entries: list[Any]) -> Iterable[list[int]]:
    """The places of the entries of each deployment."""
    groups: dict[str | None, list[int]] = {}
    for place, entry in enumerate(entries):
        groups.setdefault(_deployment(entry), []).append(place)
    return groups.values()


def _deployment(entry: object) -> str | None:
    """How the caller names it, in its usual spelling; what is none is not repeated at length."""
    if not isinstance(entry, dict):
        return None
    told = entry.get("deployment_id", entry.get("endpoint_id"))
    if not isinstance(told, str):
        return None
    found = parse_uuid(told)
    return str(found) if found is not None else told[:64]
