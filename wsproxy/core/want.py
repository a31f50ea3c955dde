"""What a client asks to have opened, and whether an open circuit is that already (protocol 5.4)."""

from dataclasses import dataclass, field
from uuid import UUID

from wsproxy.core.circuit import (
    Circuit,
    Direct,
    HostListener,
    Listener,
    Mode,
    Protocol,
    Route,
)
from wsproxy.core.slots import LabelSlot, ListedSlot, SlotWish, label_serves
from wsproxy.core.wire import Version


@dataclass(frozen=True, slots=True)
class Want:
    """One request to open; both dialects make it. ``slot`` says what listener it may get."""

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
    envs: dict[str, str] = field(default_factory=dict)
    arguments: str = ""
    reuse: bool = True

    def circuit(self, circuit_id: UUID, listener: Listener, now: float) -> Circuit:
        """The first generation of what is asked for."""
        return Circuit(
            id=circuit_id,
            version=self.version,
            app=self.app,
            protocol=self.protocol,
            session_id=self.session_id,
            listener=listener,
            routes=self.routes,
            owner=self.owner,
            user_id=self.user_id,
            domain_name=self.domain_name,
            project_id=self.project_id,
            mode=self.mode,
            endpoint_id=self.endpoint_id,
            runtime_variant=self.runtime_variant,
            session_name=self.session_name,
            token_id=self.token_id,
            open_to_public=self.open_to_public,
            allowed_client_ips=self.allowed_client_ips,
            envs=dict(self.envs),
            arguments=self.arguments,
            created_at=now,
            updated_at=now,
        )


def satisfies(circuit: Circuit, want: Want) -> bool:
    """Whether the circuit is what is wanted, so that it can be used again.

    v1 compares session, app and owner only, and keeps what the circuit was opened with (protocol
    2.4). v2 compares everything a user could notice: protocol 12 "reuse ignores ...".
    """
    if (circuit.version, circuit.session_id, circuit.app, circuit.owner) != (
        want.version,
        want.session_id,
        want.app,
        want.owner,
    ):
        return False
    return want.version is Version.V1 or (_same_terms(circuit, want) and _same_slot(circuit, want))


def _same_terms(circuit: Circuit, want: Want) -> bool:
    return (
        circuit.mode is want.mode
        and circuit.protocol is want.protocol
        and circuit.user_id == want.user_id
        and circuit.open_to_public == want.open_to_public
        and circuit.allowed_client_ips == want.allowed_client_ips
        and circuit.envs == want.envs
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


def displaces(want: Want, circuit: Circuit) -> bool:
    """Whether the want shows that the circuit's container is gone (design 6, fencing).

    A container's address belongs to one session at a time. When it is announced for another
    tenant's, whoever still points there would show one tenant's app to another.
    """
    if circuit.session_id == want.session_id or circuit.owner == want.owner:
        return False
    mine = {(route.host, route.port) for route in want.routes if isinstance(route, Direct)}
    theirs = {(route.host, route.port) for route in circuit.routes if isinstance(route, Direct)}
    return not mine.isdisjoint(theirs)
