"""What a worker process tells the main one."""

from collections.abc import Hashable
from dataclasses import dataclass
from uuid import UUID

from wsproxy.core.circuit import CloseReason
from wsproxy.core.counted import NOTHING, Counted
from wsproxy.core.meter import Carried


@dataclass(frozen=True, slots=True)
class Tried:
    """How connecting or using something went since the last report: whether it ever went well,
    and how often it failed after that.
    """

    worked: bool = False
    failures: int = 0

    def and_failed(self) -> "Tried":
        return Tried(self.worked, self.failures + 1)


UNTRIED = Tried()
WORKED = Tried(worked=True)


@dataclass(frozen=True, slots=True)
class Report:
    """What changed since the last one.

    ``taken``: connections received in all; ``open``: how many are open now. ``circuits``: whether
    they could be connected; ``routes``: what requests met there.
    """

    taken: int
    open: int
    carried: tuple[Carried, ...] = ()
    counted: Counted = NOTHING
    circuits: tuple[tuple[UUID, Tried], ...] = ()
    routes: tuple[tuple[Hashable, Tried], ...] = ()


@dataclass(frozen=True, slots=True)
class Ready:
    """The worker serves."""


@dataclass(frozen=True, slots=True)
class Answered:
    """The report that was asked for came before this."""


@dataclass(frozen=True, slots=True)
class Closed:
    """The circuit's connections have been ended; this is the last that they carried."""

    circuit_id: UUID
    carried: Carried


@dataclass(frozen=True, slots=True)
class SessionGone:
    """The manager does not know the session of a v1 circuit."""

    circuit_id: UUID
    reason: CloseReason


Told = Report | Ready | Answered | Closed | SessionGone
