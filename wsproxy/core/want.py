"""What a client asks to have opened, and whether an open circuit is that already (protocol 5.4)."""

from dataclasses import dataclass, replace
from functools import lru_cache
from uuid import UUID

from wsproxy.core.circuit import (
    Circuit,
    Direct,
    HostListener,
    Listener,
    Mode,
    PortListener,
    Protocol,
    Route,
)
from wsproxy.core.healthcheck import HealthCheck
from wsproxy.core.slots import LabelSlot, ListedSlot, PortSlot, SlotWish, label_serves
from wsproxy.core.wire import Version

REMEMBERED = 1024
"""Texts of circuits that were opened lately."""

SHORT = 64


@dataclass(frozen=True, slots=True)
class Want:
    """One request to open; both dialects make it. ``slot`` says what listener it may get.

    ``keep_routes``: an open circuit keeps its routes, and what they speak.
    """

    version: Version
    app: str
    protocol: Protocol
    session_id: str
    routes: tuple[Route, ...]
    slot: SlotWish
    owner: str = ""
    user_id: str = ""
    domain_name: str = ""
    project_id: str = ""
    session_name: str = ""
    token_id: str = ""
    mode: Mode = Mode.INTERACTIVE
    endpoint_id: str = ""
    runtime_variant: str = ""
    open_to_public: bool = False
    allowed_client_ips: tuple[str, ...] = ()
    envs: tuple[tuple[str, str], ...] = ()
    arguments: str = ""
    health_check: HealthCheck | None = None
    followed: bool = False
    reuse: bool = True
    keep_routes: bool = False

    def circuit(self, circuit_id: UUID, listener: Listener, now: float) -> Circuit:
        """The first generation of what is asked for.

        Of many circuits few differ in some of their texts: those hold the same ones.
        """
        return Circuit(
            id=circuit_id,
            version=self.version,
            app=_one(self.app),
            protocol=self.protocol,
            session_id=self.session_id,
            listener=listener,
            routes=self.routes,
            owner=_one(self.owner),
            user_id=_one(self.user_id),
            domain_name=_one(self.domain_name),
            project_id=_one(self.project_id),
            mode=self.mode,
            endpoint_id=self.endpoint_id,
            runtime_variant=self.runtime_variant,
            session_name=self.session_name,
            token_id=self.token_id,
            open_to_public=self.open_to_public,
            allowed_client_ips=self.allowed_client_ips,
            envs=self.envs,
            arguments=self.arguments,
            health_check=self.health_check,
            followed=self.followed,
            created_at=now,
            updated_at=now,
        )


def _one(text: str) -> str:
    """The text itself, or an equal one that others hold already. No long one is kept for it."""
    return _known(text) if len(text) <= SHORT else text


@lru_cache(REMEMBERED)
def _known(text: str) -> str:
    return text


def satisfies(circuit: Circuit, want: Want) -> bool:
    """Whether the circuit is what is wanted, so that it can be used again.

    v1 compares session, app and owner only, and keeps what the circuit was opened with (protocol
    2.4). v2 compares everything a user could notice: protocol 12 "reuse ignores ...". An inference
    endpoint is one circuit whatever else is asked for: it is changed, its address stays.
    """
    if (circuit.version, circuit.session_id, circuit.owner) != (
        want.version,
        want.session_id,
        want.owner,
    ):
        return False
    if circuit.mode is Mode.INFERENCE and want.mode is Mode.INFERENCE:
        return circuit.endpoint_id == want.endpoint_id
    if circuit.app != want.app:
        return False
    return want.version is Version.V1 or (_same_terms(circuit, want) and _same_slot(circuit, want))


def _same_terms(circuit: Circuit, want: Want) -> bool:
    return (
        circuit.mode is want.mode
        and circuit.protocol is want.protocol
        and circuit.user_id == want.user_id
        and circuit.open_to_public == want.open_to_public
        and circuit.allowed_client_ips == want.allowed_client_ips
        and dict(circuit.envs) == dict(want.envs)
        and circuit.arguments == want.arguments
    )


def _same_slot(circuit: Circuit, want: Want) -> bool:
    """No preference is satisfied by any slot of the same kind."""
    wish = want.slot
    if isinstance(wish, LabelSlot):
        listener = circuit.listener
        return isinstance(listener, HostListener) and label_serves(listener.label, wish.preferred)
    if circuit.port is None:
        return False
    if isinstance(wish, ListedSlot):
        return circuit.port in wish.candidates or 0 in wish.candidates
    return wish.preferred is None or circuit.port == wish.preferred


def renewed(circuit: Circuit, want: Want) -> Circuit:
    """The circuit that satisfies a want, with what the want changes; the same when nothing."""
    if want.version is Version.V1:
        return circuit
    if want.mode is Mode.INTERACTIVE:  # the container moved
        return replace(circuit, routes=want.routes)
    changed = replace(
        circuit,
        user_id=want.user_id,
        domain_name=want.domain_name,
        project_id=want.project_id,
        session_name=want.session_name,
        runtime_variant=want.runtime_variant,
        open_to_public=want.open_to_public,
        allowed_client_ips=want.allowed_client_ips,
        health_check=want.health_check,
        followed=want.followed,
    )
    if want.keep_routes:
        return changed
    return replace(changed, app=want.app, protocol=want.protocol, routes=want.routes)


def other_transport(circuit: Circuit, want: Want) -> bool:
    """Whether the listener must be made anew: it serves HTTP, and the app now speaks otherwise,
    or it would offer something else over TLS.
    """
    after = replace(circuit, protocol=want.protocol)
    same = (after.transport, after.alpn) == (circuit.transport, circuit.alpn)
    return not want.keep_routes and not same


def in_place_of(circuit: Circuit, want: Want) -> Want:
    """The want, with the slot of the circuit that it follows."""
    if isinstance(circuit.listener, PortListener):
        port = circuit.listener.port
        return replace(want, slot=PortSlot(circuit.listener.host, (port,), port))
    return want


def lost(holder: Want | Circuit, circuit: Circuit) -> tuple[Direct, ...]:
    """The routes of a circuit whose address now belongs to somebody else (design 6, fencing).

    A container's address belongs to one session at a time. When it is announced for another
    tenant's, whoever still points there would show one tenant's app to another.
    """
    if _one_tenant(holder, circuit):
        return ()
    held = {
        (route.host, route.port): route.session_id or holder.session_id
        for route in holder.routes
        if isinstance(route, Direct)
    }
    return tuple(
        route
        for route in circuit.routes
        if isinstance(route, Direct)
        and (route.host, route.port) in held
        and held[route.host, route.port] != (route.session_id or circuit.session_id)
    )


def _one_tenant(holder: Want | Circuit, circuit: Circuit) -> bool:
    """Interactive apps are their access key's; endpoints have none, they are their user's."""
    if circuit.session_id == holder.session_id or circuit.owner == holder.owner:
        return True
    endpoint = Mode.INFERENCE in (circuit.mode, holder.mode)
    return endpoint and circuit.user_id == holder.user_id


def without(circuit: Circuit, routes: tuple[Direct, ...]) -> Circuit:
    """The circuit without some of its routes."""
    return replace(circuit, routes=tuple(one for one in circuit.routes if one not in routes))
