"""The route table: every open circuit, found by id, port, label or session.

Immutable: a change makes a new table and the node swaps one reference, so the hot path reads it
without a lock and never sees half of a change (design 6).
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import TypeVar
from uuid import UUID

from wsproxy.core.circuit import Circuit, Direct, Mode
from wsproxy.core.layers import Layers

Target = tuple[str, int]
"""Where a direct route leads."""

Ids = UUID | tuple[UUID, ...]
"""The circuits below one key, oldest first. Nearly always it is one, and needs no tuple."""


@dataclass(frozen=True, slots=True)
class RouteTable:
    """All circuits that a node knows. Ports are only those of this node's own listeners."""

    _ids: Layers[UUID, Circuit] = field(default_factory=Layers)
    _ports: Layers[int, Circuit] = field(default_factory=Layers)
    _labels: Layers[str, Circuit] = field(default_factory=Layers)
    _sessions: Layers[str, Ids] = field(default_factory=Layers)
    _targets: Layers[Target, Ids] = field(default_factory=Layers)
    _endpoints: Layers[UUID, Circuit] = field(default_factory=Layers)

    @classmethod
    def of(cls, circuits: Iterable[tuple[Circuit, bool]]) -> "RouteTable":
        """A table of many; the flag says whether the circuit's port is bound on this node.

        Where two claim one slot, the later one has it.
        """
        ids: dict[UUID, Circuit] = {}
        ports: dict[int, Circuit] = {}
        labels: dict[str, Circuit] = {}
        endpoints: dict[UUID, Circuit] = {}
        for circuit, here in circuits:
            ids[circuit.id] = circuit
            if circuit.port is not None and here:
                ports[circuit.port] = circuit
            if circuit.label is not None:
                labels[circuit.label] = circuit
            if circuit.mode is Mode.INFERENCE:
                endpoints[circuit.id] = circuit
        return cls(
            Layers(ids),
            Layers(ports),
            Layers(labels),
            Layers(_grouped((one.session_id, one.id) for one in ids.values())),
            Layers(_grouped((to, one.id) for one in ids.values() for to in _targets_of(one))),
            Layers(endpoints),
        )

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
        found = (self._ids[circuit_id] for circuit_id in _each(self._sessions.get(session_id, ())))
        return tuple(c for c in found if owner is None or c.owner == owner)

    def leading_to(self, target: Target) -> tuple[Circuit, ...]:
        """The circuits with a direct route to an address."""
        return tuple(self._ids[circuit_id] for circuit_id in _each(self._targets.get(target, ())))

    def all(self) -> tuple[Circuit, ...]:
        return tuple(self._ids.values())

    def endpoints(self) -> tuple[Circuit, ...]:
        """The circuits of inference endpoints: few among many, and looked at every second."""
        return tuple(self._endpoints.values())

    def ports(self) -> Collection[int]:
        """Ports of this node that are taken."""
        return self._ports.keys()

    def labels(self) -> Collection[str]:
        return self._labels.keys()

    def gone_in(self, later: "RouteTable") -> tuple[Circuit, ...]:
        """What this table has and a later one has not."""
        return tuple(self._ids[circuit_id] for circuit_id in self._ids.gone_in(later._ids))

    def new_in(self, later: "RouteTable") -> tuple[Circuit, ...]:
        """What a later table has more, or in another form; in that form."""
        return tuple(later._ids[circuit_id] for circuit_id in self._ids.new_in(later._ids))

    def with_circuit(self, circuit: Circuit, here: bool = True) -> "RouteTable":
        """The table with the circuit in its newest form."""
        known = self._ids.get(circuit.id)
        base = self if known is None or _same_place(known, circuit) else self.without(circuit.id)
        ports, labels, sessions, targets = base._ports, base._labels, base._sessions, base._targets
        if circuit.port is not None and here:
            ports = ports.with_(circuit.port, circuit)
        if circuit.label is not None:
            labels = labels.with_(circuit.label, circuit)
        sessions = _more(sessions, circuit.session_id, circuit.id)
        for target in _targets_of(circuit):
            targets = _more(targets, target, circuit.id)
        endpoints = base._endpoints.without(circuit.id)
        if circuit.mode is Mode.INFERENCE:
            endpoints = base._endpoints.with_(circuit.id, circuit)
        ids = base._ids.with_(circuit.id, circuit)
        return RouteTable(ids, ports, labels, sessions, targets, endpoints)

    def without(self, circuit_id: UUID) -> "RouteTable":
        """The table without the circuit; a slot that another one took over stays with that one."""
        circuit = self._ids.get(circuit_id)
        if circuit is None:
            return self
        ports, labels, targets = self._ports, self._labels, self._targets
        if circuit.port is not None and _holds(ports.get(circuit.port), circuit_id):
            ports = ports.without(circuit.port)
        if circuit.label is not None and _holds(labels.get(circuit.label), circuit_id):
            labels = labels.without(circuit.label)
        for target in _targets_of(circuit):
            targets = _less(targets, target, circuit_id)
        sessions = _less(self._sessions, circuit.session_id, circuit_id)
        endpoints = self._endpoints.without(circuit_id)
        return RouteTable(
            self._ids.without(circuit_id), ports, labels, sessions, targets, endpoints
        )


K = TypeVar("K")


def _grouped(pairs: Iterable[tuple[K, UUID]]) -> dict[K, Ids]:
    """Whole indexes are made without a list for each key."""
    found: dict[K, Ids] = {}
    several: dict[K, list[UUID]] = {}
    for key, circuit_id in pairs:
        if found.setdefault(key, circuit_id) is not circuit_id:
            several.setdefault(key, []).append(circuit_id)
    for key, ids in several.items():
        found[key] = (*_each(found[key]), *ids)
    return found


def _each(ids: Ids) -> tuple[UUID, ...]:
    return ids if isinstance(ids, tuple) else (ids,)


def _more(index: Layers[K, Ids], key: K, circuit_id: UUID) -> Layers[K, Ids]:
    """The index with one circuit more below a key; itself when it is there."""
    ids = _each(index.get(key, ()))
    if circuit_id in ids:
        return index
    return index.with_(key, (*ids, circuit_id) if ids else circuit_id)


def _less(index: Layers[K, Ids], key: K, circuit_id: UUID) -> Layers[K, Ids]:
    """The index without one circuit below a key."""
    left = tuple(other for other in _each(index.get(key, ())) if other != circuit_id)
    if not left:
        return index.without(key)
    return index.with_(key, left if len(left) > 1 else left[0])


def _targets_of(circuit: Circuit) -> frozenset[Target]:
    return frozenset((one.host, one.port) for one in circuit.routes if isinstance(one, Direct))


def _same_place(one: Circuit, other: Circuit) -> bool:
    """Whether every index has the two below the same keys."""
    return (
        one.listener == other.listener
        and one.session_id == other.session_id
        and _targets_of(one) == _targets_of(other)
    )


def _holds(circuit: Circuit | None, circuit_id: UUID) -> bool:
    return circuit is not None and circuit.id == circuit_id


EMPTY = RouteTable()
