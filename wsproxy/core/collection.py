"""Which circuits nobody needs any more (protocol 5.8, 12 "TCP circuits leak ports for ever").

An interactive v2 circuit goes when it was unused for long, or when its container could not be
connected again and again. v1 listeners stay until their session ends: they belong to one person's
machine, and an address noted for a terminal must hold. Inference circuits are never collected.
"""

from dataclasses import dataclass

from wsproxy.core.circuit import Circuit, CloseReason, Mode
from wsproxy.core.meter import Meter
from wsproxy.core.wire import Version


@dataclass(frozen=True, slots=True)
class CollectionRules:
    """``unused``: seconds without a connection, 0 = never. A route counts as gone after
    ``failures`` failed connections in a row that span ``failing_for`` seconds.
    """

    unused: float = 3600.0
    failures: int = 5
    failing_for: float = 60.0


@dataclass(frozen=True, slots=True)
class Trouble:
    """Failed connections in a row; ``since`` is when the first of them failed (unix seconds)."""

    count: int = 0
    since: float = 0.0

    def and_another(self, now: float) -> "Trouble":
        return Trouble(self.count + 1, self.since if self.count else now)


NO_TROUBLE = Trouble()


@dataclass(frozen=True, slots=True)
class Use:
    """How a circuit is used, as this node saw it."""

    connections: int = 0  # open now
    last_use: float = 0.0  # unix seconds; opening it again counts too
    trouble: Trouble = NO_TROUBLE


def use_of(meter: Meter | None, asked_at: float, trouble: Trouble) -> Use:
    """``meter`` is None for a circuit that carried nothing yet."""
    if meter is None:
        return Use(last_use=asked_at, trouble=trouble)
    last = max(meter.last_open, meter.last_arrival, asked_at)
    return Use(meter.connections, last, trouble)


def verdict(circuit: Circuit, use: Use, now: float, rules: CollectionRules) -> CloseReason | None:
    """Why the circuit should go, or None."""
    if circuit.version is not Version.V2 or circuit.mode is not Mode.INTERACTIVE:
        return None
    if use.connections:
        return None
    trouble = use.trouble
    if trouble.count >= rules.failures and now - trouble.since >= rules.failing_for:
        return CloseReason.ROUTE_GONE
    left = lifetime(circuit, use, now, rules)
    return CloseReason.IDLE if left is not None and left <= 0 else None


def lifetime(circuit: Circuit, use: Use, now: float, rules: CollectionRules) -> float | None:
    """Seconds until the circuit is collected if nobody uses it; None when it never is."""
    collected = circuit.version is Version.V2 and circuit.mode is Mode.INTERACTIVE
    if not collected or not rules.unused:
        return None
    if use.connections:
        return rules.unused
    return rules.unused - (now - max(use.last_use, circuit.created_at))
