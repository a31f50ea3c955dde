"""Deleting sessions: the manager and the gateway are asked side by side (design 7).

    async with Client(credentials, gateway="http://127.0.0.1:5050") as client:
        result = await client.terminate(session)

The clean-up of circuits has a hard deadline of its own and never delays or prevents the deletion.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from wsproxy.client.gateway import GatewayClient
from wsproxy.core.configuration import Configuration
from wsproxy.core.deletion import (
    NOTHING,
    CircuitsPart,
    SessionPart,
    Terminated,
    of_manager,
    of_manager_failure,
    worth_a_hint,
)
from wsproxy.core.failure import Failure
from wsproxy.manager.requests import PATIENCE, ManagerClient


@dataclass(frozen=True, slots=True)
class ClientRules:
    """Seconds: ``cleanup`` for one session's circuits, ``call`` for those of all of a call,
    ``patience`` for one request to the manager. ``parallel``: sessions at once.
    """

    cleanup: float = 3.0
    call: float = 10.0
    patience: float = PATIENCE
    parallel: int = 16


class Client:
    """Deletes sessions of one identity. Without ``gateway`` there are no circuits to clean.

    ``gateway_token`` is the token to show there; without one the access key is, as older clients
    do. Use it with ``async with``.
    """

    def __init__(
        self,
        who: Configuration,
        gateway: str = "",
        gateway_token: str = "",
        *,
        rules: ClientRules | None = None,
        verify_tls: bool = True,
    ) -> None:
        self._rules = rules or ClientRules()
        self._manager = ManagerClient(who, patience=self._rules.patience, verify_tls=verify_tls)
        token = gateway_token or who.access_key or "-"
        self._gateway = GatewayClient(gateway, token, verify_tls=verify_tls) if gateway else None

    async def __aenter__(self) -> "Client":
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Let go of every connection. Idempotent."""
        await self._manager.close()
        if self._gateway is not None:
            await self._gateway.close()

    async def terminate(
        self, session: str, *, forced: bool = False, owner_access_key: str = ""
    ) -> Terminated:
        """Delete one session by id or name. Never raises for what servers do or say."""
        ends = asyncio.get_running_loop().time() + self._rules.call
        return await self._terminate(session, forced, owner_access_key, ends)

    async def terminate_many(
        self,
        sessions: Sequence[str],
        *,
        forced: bool = False,
        owner_access_key: str = "",
        done: Callable[[Terminated], None] | None = None,
    ) -> list[Terminated]:
        """Delete several; results in the order given, ``done`` is called as each one ends."""
        ends = asyncio.get_running_loop().time() + self._rules.call
        places = asyncio.Semaphore(self._rules.parallel)

        async def one(session: str) -> Terminated:
            async with places:
                result = await self._terminate(session, forced, owner_access_key, ends)
            if done is not None:
                done(result)
            return result

        return list(await asyncio.gather(*(one(session) for session in sessions)))

    async def _terminate(
        self, session: str, forced: bool, owner_access_key: str, ends: float
    ) -> Terminated:
        now = asyncio.get_running_loop().time()
        cleaned_by = min(now + self._rules.cleanup, ends)
        fate, circuits = await asyncio.gather(
            self._delete(session, forced, owner_access_key),
            self._clean_up(session, cleaned_by),
        )
        if worth_a_hint(fate, circuits):
            circuits = await self._clean_up(session, cleaned_by)
        return Terminated(session, fate, circuits)

    async def _delete(self, session: str, forced: bool, owner_access_key: str) -> SessionPart:
        said = await self._manager.delete_session(
            session, forced=forced, owner_access_key=owner_access_key
        )
        if isinstance(said, Failure):
            return of_manager_failure(said)
        return of_manager(said.status, said.body, said.explained(datetime.now(UTC)))

    async def _clean_up(self, session: str, ends: float) -> CircuitsPart:
        if self._gateway is None:
            return NOTHING
        left = ends - asyncio.get_running_loop().time()
        return await self._gateway.clean_up(session, max(left, 0.0))
