"""The operations on inference endpoints: put, change, find, delete (protocol 6.5).

Each is a few words about the endpoint's one circuit; ``core.endpoints`` decides, ``circuits`` acts.
The API and the follower of the manager's Redis call the same.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from uuid import UUID

from wsproxy.circuits import Circuits
from wsproxy.core import endpoints
from wsproxy.core.circuit import Circuit, CloseReason, Direct, Mode
from wsproxy.core.endpoints import EndpointWish
from wsproxy.core.problem import Problem
from wsproxy.core.setup import Places
from wsproxy.core.slots import SlotRules
from wsproxy.net.targets import TargetCheck

Revise = Callable[[Circuit], Circuit]


@dataclass(frozen=True, slots=True)
class EndpointRules:
    """Where endpoints may listen, where clients find them, and where their routes may lead."""

    slots: SlotRules
    places: Places
    targets: TargetCheck


class Endpoints:
    """All inference endpoints; a thin layer over ``Circuits`` without state of its own."""

    def __init__(self, circuits: Circuits, rules: EndpointRules) -> None:
        self._circuits = circuits
        self._rules = rules

    def find(self, endpoint_id: UUID) -> Circuit | None:
        found = self._circuits.find(endpoints.session_of(endpoint_id))
        return next((one for one in found if one.mode is Mode.INFERENCE), None)

    def all(self) -> tuple[Circuit, ...]:
        """The circuits of all endpoints."""
        return self._circuits.table.endpoints()

    def url(self, circuit: Circuit) -> str:
        return endpoints.endpoint_url(circuit, self._rules.places)

    async def check(self, routes: Iterable[Direct]) -> Problem | None:
        """Whether routes may lead there; the first that may not."""
        places = [(route.host, route.port) for route in routes]
        return await self._rules.targets.first_problem(places)

    async def put(self, wish: EndpointWish) -> Circuit | Problem:
        """Open the endpoint, or change it into what is said now; its address stays."""
        problem = await self.check(wish.routes or ())
        if problem is not None:
            return problem
        want = endpoints.want_of(wish, self._rules.slots, self._rules.places)
        if isinstance(want, Problem):
            return want
        opened = await self._circuits.open(want)
        return opened if isinstance(opened, Problem) else opened.circuit

    async def change(self, endpoint_id: UUID, revise: Revise) -> Circuit | Problem | None:
        """Change a known endpoint; None: nobody created it."""
        circuit = self.find(endpoint_id)
        return None if circuit is None else await self._circuits.change(circuit.id, revise)

    async def delete(self, endpoint_id: UUID) -> bool:
        """Close it and its connections; whether it was there."""
        circuit = self.find(endpoint_id)
        if circuit is None:
            return False
        return await self._circuits.close(circuit.id, CloseReason.REQUESTED)
