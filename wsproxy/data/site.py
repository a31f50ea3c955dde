"""What a listener is for: a *site* turns a request head into a plan; the engine carries it out.

There is one HTTP engine (``data.exchange``) and three sites: the port of one circuit, the wildcard
domain, and the front of a manager. The engine never asks which one it serves.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol
from uuid import UUID

from wsproxy.core.circuit import Route
from wsproxy.core.failure import Failure
from wsproxy.core.heads import Peer, RawHeaders, RequestHead
from wsproxy.core.negotiate import Form, app_form
from wsproxy.core.problem import Problem
from wsproxy.core.wire import Version


@dataclass(frozen=True, slots=True)
class Forward:
    """Pass the request on. ``routes`` are tried in this order while retrying is allowed.

    ``request_headers`` is the final list for the upstream, framing fields excepted (those are the
    engine's). ``response_headers`` is added to the head of the app's answer, 101 included.
    ``circuit_id`` is the key of activity and of closing; None in front mode. ``again`` plans
    further requests of the same client that differ in their target only. ``way_back`` is False
    where a way through the manager could be but is not: then errors say so (design 5.6).
    """

    routes: tuple[Route, ...]
    request_headers: RawHeaders
    version: Version
    response_headers: RawHeaders = ()
    circuit_id: UUID | None = None
    way_back: bool = True
    target: str = ""  # request target for the upstream; "" = as the client sent it
    form_of: Callable[[str | None], Form] = app_form  # of our own problems, by Accept
    again: "Again | None" = None


class Again(Protocol):
    """Whether a plan holds for one more request with the same method, fields and client."""

    def __call__(self, target: str, plan: Forward) -> Forward | None:
        """The plan for ``target``, which may be ``plan`` itself; None: ask the site anew.

        ``plan`` is the one that this came with: who holds that and not the other way round makes
        no cycle, which would stay in memory for long.
        """
        ...


@dataclass(frozen=True, slots=True)
class Refuse:
    """Answer with a problem, JSON or HTML by Accept. The connection stays open if it may."""

    problem: Problem
    version: Version
    headers: RawHeaders = ()


@dataclass(frozen=True, slots=True)
class Reply:
    """Answer with a finished response of the gateway (the setup page, a redirect)."""

    status: int
    headers: RawHeaders
    version: Version
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class HandOver:
    """Give the connection, with every byte received so far, to another protocol (the API)."""

    factory: Callable[[], asyncio.Protocol]


Plan = Forward | Refuse | Reply | HandOver


@dataclass(slots=True)
class Outcome:
    """How one exchange or tunnel ended; ``record`` always gets one (design 4)."""

    forward: Forward
    method: str = ""
    target: str = ""  # as the client sent it; may hold secrets
    route: Route | None = None
    status: int = 0  # of the answer the client saw; 0 = none
    failure: Failure | None = None
    failures: list[tuple[Route, Failure]] = field(default_factory=list)  # routes that were tried
    upgraded: bool = False
    started: float = 0.0  # unix seconds
    seconds: float = 0.0  # how long it took; set at the end


class Site(Protocol):
    """Decides per request; pure but for reading the route table and counting."""

    def plan(self, head: RequestHead, peer: Peer) -> Plan: ...

    def record(self, outcome: Outcome) -> None:
        """Called exactly once for every Forward, whatever happened, or ``passed`` was enough."""
        ...

    def passed(self, forward: Forward, status: int, seconds: float) -> bool:
        """Count an exchange with which everything was as it should; False: it must be recorded."""
        ...
