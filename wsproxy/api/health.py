"""Health (protocol 6.4): for load balancers, and in detail for who has the secret."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from aiohttp import hdrs, web

from wsproxy import __version__
from wsproxy.api.answers import json_response
from wsproxy.api.endpoint import Endpoint, Handler
from wsproxy.api.guard import Guard
from wsproxy.circuits import Circuits
from wsproxy.collector import Collector
from wsproxy.core import documents
from wsproxy.core.circuit import Circuit, Route
from wsproxy.core.documents import Document, NodeFacts
from wsproxy.core.problem import ProblemError, no_such
from wsproxy.core.selection import Standing
from wsproxy.core.tokens import parse_uuid
from wsproxy.core.wire import Version

StandingIn = Callable[[Circuit], Callable[[Route], str]]


def _good(circuit: Circuit) -> Callable[[Route], str]:
    return lambda route: Standing.GOOD


@dataclass(frozen=True, slots=True)
class HealthPart:
    """``ready``: one complete snapshot was read, and the gateway does not drain.
    ``degraded``: the store cannot be asked, or lacks what we know. ``standing_in``: how the routes
    of an endpoint are.
    """

    node: NodeFacts
    circuits: Circuits
    collector: Collector
    ready: Callable[[], bool]
    degraded: Callable[[], bool]
    standing_in: StandingIn = _good
    clock: Callable[[], float] = time.time


def endpoints(part: HealthPart, guard: Guard) -> list[Endpoint]:
    """The public three, and four behind ``guard``."""
    health = _Health(part)
    rows: Iterable[tuple[str, Handler]] = [
        ("/health", health.overall),
        ("/health/livez", health.live),
        ("/health/readyz", health.ready),
        ("/health/status", guard(health.status)),
        ("/health/summary", guard(health.summary)),
        ("/health/endpoints", guard(health.endpoints)),
        ("/health/circuits/{circuit_id}", guard(health.circuit)),
    ]
    return [Endpoint(hdrs.METH_GET, path, handler) for path, handler in rows]


class _Health:
    def __init__(self, part: HealthPart) -> None:
        self._part = part

    async def overall(self, request: web.Request) -> web.StreamResponse:
        """Always 200: who asks wants to know, not to be refused."""
        degraded = self._part.degraded()
        check = {
            "service_id": "store",
            "is_healthy": not degraded,
            "error_message": "The store cannot be asked, or is new." if degraded else None,
        }
        connectivity = {
            "overall_healthy": not degraded,
            "connectivity_checks": [check],
            "timestamp": documents.iso(self._part.clock()),
        }
        return json_response(
            {
                "status": "degraded" if degraded else "ok",
                "version": __version__,
                "component": "appproxy-coordinator",
                "connectivity": connectivity,
            }
        )

    async def live(self, request: web.Request) -> web.StreamResponse:
        return json_response({"status": "alive"})

    async def ready(self, request: web.Request) -> web.StreamResponse:
        if self._part.ready():
            return json_response({"status": "ready"})
        return json_response({"status": "not-ready"}, status=503, headers={"Retry-After": "1"})

    async def status(self, request: web.Request) -> web.StreamResponse:
        table = self._part.circuits.table
        return json_response(documents.status_document(table, self._part.node, __version__))

    async def summary(self, request: web.Request) -> web.StreamResponse:
        circuits = self._part.circuits.table.all()
        failing = sum(not self._document(circuit)["healthy"] for circuit in circuits)
        return json_response(
            {
                "status": "degraded" if self._part.degraded() else "ok",
                "version": __version__,
                "circuits": len(circuits),
                "healthy": len(circuits) - failing,
                "failing": failing,
                "by_version": {
                    version.value: sum(c.version is version for c in circuits)
                    for version in Version
                },
            }
        )

    async def endpoints(self, request: web.Request) -> web.StreamResponse:
        """The circuits of inference endpoints."""
        circuits = self._part.circuits.table.endpoints()
        found = [{"endpoint_id": c.endpoint_id or None, **self._document(c)} for c in circuits]
        return json_response({"endpoints": found})

    async def circuit(self, request: web.Request) -> web.StreamResponse:
        circuit_id = parse_uuid(request.match_info["circuit_id"])
        circuit = self._part.circuits.table.by_id(circuit_id) if circuit_id else None
        if circuit is None:
            raise ProblemError(no_such("circuit"))
        return json_response(self._document(circuit))

    def _document(self, circuit: Circuit) -> Document:
        trouble = self._part.collector.trouble(circuit.id)
        return documents.health_document(circuit, trouble, self._part.standing_in(circuit))
