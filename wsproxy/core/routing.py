"""The route table: every open circuit, found by id, port, label or session.

Immutable: a change makes a new table and the node swaps one reference, so the hot path reads it
without a lock and never sees half of a change (design 6).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from uuid import UUID

from wsproxy.core.circuit import Circuit


@dataclass(frozen=True, slots=True)
class RouteTable:
    """All circuits that a node knows. Ports are only those of this node's own listeners."""

    _ids: Mapping[UUID, Circuit] = field(default_factory=dict)
    _ports: Mapping[int, Circuit] = field(default_factory=dict)
    _labels: Mapping[str, Circuit] = field(default_factory=dict)
    _sessions: Mapping[str, tuple[UUID, ...]] = field(default_factory=dict)

    @classmethod
    def of(cls, circuits: Iterable[tuple[Circuit, bool]]) -> "RouteTable":
        """A table of many; the flag says whether the circuit's port is bound on this node.

        Where two claim one slot, the later one has it.
        """
        ids: dict[UUID, Circuit] = {}
        ports: dict[int, Circuit] = {}
        labels: dict[str, Circuit] = {}
        sessions: dict[str, tuple[UUID, ...]] = {}
        for circuit, here in circuits:
            ids[circuit.id] = circuit
            sessions[circuit.session_id] = (*sessions.get(circuit.session_id, ()), circuit.id)
            if circuit.port is not None and here:
                ports[circuit.port] = circuit
            if circuit.label is not None:
                labels[circuit.label] = circuit
        return cls(ids, ports, labels, sessions)

    def __len__(self) -> int:
        return len(self._ids)

    def __contains__(self, circuit_id: UUID) -> bool:
        return circuit_id in self._ids

    def by_id(self, circuit_id: UUID) -> Circuit | None:
        return self._ids.get(circuit_id)

    def by_port(self, port: int) -> Circuit | None:
        """The circuit whose listener on this node has the port."""
        return self._ports.get(port)

    def by_label(self, label: str) -> Circuit | None:
        """The circuit of a wildcard host name; ``label`` in any case."""
        return self._labels.get(label.lower())

    def of_session(self, session_id: str, owner: str | None = None) -> tuple[Circuit, ...]:
        """The session's circuits, oldest first; only the owner's when one is named."""
        found = (self._ids[circuit_id] for circuit_id in self._sessions.get(session_id, ()))
        return tuple(c for c in found if owner is None or c.owner == owner)

    def all(self) -> tuple[Circuit, ...]:
        return tuple(self._ids.values())

    def ports(self) -> frozenset[int]:
        """Ports of this node that are taken."""
        return frozenset(self._ports)

    def labels(self) -> frozenset[str]:
        return frozenset(self._labels)

    def gone_in(self, later: "RouteTable") -> tuple[Circuit, ...]:
        """What this table has and a later one has not."""
        return tuple(self._ids[circuit_id] for circuit_id in self._ids.keys() - later._ids.keys())

    def with_circuit(self, circuit: Circuit, here: bool = True) -> "RouteTable":
        """The table with the circuit in its newest form."""
        known = self._ids.get(circuit.id)
        base = self if known is None or _same_place(known, circuit) else self.without(circuit.id)
        ids, ports, labels, sessions = base._copies()
        ids[circuit.id] = circuit
        if circuit.port is not None and here:
            ports[circuit.port] = circuit
        if circuit.label is not None:
            labels[circuit.label] = circuit
        listed = sessions.get(circuit.session_id, ())
        if circuit.id not in listed:
            sessions[circuit.session_id] = (*listed, circuit.id)
        return RouteTable(ids, ports, labels, sessions)

    def without(self, circuit_id: UUID) -> "RouteTable":
        """The table without the circuit; a slot that another one took over stays with that one."""
        circuit = self._ids.get(circuit_id)
        if circuit is None:
            return self
        ids, ports, labels, sessions = self._copies()
        del ids[circuit_id]
        if circuit.port is not None and _holds(ports.get(circuit.port), circuit_id):
            del ports[circuit.port]
        if circuit.label is not None and _holds(labels.get(circuit.label), circuit_id):
            del labels[circuit.label]
        left = tuple(other for other in sessions[circuit.session_id] if other != circuit_id)
        if left:
            sessions[circuit.session_id] = left
        else:
            del sessions[circuit.session_id]
        return RouteTable(ids, ports, labels, sessions)

    def _copies(
        self,
    ) -> tuple[
        dict[UUID, Circuit], dict[int, Circuit], dict[str, Circuit], dict[str, tuple[UUID, ...]]
    ]:
        return dict(self._ids), dict(self._ports), dict(self._labels), dict(self._sessions)


def _same_place(one: Circuit, other: Circuit) -> bool:
    return one.listener == other.listener and one.session_id == other.session_id


def _holds(circuit: Circuit | None, circuit_id: UUID) -> bool:
    return circuit is not None and circuit.id == circuit_id


EMPTY = RouteTable()
