"""What is open now: so that a circuit's end ends exactly its connections, and stopping ends all."""

import asyncio
import contextlib
from functools import cached_property
from typing import NamedTuple, Protocol
from uuid import UUID

from wsproxy.core.circuit import CloseReason
from wsproxy.core.meter import Meter
from wsproxy.net.wheel import Wheel


class Ending(Protocol):
    """An exchange or a tunnel that can be told to end."""

    def end(self, reason: CloseReason) -> None: ...


class Use(NamedTuple):
    """What is counted of a circuit, and who uses it now."""

    meter: Meter
    users: set[Ending]


class TunnelLike(Ending, Protocol):
    def abort(self) -> None: ...


class ClientSide(Protocol):
    """An HTTP connection of a client, between or in exchanges."""

    def drain(self) -> None:
        """Close when idle; else with the answer that is under way."""
        ...

    def abort(self) -> None: ...

    @property
    def busy(self) -> bool: ...


class Connections:
    """Who is connected. Everybody who enters leaves."""

    def __init__(self) -> None:
        self.clients: set[ClientSide] = set()
        self.tunnels: set[TunnelLike] = set()
        self._of_circuit: dict[UUID | None, set[Ending]] = {}
        self._of_address: dict[str, int] = {}
        self._gone = asyncio.Event()

    def __repr__(self) -> str:
        return f"Connections(clients={len(self.clients)}, tunnels={len(self.tunnels)})"

    @cached_property
    def wheel(self) -> Wheel:
        """All deadlines of these connections; of the loop that runs when the first one comes."""
        return Wheel()

    def gone(self, one: ClientSide | TunnelLike) -> None:
        """A client's connection or a tunnel has ended, or became something else."""
        self.clients.discard(one)
        self.tunnels.discard(one)
        self._gone.set()

    async def something_gone(self, wait: float) -> None:
        """Return when something has ended, or after ``wait`` seconds."""
        self._gone.clear()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._gone.wait(), max(0.0, wait))

    def users(self, circuit_id: UUID | None) -> set[Ending]:
        """Who uses a circuit now; whoever does adds himself, and takes himself out at his end.

        The set is the circuit's until ``end_circuit``.
        """
        users = self._of_circuit.get(circuit_id)
        if users is None:
            users = self._of_circuit[circuit_id] = set()
        return users

    def of_circuit(self, circuit_id: UUID) -> int:
        """How many exchanges and tunnels a circuit carries."""
        return len(self._of_circuit.get(circuit_id, ()))

    def end_circuit(self, circuit_id: UUID, reason: CloseReason) -> int:
        """End everything that uses the circuit, and nothing else; how many there were."""
        users = list(self._of_circuit.pop(circuit_id, ()))
        for one in users:
            one.end(reason)
        return len(users)

    def arrived(self, address: str) -> int:
        """Count a connection; how many that address has now."""
        count = self._of_address.get(address, 0) + 1
        self._of_address[address] = count
        return count

    def departed(self, address: str) -> None:
        left = self._of_address.get(address, 0) - 1
        if left > 0:
            self._of_address[address] = left
        else:
            self._of_address.pop(address, None)
