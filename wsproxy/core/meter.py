"""What one circuit has carried: plain integers that the data plane counts up (design 5.9).

There are two clocks. ``last_open`` says that some connection was open; ``last_user_bytes`` says
that the user's side sent something. A notebook left open in a tab moves only the first.
"""

from dataclasses import dataclass
from uuid import UUID


@dataclass(slots=True)
class Meter:
    """Counters of one circuit. Written by the data plane only; everybody may read.

    ``bytes_in`` is client to app, ``bytes_out`` app to client, both as counted on the client's
    side. The times are unix seconds; 0.0 means never.
    """

    requests: int = 0
    connections: int = 0  # open now
    bytes_in: int = 0
    bytes_out: int = 0
    opened_at: float = 0.0
    last_open: float = 0.0
    last_user_bytes: float = 0.0
    last_arrival: float = 0.0  # of a connection that another process has yet to admit

    def connection_opened(self, now: float) -> None:
        """One more connection is open."""
        self.connections += 1
        self.last_open = now

    def connection_closed(self, now: float) -> None:
        """One connection less. Never below zero: a count that drifts would look like use."""
        self.connections = max(0, self.connections - 1)
        self.last_open = now

    def seen(self, now: float) -> None:
        """Move the first clock while a connection is open; called on a timer."""
        if self.connections:
            self.last_open = now

    def add(self, carried: "Carried", connections: int) -> None:
        """What another process counted; ``connections``: so many more are open there now."""
        self.requests += carried.requests
        self.bytes_in += carried.bytes_in
        self.bytes_out += carried.bytes_out
        self.connections = max(0, self.connections + connections)
        self.last_open = max(self.last_open, carried.last_open)
        self.last_user_bytes = max(self.last_user_bytes, carried.last_user_bytes)


@dataclass(frozen=True, slots=True)
class Carried:
    """What a circuit carried since it was last told; ``connections`` are those open now."""

    circuit_id: UUID
    requests: int = 0
    bytes_in: int = 0
    bytes_out: int = 0
    connections: int = 0
    last_open: float = 0.0
    last_user_bytes: float = 0.0


def carried(circuit_id: UUID, before: Meter, now: Meter) -> Carried:
    """What was counted between two looks at a meter."""
    return Carried(
        circuit_id,
        now.requests - before.requests,
        now.bytes_in - before.bytes_in,
        now.bytes_out - before.bytes_out,
        now.connections,
        now.last_open,
        now.last_user_bytes,
    )
