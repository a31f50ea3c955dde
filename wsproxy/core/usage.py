"""What the manager is told of use: which sessions, since when, how many requests (protocol 7.10).

The manager's idle checker ends sessions that nobody uses. For v2 only the gateway knows who does;
v1 passes the manager, which counts those streams itself.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from wsproxy.core.circuit import Circuit, Direct, Mode
from wsproxy.core.meter import Meter
from wsproxy.core.wire import Version


class Clock(StrEnum):
    """What counts as use (design 5.9)."""

    CONNECTION = "connection"  # a request, or a connection that is open
    USER = "user"  # only bytes that the user's side sent


@dataclass(frozen=True, slots=True)
class Told:
    """The last use in whole unix seconds and the requests, as they were told of a circuit."""

    last: int = 0
    requests: int = 0


@dataclass(frozen=True, slots=True)
class Used:
    """One circuit's news. ``requests`` are those since it was told, ``total`` all of them."""

    circuit_id: UUID
    sessions: tuple[str, ...]
    last: int
    requests: int
    total: int


NEVER = Told()


def news(
    circuits: Iterable[Circuit],
    meter_of: Callable[[UUID], Meter | None],
    told: Mapping[UUID, Told],
    now: float,
    clock: Clock,
) -> list[Used]:
    """What is new since ``told``; circuits that rest have no news."""
    found = []
    for circuit in circuits:
        meter = meter_of(circuit.id) if circuit.version is Version.V2 else None
        if meter is None:
            continue
        known = told.get(circuit.id, NEVER)
        last = max(known.last, int(_last_use(meter, now, clock)))
        # a listener that was made anew counts from zero
        fresh = meter.requests < known.requests
        requests = meter.requests if fresh else meter.requests - known.requests
        if last > known.last or requests:
            sessions = sessions_of(circuit)
            found.append(Used(circuit.id, sessions, last, requests, meter.requests))
    return found


def after(
    told: Mapping[UUID, Told], batch: Iterable[Used], alive: Iterable[UUID]
) -> dict[UUID, Told]:
    """What is told when ``batch`` has arrived; circuits that are gone are forgotten."""
    known = {one: told[one] for one in alive if one in told}
    return known | {used.circuit_id: Told(used.last, used.total) for used in batch}


def sessions_of(circuit: Circuit) -> tuple[str, ...]:
    """The sessions behind a circuit: of an endpoint those of the routes that may carry requests."""
    if circuit.mode is Mode.INTERACTIVE:
        return (circuit.session_id,) if circuit.session_id else ()
    routes = (one for one in circuit.routes if isinstance(one, Direct) and one.ratio > 0)
    return tuple(sorted({one.session_id for one in routes if one.session_id}))


def _last_use(meter: Meter, now: float, clock: Clock) -> float:
    if clock is Clock.USER:
        return meter.last_user_bytes
    return now if meter.connections else meter.last_open
