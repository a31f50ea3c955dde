"""Deleting sessions: the manager and the gateway are asked side by side (design 7).

The clean-up of circuits has hard deadlines of its own; it never delays or prevents a deletion.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from wsproxy.client.gateway import GatewayClient, Question
from wsproxy.core.deletion import (
    NOTHING,
    OUT_OF_TIME,
    Fate,
    Fault,
    SessionPart,
    Terminated,
    Word,
    circuits_part,
    of_a_name,
    of_gateway_failure,
    of_manager,
    of_manager_failure,
    worth_a_hint,
)
from wsproxy.core.failure import Failure
from wsproxy.core.strangers import is_uuid, names_a_session
from wsproxy.core.wire import Version
from wsproxy.manager.requests import ManagerClient

NO_TOKEN = "-"
"""Shown where nobody knows an access key: the oldest proxies take anything."""

Done = Callable[[Terminated], None]

_SILENT = of_gateway_failure(OUT_OF_TIME)


@dataclass(frozen=True, slots=True)
class DeletionRules:
    """Seconds: ``cleanup`` for one session's circuits, ``call`` for those of all of a call,
    ``lookup`` for a manager to tell the id of a name or our access key. ``parallel``: deletions
    at once; ``cleaning``: sessions whose circuits are cleaned at once.
    """

    cleanup: float = 3.0
    call: float = 10.0
    lookup: float = 1.0
    parallel: int = 16
    cleaning: int = 32


@dataclass(frozen=True, slots=True)
class Wish:
    """How sessions are to be deleted. ``token`` is shown to the gateway; "" for the default."""

    forced: bool = False
    owner_access_key: str = ""
    token: str = ""


class Deletion:
    """One call: deletes sessions with one identity, and cleans one gateway (None: no gateway)."""

    def __init__(
        self,
        manager: ManagerClient,
        gateway: GatewayClient | None,
        wish: Wish,
        rules: DeletionRules,
    ) -> None:
        self._manager = manager
        self._gateway = gateway
        self._wish = wish
        self._rules = rules
        self._places = asyncio.Semaphore(rules.parallel)
        self._questions = asyncio.Semaphore(rules.parallel)
        self._turns = asyncio.Semaphore(rules.cleaning)
        self._names_are_told = True
        self._gateway_speaks: bool | None = None  # not known yet
        self._ends = asyncio.get_running_loop().time() + rules.call

    async def all(self, sessions: Sequence[str], done: Done | None = None) -> list[Terminated]:
        """Results in the order given; ``done`` is called as each one ends."""
        token = await self._token() if self._gateway is not None else NO_TOKEN

        async def one(session: str) -> Terminated:
            result = await self._one(session, token)
            if done is not None:
                done(result)
            return result

        return list(await asyncio.gather(*(one(session) for session in sessions)))

    async def _token(self) -> str:
        """What older clients show too: the access key of whose sessions these are."""
        if known := self._wish.token or self._wish.owner_access_key:
            return known
        try:
            async with asyncio.timeout(self._rules.lookup):
                return await self._manager.access_key() or NO_TOKEN
        except TimeoutError:
            return NO_TOKEN

    async def _one(self, session: str, token: str) -> Terminated:
        if not names_a_session(session):
            fault = Fault("session-malformed", "This is neither the id nor the name of a session.")
            return Terminated(session, SessionPart(Fate.FAILED, fault), NOTHING)
        ids = await self._ids(session)
        names = (session, *ids)
        cleaning = _Budget(self._rules.cleanup, self._ends)
        fate, words = await asyncio.gather(
            self._delete(session),
            self._clean_up(
                [(name, version) for name in names for version in Version], token, cleaning
            ),
        )
        again = worth_a_hint(fate, words)
        if again and cleaning.left > 0:
            words |= await self._clean_up(again, token, cleaning)
        circuits = circuits_part(words.values())
        if self._gateway is not None and not (ids or is_uuid(session)):
            circuits = of_a_name(fate, circuits)
        return Terminated(session, fate, circuits)

    async def _ids(self, session: str) -> tuple[str, ...]:
        """Gateways know sessions by their ids; once a session is deleted its name says nothing.

        With another owner's key the manager would look among our own sessions, so it is not asked.
        """
        if self._gateway is None or is_uuid(session) or self._wish.owner_access_key:
            return ()
        async with self._questions:
            found = await self._told(session)
        return found if len(found) == 1 else ()  # a manager deletes none of several

    async def _told(self, name: str) -> tuple[str, ...]:
        """A manager that is too slow once is not waited for again: deleting must not wait."""
        if not self._names_are_told:
            return ()
        try:
            async with asyncio.timeout(self._rules.lookup):
                return await self._manager.session_ids(name)
        except TimeoutError:
            self._names_are_told = False
            return ()

    async def _delete(self, session: str) -> SessionPart:
        wish = self._wish
        async with self._places:
            said = await self._manager.delete_session(
                session, forced=wish.forced, owner_access_key=wish.owner_access_key
            )
        if isinstance(said, Failure):
            return of_manager_failure(said)
        return of_manager(said.status, said.body, said.explained(datetime.now(UTC)), said.speaker)

    async def _clean_up(
        self, questions: Sequence[Question], token: str, budget: "_Budget"
    ) -> dict[Question, Word]:
        if self._gateway is None:
            return {}
        async with self._turn():
            if self._gateway_speaks is False:
                return dict.fromkeys(questions, _SILENT)
            with budget:
                words = await self._gateway.clean_up(questions, token, budget.left)
        self._note(words.values())
        return words

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        """Wait for a place, but no longer than the call may take; then nothing is asked."""
        try:
            async with asyncio.timeout_at(self._ends):
                await self._turns.acquire()
        except TimeoutError:
            yield
            return
        try:
            yield
        finally:
            self._turns.release()

    def _note(self, words: Iterable[Word]) -> None:
        """A gateway that let its whole time pass before it ever spoke is not asked any more."""
        spoke = any(word != _SILENT for word in words)
        if spoke or self._gateway_speaks is None:
            self._gateway_speaks = spoke


class _Budget:
    """Seconds that a session's clean-up may take; only the time spent on it counts."""

    def __init__(self, seconds: float, ends: float) -> None:
        self._seconds = seconds
        self._ends = ends
        self._now = asyncio.get_running_loop().time
        self._began = 0.0

    @property
    def left(self) -> float:
        return min(self._seconds, self._ends - self._now())

    def __enter__(self) -> None:
        self._began = self._now()

    def __exit__(self, *error: object) -> None:
        self._seconds -= self._now() - self._began
