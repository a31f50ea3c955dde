"""Circuits for tests, and a listener host that keeps the contract and can be told to fail."""

import asyncio
from dataclasses import replace
from typing import Any
from uuid import UUID

from wsproxy.circuits import Want
from wsproxy.core.circuit import (
    Circuit,
    CloseReason,
    Direct,
    HostListener,
    PortListener,
    Protocol,
)
from wsproxy.core.problem import Problem
from wsproxy.core.slots import PortSlot, SlotWish
from wsproxy.core.wire import Version

SESSION = "7a5b0f3e-0000-4000-8000-000000000001"
ROUTE = Direct("10.0.0.5", 30001)
PORTS = (10200, 10201, 10202)


def circuit(
    number: int, *, port: int = 10200, session: str = SESSION, owner: str = "AK", **changes: Any
) -> Circuit:
    """A v2 circuit in port mode whose id is ``UUID(int=number)``."""
    base = Circuit(
        id=UUID(int=number),
        version=Version.V2,
        app="jupyter",
        protocol=Protocol.HTTP,
        session_id=session,
        listener=PortListener("127.0.0.1", port),
        routes=(ROUTE,),
        owner=owner,
    )
    return replace(base, **changes)


def label_circuit(number: int, label: str, *, session: str = SESSION, **changes: Any) -> Circuit:
    """The same in wildcard mode."""
    return circuit(number, session=session, listener=HostListener(label), **changes)


def want(
    app: str = "jupyter",
    session: str = SESSION,
    slot: SlotWish | None = None,
    **changes: Any,
) -> Want:
    """A v2 want in port mode, any of ``PORTS``; its address belongs to the session and the app."""
    base = Want(
        version=Version.V2,
        app=app,
        protocol=Protocol.HTTP,
        session_id=session,
        routes=(Direct(f"{app}.{session}.kernel.example", 30001),),
        slot=slot or PortSlot("127.0.0.1", PORTS),
        owner="AK",
        user_id="user-1",
    )
    return replace(base, **changes)


class FakeHost:
    """Binds nothing. ``busy`` ports are held by other programs; ``broken`` is raised by ``open``.

    ``gate``: when set, ``open`` waits for it after binding, and says so by ``reached``.
    """

    def __init__(self) -> None:
        self.bound: dict[UUID, Circuit] = {}
        self.closed: list[tuple[UUID, CloseReason]] = []
        self.tried: list[int | None] = []
        self.busy: set[int] = set()
        self.dead: set[UUID] = set()
        self.problem: Problem | None = None
        self.broken: BaseException | None = None
        self.close_broken: BaseException | None = None
        self.gate: asyncio.Event | None = None
        self.close_gate: asyncio.Event | None = None
        self.reached = asyncio.Event()
        self._next = 50000

    async def open(self, circuit: Circuit) -> Circuit | Problem:
        self.tried.append(circuit.port)
        await asyncio.sleep(0)
        if self.problem is not None:
            return self.problem
        listener = circuit.listener
        if isinstance(listener, PortListener):
            if listener.port == 0:
                self._next += 1
                listener = PortListener(listener.host, self._next)
            held = {c.port for c in self.bound.values()} | self.busy
            if listener.port in held:
                return Problem("appproxy/port-not-available", msg="in use")
            circuit = replace(circuit, listener=listener)
        self.bound[circuit.id] = circuit
        self.reached.set()
        if self.gate is not None:
            await self.gate.wait()
        if self.broken is not None:
            raise self.broken
        return circuit

    async def close(self, circuit: Circuit, reason: CloseReason) -> None:
        if self.close_gate is not None:
            self.reached.set()
            await self.close_gate.wait()
        if self.bound.pop(circuit.id, None) is not None:
            self.closed.append((circuit.id, reason))
        if self.close_broken is not None:
            raise self.close_broken

    def alive(self, circuit: Circuit) -> bool:
        return circuit.id in self.bound and circuit.id not in self.dead
