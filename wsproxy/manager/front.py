"""The version of a group as the server behind a front says it, with the caller's own credentials.

The question goes on as it came: signatures cover the path and the Host. A good answer is the
answer; a bad one is repaired, because several releases answer 404 for "no address" or 503 for a
dead one, and clients then refuse to delete sessions (protocol 8.1, design 3).
"""

import asyncio
import hashlib
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import aiohttp
from aiohttp import hdrs
from multidict import CIMultiDict
from yarl import URL

from wsproxy.core.failure import Failure
from wsproxy.core.manager_version import of_manager
from wsproxy.core.version import ManagerFault, Observation, VersionReport, judge
from wsproxy.manager.groups import fault_of
from wsproxy.manager.requests import failure_of, read_answer
from wsproxy.manager.versions import VersionReports
from wsproxy.net.probe import MEMORY, Probe, ProbeRules
from wsproxy.net.resolver import LooseResolver
from wsproxy.net.tasks import Tasks

Fields = Sequence[tuple[str, str]]

Key = tuple[str, bytes]
"""What is asked, project included, and who asks."""

MANAGER_HEAD_START = 0.25
"""Seconds before the address is asked beside the manager, which asks it too."""

_NOT_PASSED = frozenset(
    {"connection", "keep-alive", "te", "upgrade", "transfer-encoding", "content-length"}
    | {"accept-encoding", "expect"}
)
_IDENTIFYING = ("authorization", "cookie", "x-backendai-sessionid")


@dataclass(frozen=True, slots=True)
class Question:
    """One client's question: ``target`` and ``fields`` exactly as it sent them."""

    target: str
    fields: tuple[tuple[str, str], ...] = field(repr=False)

    @property
    def key(self) -> Key:
        """The same for the same caller: failures are remembered for each, answers for nobody."""
        known = [value for name, value in self.fields if name.lower() in _IDENTIFYING]
        stable = [value.partition(", credential=")[2].partition(":")[0] or value for value in known]
        return self.target, hashlib.sha256("\n".join(stable).encode()).digest()


class FrontVersions:
    """Asks the server at ``endpoint``. ``addresses``: those of the settings, asked if it fails."""

    def __init__(
        self,
        endpoint: str,
        reports: VersionReports,
        addresses: Mapping[str, str],
        *,
        deadline: float,
        verify_tls: bool = True,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._endpoint = endpoint.rstrip("/")
        self._reports = reports
        self._addresses = addresses
        self._deadline = deadline
        self._verify = verify_tls
        self._session: aiohttp.ClientSession | None = None
        self._latest: dict[Key, Question] = {}
        self._probe: Probe[Key] = Probe(self._ask, ProbeRules(keep=0.0), clock)
        self._tasks = Tasks("front")

    async def report_for(self, group: str, target: str, fields: Fields) -> VersionReport:
        """Which version holds for this caller. Never raises; ends within the deadline and a little
        more, because a known address is asked beside a manager that makes its callers wait."""
        address = self._addresses.get(group, "").strip()
        beside = self._tasks.start(self._ask_beside(address), "beside")
        try:
            report = judge(await self._see(Question(target, tuple(fields))))
        finally:
            beside.cancel()
        if report.degraded and report.reason != "group-not-found" and address:
            return await self._reports.of_address(address)
        return report

    async def _ask_beside(self, address: str) -> None:
        """The probe keeps what it hears, and shares what it is asking."""
        if address:
            await asyncio.sleep(MANAGER_HEAD_START)
            await self._reports.of_address(address)

    async def close(self) -> None:
        """End what is asked. Idempotent."""
        await self._tasks.close()
        await self._probe.close()
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def _see(self, question: Question) -> Observation:
        """A denial may be about the credentials of somebody who only used this caller's name."""
        self._latest[question.key] = question
        if len(self._latest) > MEMORY:
            del self._latest[next(iter(self._latest))]
        seen = await self._probe.see(question.key)
        return await self._observe(question) if _denied(seen) else seen

    async def _ask(self, key: Key) -> Observation:
        question = self._latest.get(key)
        if question is None:  # so many callers meanwhile that this one was forgotten
            return ManagerFault("silent")
        return await self._observe(question)

    async def _observe(self, question: Question) -> Observation:
        said = await self._send(question)
        return fault_of(said) if isinstance(said, Failure) else of_manager(*said)

    async def _send(self, question: Question) -> tuple[int, bytes] | Failure:
        headers = CIMultiDict(
            (name, value) for name, value in question.fields if name.lower() not in _NOT_PASSED
        )
        try:
            url = URL(self._endpoint + question.target, encoded=True)
            async with self._connections().get(url, headers=headers, allow_redirects=False) as got:
                body = await read_answer(got)
                return body if isinstance(body, Failure) else (got.status, body)
        except (aiohttp.ClientError, TimeoutError, ssl.SSLError, OSError, ValueError) as error:
            return failure_of(error)

    def _connections(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(ssl=self._verify, resolver=LooseResolver()),
                timeout=aiohttp.ClientTimeout(total=self._deadline),
                cookie_jar=aiohttp.DummyCookieJar(),
                skip_auto_headers=(hdrs.ACCEPT_ENCODING, hdrs.USER_AGENT, hdrs.ACCEPT),
                trust_env=False,
            )
        return self._session


def _denied(seen: Observation) -> bool:
    return isinstance(seen, ManagerFault) and seen.code == "denies"
