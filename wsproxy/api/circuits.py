"""What both dialects use of ``circuits.Circuits``."""

from typing import Protocol
from uuid import UUID

from wsproxy.circuits import Opened, Want
from wsproxy.core.circuit import Circuit, CloseReason
from wsproxy.core.problem import Problem
from wsproxy.core.routing import RouteTable
from wsproxy.core.wire import Version


class CircuitsLike(Protocol):
    @property
    def table(self) -> RouteTable: ...

    def find(
        self,
        session_id: str,
        *,
        app: str | None = None,
        owner: str | None = None,
        version: Version | None = None,
    ) -> tuple[Circuit, ...]: ...

    async def open(self, want: Want) -> Opened | Problem: ...

    async def close(self, circuit_id: UUID, reason: CloseReason) -> bool: ...

    async def close_session(
        self,
        session_id: str,
        *,
        app: str | None = None,
        owner: str | None = None,
        version: Version | None = None,
        reason: CloseReason,
    ) -> int: ...
