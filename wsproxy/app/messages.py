"""What the main process and its workers tell each other.

Values, pickled: both ends run the same program. What a worker says is taken with care all the
same, because it carries strangers' bytes: only our own values are made of it.
"""

import io
import pickle
from dataclasses import dataclass
from enum import Enum, EnumType
from typing import Any
from uuid import UUID

from wsproxy.config.settings import Settings
from wsproxy.core.circuit import Circuit, CloseReason
from wsproxy.core.configuration import Configuration
from wsproxy.core.setup import Places
from wsproxy.core.targets import Listening
from wsproxy.core.told import Told

# from main to worker


@dataclass(frozen=True, slots=True)
class Begin:
    """The first message. ``sites``: our own listeners that belong to no circuit."""

    settings: Settings
    places: Places
    sites: tuple[Listening, ...]
    processes: int


@dataclass(frozen=True, slots=True)
class Configured:
    """What a route through the manager names. Holds secrets."""

    id: str
    configuration: Configuration


@dataclass(frozen=True, slots=True)
class Listen:
    """The circuits' ports are bound: connections may come."""

    circuits: tuple[Circuit, ...]


@dataclass(frozen=True, slots=True)
class Put:
    """The circuits are in the route table, or have a new form there."""

    circuits: tuple[Circuit, ...]


@dataclass(frozen=True, slots=True)
class Gone:
    """The circuit is in the route table no more."""

    circuit_id: UUID


@dataclass(frozen=True, slots=True)
class Close:
    """End the circuit's connections, then say ``Closed``."""

    circuit: Circuit
    reason: CloseReason


@dataclass(frozen=True, slots=True)
class Take:
    """Comes with a connection: of a circuit's port, or of the wildcard domain (None)."""

    circuit_id: UUID | None


@dataclass(frozen=True, slots=True)
class Ask:
    """Report now, then say ``Answered``."""


@dataclass(frozen=True, slots=True)
class Serve:
    """Everything was said that must be known; answered with ``Ready``."""


@dataclass(frozen=True, slots=True)
class Drain:
    """Let requests finish, end all within ``grace`` seconds, exit."""

    grace: float


@dataclass(frozen=True, slots=True)
class Stop:
    """Exit at once."""


# what workers tell is in ``core.told``

_TAKE = b"t"


def pack(message: object) -> bytes:
    """One for every connection is made short; no pickle begins so."""
    if isinstance(message, Take):
        return _TAKE + (message.circuit_id.bytes if message.circuit_id is not None else b"")
    return pickle.dumps(message, pickle.HIGHEST_PROTOCOL)


def unpack(data: bytes) -> Any:
    """What main said."""
    if data[:1] == _TAKE:
        return Take(UUID(bytes=data[1:]) if data[1:] else None)
    return pickle.loads(data)


def unpack_told(data: bytes) -> Told:
    """What a worker said; ``UnpicklingError`` for anything that no worker says."""
    told = _Careful(io.BytesIO(data)).load()
    if not isinstance(told, Told):
        raise pickle.UnpicklingError(f"{type(told).__name__} is nothing that a worker says")
    return told


def _member(kind: object, name: str) -> Enum:
    """Of an enumeration; the class itself was found by ``_Careful``."""
    if isinstance(kind, EnumType) and name in kind.__members__:
        member: Enum = kind[name]
        return member
    raise pickle.UnpicklingError(f"getattr of {name} is nothing that a worker says")


class _Careful(pickle.Unpickler):
    """Makes values of ``core`` and ids, and calls nothing else."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("uuid", "UUID"):
            return UUID
        if (module, name) == ("builtins", "getattr"):
            return _member  # as older Pythons (3.11.2) write members of an enumeration
        found = super().find_class(module, name) if module.startswith("wsproxy.core.") else None
        if isinstance(found, type) and found.__module__ == module:
            return found
        raise pickle.UnpicklingError(f"{module}.{name} is nothing that a worker says")
