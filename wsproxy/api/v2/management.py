"""The management API: circuits, slots, workers (protocol 6.1 to 6.3), for one node.

Registering workers is refused with 501: this gateway is coordinator and worker in one.
"""

import asyncio
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from uuid import UUID

from aiohttp import hdrs, web
from pydantic import BaseModel, field_validator

from wsproxy.api.answers import json_response
from wsproxy.api.body import read_json, read_query
from wsproxy.api.endpoint import Cors, Endpoint, Handler
from wsproxy.api.guard import Guard
from wsproxy.circuits import Circuits
from wsproxy.collector import Collector, MeterOf
from wsproxy.core import documents
from wsproxy.core.circuit import Circuit, CloseReason
from wsproxy.core.documents import Activity, Document, NodeFacts
from wsproxy.core.meter import Meter
from wsproxy.core.problem import Problem, ProblemError, no_such
from wsproxy.core.tokens import parse_uuid
from wsproxy.core.wire import Version


@dataclass(frozen=True, slots=True)
class ManagementPart:
    """What the endpoints need. ``meter_of`` are the counters of the data plane."""

    node: NodeFacts
    circuits: Circuits
    collector: Collector
    meter_of: MeterOf
    clock: Callable[[], float] = time.time


def endpoints(part: ManagementPart, guard: Guard) -> list[Endpoint]:
    """Everything of protocol 6.1 to 6.3, and the listing of ``listing_endpoints``."""
    circuits, node = _Circuits(part), _Node(part)
    rows: Iterable[tuple[str, str, Handler]] = [
        (hdrs.METH_DELETE, "/api/circuit/_/bulk", circuits.delete_many),
        (hdrs.METH_GET, "/api/circuit/{circuit_id}", circuits.show),
        (hdrs.METH_DELETE, "/api/circuit/{circuit_id}", circuits.delete),
        (hdrs.METH_GET, "/api/circuit/{circuit_id}/statistics", circuits.statistics),
        (hdrs.METH_DELETE, "/v1/api/circuit/{circuit_id}", circuits.delete),
        (hdrs.METH_GET, "/api/circuits", circuits.listing),
        (hdrs.METH_GET, "/api/slots", node.slots),
        (hdrs.METH_GET, "/v1/api/slots", node.old_slots),
        (hdrs.METH_GET, "/api/worker", node.workers),
        (hdrs.METH_PUT, "/api/worker", node.refuse),
        (hdrs.METH_GET, "/v1/api/worker", node.old_workers),
        (hdrs.METH_GET, "/api/worker/{worker_id}", node.worker),
        (hdrs.METH_PATCH, "/api/worker/{worker_id}", node.refuse),
        (hdrs.METH_DELETE, "/api/worker/{worker_id}", node.refuse),
        (hdrs.METH_GET, "/api/worker/{worker_id}/circuits", node.circuits),
    ]
    return [Endpoint(method, path, guard(handler), Version.V2) for method, path, handler in rows]


def admin_endpoints(part: ManagementPart) -> list[Endpoint]:
    """What ``wsproxy circuits`` uses, for the private admin port: no secret, no other origin."""
    circuits = _Circuits(part)
    rows: Iterable[tuple[str, str, Handler]] = [
        (hdrs.METH_GET, "/api/circuits", circuits.listing),
        (hdrs.METH_DELETE, "/api/circuit/{circuit_id}", circuits.delete),
    ]
    return [
        Endpoint(method, path, handler, cors=Cors.ADMIN, host_checked=True)
        for method, path, handler in rows
    ]


class Several(BaseModel):
    """``{"circuit_ids": [uuid, ...]}``, or the ids separated by commas."""

    circuit_ids: list[UUID]

    @field_validator("circuit_ids", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return [part.strip() for part in value.split(",") if part.strip()]
        return value


class SlotQuery(BaseModel):
    wsproxy_host: str | None = None
    in_use: bool = True


class _Circuits:
    def __init__(self, part: ManagementPart) -> None:
        self._part = part

    async def show(self, request: web.Request) -> web.StreamResponse:
        return json_response(documents.circuit_document(self._named(request), self._part.node))

    async def statistics(self, request: web.Request) -> web.StreamResponse:
        return json_response(self._statistics(self._named(request)))

    async def listing(self, request: web.Request) -> web.StreamResponse:
        """All circuits of both versions with what they carry, oldest first."""
        rows = sorted(self._part.circuits.table.all(), key=lambda c: (c.created_at, str(c.id)))
        return json_response({"circuits": [self._statistics(circuit) for circuit in rows]})

    async def delete(self, request: web.Request) -> web.StreamResponse:
        circuit = self._named(request)
        await self._part.circuits.close(circuit.id, CloseReason.REQUESTED)
        return json_response({"success": True})

    async def delete_many(self, request: web.Request) -> web.StreamResponse:
        """Unknown ids are gone already. The body counts; without one, the query."""
        if request.can_read_body:
            several = await read_json(request, Several)
        else:
            several = read_query(request, Several)
        close = self._part.circuits.close
        await asyncio.gather(*(close(one, CloseReason.REQUESTED) for one in several.circuit_ids))
        return json_response({"success": True})

    def _named(self, request: web.Request) -> Circuit:
        circuit_id = parse_uuid(request.match_info["circuit_id"])
        circuit = self._part.circuits.table.by_id(circuit_id) if circuit_id else None
        if circuit is None:
            raise ProblemError(no_such("circuit"))
        return circuit

    def _statistics(self, circuit: Circuit) -> Document:
        part = self._part
        collector = part.collector
        meter = part.meter_of(circuit.id) or Meter()
        activity = Activity(meter, collector.use(circuit.id), collector.rules)
        return documents.statistics_document(circuit, part.node, activity, part.clock())


class _Node:
    def __init__(self, part: ManagementPart) -> None:
        self._facts = part.node
        self._circuits = part.circuits

    async def slots(self, request: web.Request) -> web.StreamResponse:
        query = read_query(request, SlotQuery)
        if query.wsproxy_host not in {None, self._facts.authority}:
            raise ProblemError(no_such("worker"))
        found = documents.slot_documents(self._circuits.table, self._facts, query.in_use)
        return json_response({"slots": found})

    async def old_slots(self, request: web.Request) -> web.StreamResponse:
        circuits = documents.occupied(self._circuits.table, self._facts)
        return json_response([documents.old_slot_document(c, self._facts) for c in circuits])

    async def workers(self, request: web.Request) -> web.StreamResponse:
        return json_response({"workers": [self._document()]})

    async def worker(self, request: web.Request) -> web.StreamResponse:
        self._must_be_us(request)
        return json_response(self._document())

    async def circuits(self, request: web.Request) -> web.StreamResponse:
        self._must_be_us(request)
        circuits = documents.occupied(self._circuits.table, self._facts)
        found = [documents.circuit_document(circuit, self._facts) for circuit in circuits]
        return json_response({"circuits": found})

    async def old_workers(self, request: web.Request) -> web.StreamResponse:
        return json_response([documents.old_worker_document(self._circuits.table, self._facts)])

    async def refuse(self, request: web.Request) -> web.StreamResponse:
        message = "This gateway is coordinator and worker in one; workers cannot be changed here."
        raise ProblemError(Problem("not-implemented", msg=message))

    def _document(self) -> Document:
        return documents.worker_document(self._circuits.table, self._facts)

    def _must_be_us(self, request: web.Request) -> None:
        if parse_uuid(request.match_info["worker_id"]) != self._facts.id:
            raise ProblemError(no_such("worker"))
