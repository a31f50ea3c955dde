"""Inference endpoints: one circuit each, whose routes are the replicas of a model (protocol 6.5).

An endpoint keeps its address as long as it lives: whatever a manager says later changes the circuit
and never the listener.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from yarl import URL

from wsproxy.core.circuit import Circuit, Direct, HostListener, Mode, Protocol
from wsproxy.core.documents import NodeFacts, circuit_document
from wsproxy.core.healthcheck import HealthCheck
from wsproxy.core.problem import Problem
from wsproxy.core.setup import Places, app_url
from wsproxy.core.slots import SlotRules, SlotWish
from wsproxy.core.want import Want
from wsproxy.core.wire import Version

NO_CIRCUIT = "No circuit registered for this endpoint yet."
"""What managers are told of a deployment that nobody created (protocol 6.5)."""

MOST_ROUTES = 1024
"""Routes of one endpoint."""

_SESSIONS_IN_TOKEN = 16
"""A token travels in a header: it cannot name every replica."""

_DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class EndpointWish:
    """What a manager says of an endpoint. ``routes`` None: as they are, or none yet.

    ``followed``: its routes are told through the manager's Redis.
    """

    id: UUID
    service_name: str = ""
    app: str = ""
    protocol: Protocol = Protocol.HTTP
    routes: tuple[Direct, ...] | None = None
    open_to_public: bool = False
    user_id: str = ""
    project_id: str = ""
    domain_name: str = ""
    runtime_variant: str = ""
    existing_url: str = ""
    health_check: HealthCheck | None = None
    followed: bool = False


def session_of(endpoint_id: UUID) -> str:
    """What stands for the session in an endpoint's circuit."""
    return str(endpoint_id)


def want_of(wish: EndpointWish, slots: SlotRules, places: Places) -> Want | Problem:
    """The wish as every other part takes it. 400 for an ``existing_url`` that cannot be one."""
    slot = _slot(wish, slots, places)
    if isinstance(slot, Problem):
        return slot
    return Want(
        version=Version.V2,
        app=wish.app,
        protocol=wish.protocol,
        session_id=session_of(wish.id),
        routes=wish.routes or (),
        slot=slot,
        owner=f"endpoint:{wish.id}",
        user_id=wish.user_id,
        domain_name=wish.domain_name,
        project_id=wish.project_id,
        session_name=wish.service_name,
        mode=Mode.INFERENCE,
        endpoint_id=str(wish.id),
        runtime_variant=wish.runtime_variant,
        open_to_public=wish.open_to_public,
        health_check=wish.health_check,
        followed=wish.followed,
        keep_routes=wish.routes is None,
    )


def _slot(wish: EndpointWish, slots: SlotRules, places: Places) -> SlotWish | Problem:
    """Where it may listen. An address it had elsewhere is taken over if it could be ours."""
    ordinary = slots.wish(wish.protocol, None, wish.service_name)
    if not wish.existing_url:
        return ordinary
    found = _existing(wish.existing_url)
    if found is None:
        return _bad_url("it has no host name.")
    host, port = found
    label, _, domain = host.partition(".")
    if slots.wildcard:
        ours = f".{domain}" == places.domain.lower() and bool(label)
        return slots.wish(wish.protocol, None, label) if ours else ordinary
    if port is None:
        return _bad_url("it has no port.")
    if host == places.app_host.lower() and port in slots.ports:
        return slots.wish(wish.protocol, port, None)
    return ordinary


def _existing(text: str) -> tuple[str, int | None] | None:
    """Host, lower case, and the port that is written; None without a host."""
    try:
        url = URL(text)
        host, port = url.host, url.explicit_port
    except ValueError:
        return None
    return (host.lower(), port) if host else None


def _bad_url(reason: str) -> Problem:
    return Problem("invalid-api-params", msg=f"existing_url: {reason}")


def endpoint_url(circuit: Circuit, places: Places) -> str:
    """What managers and users are told; in wildcard mode without a port that goes without saying.

    In port mode the port is always written.
    """
    if isinstance(circuit.listener, HostListener):
        host = f"{circuit.listener.label}{places.domain}"
        usual = _DEFAULT_PORTS[places.scheme] == places.domain_port
        return (
            f"{places.scheme}://{host}"
            if usual
            else f"{places.scheme}://{host}:{places.domain_port}"
        )
    return app_url(circuit, places)


# routes


@dataclass(frozen=True, slots=True)
class Edited:
    """A circuit with other routes, which route ids that concerned, and which were so already."""

    circuit: Circuit
    done: tuple[str, ...]
    already: tuple[str, ...]


def replaced(circuit: Circuit, routes: Sequence[Direct]) -> Circuit:
    """All routes anew, as told over HTTP."""
    return replace(circuit, routes=tuple(routes), followed=False)


def registered(circuit: Circuit, routes: Sequence[Direct]) -> Edited:
    """Routes added behind the others; a known route id is left as it is."""
    known = {one.route_id for one in circuit.routes if isinstance(one, Direct)}
    added: dict[str, Direct] = {}
    already: dict[str, None] = {}
    for route in routes:
        if route.route_id in known or route.route_id in added:
            already[route.route_id] = None
        else:
            added[route.route_id] = route
    changed = replace(circuit, routes=(*circuit.routes, *added.values()), followed=False)
    return Edited(changed, tuple(added), tuple(already))


def unregistered(circuit: Circuit, route_ids: Sequence[str]) -> Edited:
    """Routes taken out; unknown ids are gone already."""
    asked = dict.fromkeys(route_ids)
    known = {one.route_id for one in circuit.routes if isinstance(one, Direct)}
    kept = (r for r in circuit.routes if not (isinstance(r, Direct) and r.route_id in asked))
    return Edited(
        replace(circuit, routes=tuple(kept), followed=False),
        tuple(one for one in asked if one in known),
        tuple(one for one in asked if one not in known),
    )


def with_check(check: HealthCheck | None) -> Callable[[Circuit], Circuit]:
    """A change of how the routes are checked, and of nothing else."""
    return lambda circuit: replace(circuit, health_check=check)


# tokens


def claims(
    circuit: Circuit, node: NodeFacts, places: Places, user: str, expires_at: int
) -> Mapping[str, Any]:
    """Of a token that opens the endpoint: ``id`` and ``exp`` count, the rest is for people.

    Where the containers are is nobody's business.
    """
    shown = circuit_document(circuit, node)
    del shown["route_info"]
    shown["session_ids"] = shown["session_ids"][:_SESSIONS_IN_TOKEN]
    return {**shown, "app_url": endpoint_url(circuit, places), "user": user, "exp": expires_at}
