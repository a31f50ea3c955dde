"""What the texts in the manager's Redis mean: routes, ratios, health checks (protocol 6.5), events.

What cannot be understood is as if it were not there: nothing of an endpoint changes then.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import isfinite

from pydantic import ValidationError

from wsproxy.core.circuit import Circuit, Direct
from wsproxy.core.endpoints import MOST_ROUTES
from wsproxy.core.healthcheck import HealthCheck
from wsproxy.manager.redis import EndpointKeys, Event
from wsproxy.manager.told import HealthCheckTold, RouteTold

SESSION_ENDED = b"session_terminated"

_ID = re.compile(rb"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def ended_session(event: Event) -> str | None:
    """The id of the session that an event says has ended; None for every other event.

    Managers pack the arguments in different ways; the id is a text in all of them, and the first.
    """
    if event.get(b"name") != SESSION_ENDED:
        return None
    found = _ID.search(event.get(b"args", b"").lower())
    return found[0].decode() if found else None


@dataclass(frozen=True, slots=True)
class RoutesKey:
    """The first app and its routes. ``bad`` entries could not be understood."""

    app: str
    routes: tuple[Direct, ...]
    bad: int = 0


def routes_of(text: str | None) -> RoutesKey | None:
    """None when nothing is told; an empty list is told."""
    document = _object(text)
    if document is None:
        return None
    app, entries = next(iter(document.items()), ("", []))
    if not isinstance(entries, list):
        return None
    told = [_route(entry) for entry in entries[:MOST_ROUTES]]
    good = [one for one in told if one is not None]
    if entries and not good:
        return None
    return RoutesKey(app, tuple(one.route() for one in good), len(entries) - len(good))


def _route(entry: object) -> RouteTold | None:
    try:
        return RouteTold.model_validate(entry)
    except ValidationError:
        return None


def _object(text: str | None) -> dict[str, object] | None:
    try:
        found = json.loads(text or "")
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def with_ratios(key: RoutesKey, ratios: Mapping[str, str]) -> RoutesKey:
    """The routes with the ratios told for their sessions."""
    routes = []
    for route in key.routes:
        ratio = _ratio(ratios.get(route.session_id))
        routes.append(route if ratio is None else replace(route, ratio=ratio))
    return replace(key, routes=tuple(routes))


def _ratio(text: str | None) -> float | None:
    try:
        found = float(text or "")
    except ValueError:
        return None
    return found if isfinite(found) and 0 <= found <= 1e6 else None


def check_of(keys: EndpointKeys, known: HealthCheck | None) -> HealthCheck | None:
    """How routes are to be checked: as told, or as known so far."""
    if keys.check_enabled is not None and keys.check_enabled.strip().lower() == "false":
        return None
    document = _object(keys.check)
    if document is None:
        return known
    try:
        return HealthCheckTold.model_validate(document).check()
    except ValidationError:
        return known


def told(circuit: Circuit, keys: EndpointKeys, routes: RoutesKey | None) -> Circuit:
    """An endpoint as its keys tell it now; what they do not tell stays."""
    changed = replace(circuit, health_check=check_of(keys, circuit.health_check))
    if routes is None:
        return changed
    if not routes.routes:  # no app is named then
        return replace(changed, routes=())
    return replace(changed, app=routes.app, routes=routes.routes)
