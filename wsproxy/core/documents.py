"""What the management API shows of circuits, slots and this node (protocol 6.1 to 6.4).

The shapes are upstream's; what upstream does not have (v1 circuits, bytes, both clocks) is added
under further keys. Counts are computed from the route table: a counter of its own would drift
(protocol 12 "occupied_slots counter drifts").
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from wsproxy.core.circuit import Circuit, Direct, Mode, Route
from wsproxy.core.collection import CollectionRules, Trouble, Use, lifetime
from wsproxy.core.meter import Meter
from wsproxy.core.routing import RouteTable
from wsproxy.core.selection import Standing
from wsproxy.core.wire import Version

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class NodeFacts:
    """This node as a worker. ``ports`` in port mode, ``domain`` (".apps.example") in the other.

    ``authority`` is ``host:port`` of the control API; ``traffic_port`` the advertised port of the
    domain.
    """

    id: UUID
    authority: str
    hostname: str
    api_port: int
    started_at: float
    ports: Sequence[int] = ()
    domain: str = ""
    traffic_port: int = 0
    tls: bool = False

    @property
    def wildcard(self) -> bool:
        return bool(self.domain)


@dataclass(frozen=True, slots=True)
class Activity:
    """What a circuit has carried here, and what that means for its life."""

    meter: Meter
    use: Use
    rules: CollectionRules


def iso(when: float) -> str:
    """Unix seconds as ISO 8601 in UTC."""
    return datetime.fromtimestamp(when, UTC).isoformat()


def circuit_document(circuit: Circuit, node: NodeFacts) -> Document:
    """``GET /api/circuit/{id}``."""
    return {
        "id": str(circuit.id),
        "app": circuit.app,
        "protocol": circuit.protocol.value,
        "worker": str(node.id),
        "app_mode": circuit.mode.value,
        "frontend_mode": _frontend_mode(circuit),
        "envs": dict(circuit.envs),
        "arguments": circuit.arguments or None,
        "open_to_public": circuit.open_to_public,
        "allowed_client_ips": ",".join(circuit.allowed_client_ips) or None,
        "port": circuit.port,
        "subdomain": circuit.label,
        "user_id": circuit.user_id or None,
        "endpoint_id": circuit.endpoint_id or None,
        "runtime_variant": circuit.runtime_variant or None,
        "route_info": [_route_document(circuit, route) for route in circuit.routes],
        "session_ids": list(dict.fromkeys(_sessions(circuit))),
        "created_at": iso(circuit.created_at),
        "updated_at": iso(circuit.updated_at),
        "wsproxy_version": circuit.version.value,
    }


def _frontend_mode(circuit: Circuit) -> str:
    return "wildcard" if circuit.label is not None else "port"


def _sessions(circuit: Circuit) -> Iterable[str]:
    """An endpoint has only those of its routes."""
    if circuit.mode is Mode.INTERACTIVE:
        yield circuit.session_id
    for route in circuit.routes:
        if isinstance(route, Direct) and route.session_id:
            yield route.session_id


def _route_document(circuit: Circuit, route: Route) -> Document:
    """A way through the manager has no address of its own."""
    common = {
        "session_id": circuit.session_id,
        "session_name": circuit.session_name or None,
        "protocol": circuit.protocol.value,
    }
    if not isinstance(route, Direct):
        none = dict.fromkeys(("route_id", "kernel_host", "kernel_port"))
        return {**none, **common, "traffic_ratio": 1.0, "through_manager": True}
    return {
        **common,
        "route_id": route.route_id or None,
        "session_id": route.session_id or circuit.session_id,
        "kernel_host": route.host,
        "kernel_port": route.port,
        "traffic_ratio": route.ratio,
        "through_manager": False,
    }


def statistics_document(
    circuit: Circuit, node: NodeFacts, activity: Activity, now: float
) -> Document:
    """``GET /api/circuit/{id}/statistics``; ``last_access`` in ms, ``ttl`` in s (protocol 6.1)."""
    meter, use = activity.meter, activity.use
    left = lifetime(circuit, use, now, activity.rules)
    return {
        **circuit_document(circuit, node),
        "requests": meter.requests,
        "last_access": int(meter.last_open * 1000) if meter.last_open else None,
        "ttl": None if left is None else max(0, int(left)),
        "connections": meter.connections,
        "bytes_in": meter.bytes_in,
        "bytes_out": meter.bytes_out,
        "last_user_bytes": int(meter.last_user_bytes * 1000) if meter.last_user_bytes else None,
    }


def health_document(
    circuit: Circuit, trouble: Trouble, standing: Callable[[Route], str] | None = None
) -> Document:
    """``GET /health/circuits/{id}``: whether its routes can be connected.

    ``standing`` says how each route of an endpoint is; one good route makes it healthy.
    """
    routes = [_route_document(circuit, route) for route in circuit.routes]
    healthy = not trouble.count
    if standing is not None and circuit.mode is Mode.INFERENCE:
        for shown, route in zip(routes, circuit.routes, strict=True):
            shown["standing"] = standing(route)
        healthy = any(shown["standing"] == Standing.GOOD for shown in routes)
    return {
        "circuit_id": str(circuit.id),
        "app": circuit.app,
        "healthy": healthy,
        "failed_connections": trouble.count,
        "failing_since": iso(trouble.since) if trouble.count else None,
        "routes": routes,
    }


def occupied(table: RouteTable, node: NodeFacts) -> tuple[Circuit, ...]:
    """The circuits that use slots of this worker; v1 listeners have ports of their own.

    In wildcard mode raw apps have ports too: a port has no name to be told by.
    """
    named = (c for c in table.all() if c.label is not None) if node.wildcard else ()
    held = (table.by_port(port) for port in node.ports)
    return (*named, *(c for c in held if c is not None and c.version is Version.V2))


def slot_documents(table: RouteTable, node: NodeFacts, in_use: bool) -> list[Document]:
    """``GET /api/slots``. In wildcard mode the free slots have no end, so none are listed."""
    if in_use:
        return [_slot(c.port, c.label, c.id) for c in occupied(table, node)]
    return [_slot(port, None, None) for port in _free(table, node)]


def _free(table: RouteTable, node: NodeFacts) -> list[int]:
    return [] if node.wildcard else [p for p in node.ports if table.by_port(p) is None]


def _slot(port: int | None, label: str | None, held: UUID | None) -> Document:
    return {
        "frontend_mode": "port" if port is not None else "wildcard",
        "in_use": held is not None,
        "port": port,
        "subdomain": label,
        "circuit_id": str(held) if held else None,
    }


def old_slot_document(circuit: Circuit, node: NodeFacts) -> Document:
    """One entry of ``GET /v1/api/slots``."""
    return {
        "rel": "slot",
        "port": circuit.port,
        "subdomain": circuit.label,
        "wsproxy_version": circuit.version.value,
        "worker__authority": node.authority,
        "circuit__app": circuit.app,
        "circuit__session_id": circuit.session_id,
        "circuit__open_to_public": circuit.open_to_public,
        "circuit__allowed_client_ips": ",".join(circuit.allowed_client_ips) or None,
        "circuit__envs": dict(circuit.envs),
        "circuit__arguments": circuit.arguments or None,
        "circuit__created": iso(circuit.created_at),
        "circuit__modified": iso(circuit.updated_at),
    }


def worker_document(table: RouteTable, node: NodeFacts) -> Document:
    """This node in the words of ``GET /api/worker``."""
    return {
        "id": str(node.id),
        "authority": node.authority,
        "frontend_mode": "wildcard" if node.wildcard else "port",
        "protocol": "http",
        "hostname": node.hostname,
        "tls_listen": node.tls,
        "tls_advertised": node.tls,
        "api_port": node.api_port,
        "port_range": _range(node),
        "wildcard_domain": node.domain or None,
        "wildcard_traffic_port": node.traffic_port or None,
        "filtered_apps_only": False,
        "traefik_last_used_marker_path": None,
        "accepted_traffics": [mode.value for mode in Mode],
        "app_filters": [],
        "created_at": iso(node.started_at),
        "updated_at": iso(node.started_at),
        "nodes": 1,
        **_counts(table, node),
        "slots": slot_documents(table, node, in_use=True),
    }


def _range(node: NodeFacts) -> list[int] | None:
    return None if node.wildcard or not node.ports else [min(node.ports), max(node.ports)]


def _counts(table: RouteTable, node: NodeFacts) -> Document:
    """-1 means without limit."""
    return {
        "available_slots": -1 if node.wildcard else len(_free(table, node)),
        "occupied_slots": len(occupied(table, node)),
    }


def old_worker_document(table: RouteTable, node: NodeFacts) -> Document:
    """One entry of ``GET /v1/api/worker``."""
    first, last = _range(node) or (None, None)
    return {
        "authority": node.authority,
        "endpoint": f"{'https' if node.tls else 'http'}://{node.authority}",
        "total_slots": -1 if node.wildcard else len(node.ports),
        "ports_in_use": [c.port for c in occupied(table, node) if c.port is not None],
        "min_range": first,
        "max_range": last,
        "wildcard_domain": node.domain or None,
        "created": iso(node.started_at),
        "updated": iso(node.started_at),
    }


def status_document(table: RouteTable, node: NodeFacts, program: str) -> Document:
    """``GET /health/status``; ``program`` is the version of this program."""
    worker = {"authority": node.authority, **_counts(table, node), "ha_setup": False}
    return {
        "coordinator_version": program,
        "appproxy_api_version": Version.V2.value,
        "workers": [worker],
    }
