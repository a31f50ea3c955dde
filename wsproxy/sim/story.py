"""What a person does in the demo, told in chapters of steps; ``Narrator`` hears every step.

versions   what the gateway says about the three groups, and why
alpha      v1: a notebook, files, sshd through the manager
beta       v2: the same, straight to the container
deletions  a session of each group: v1, v2, and a wrong address, which degrades to v1 and works
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from aiohttp import ClientSession
from yarl import URL

from wsproxy.sim import transfer
from wsproxy.sim.notebook import Lab
from wsproxy.sim.stage import Stage
from wsproxy.sim.visitor import (
    Login,
    OpenedApp,
    VisitError,
    new_http,
    open_v1,
    open_v2,
    version_report,
)
from wsproxy.sim.world import Session

ECHO_TEXT = b"The quick brown fox jumps over the lazy dog.\n" * 2000

STEP_SECONDS = 30.0
"""No step takes longer; 64 MiB through both dialects take about a second."""

Delete = Callable[[str, str], Awaitable[str]]
"""Deletes the session of that id through the client library, with the gateway token that closes
its circuits; returns the report's text."""


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that was done. ``version``: of the path it took; ``seconds`` it took."""

    title: str
    version: str
    seconds: float
    ok: bool
    detail: str


Narrator = Callable[[Step], None]


@dataclass(slots=True)
class Result:
    """Filled in by a step while it runs."""

    version: str = "-"
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Link:
    """Something a person can open: ``url`` in a browser, or host and port for TCP."""

    session: str
    app: str
    version: str
    url: str


@dataclass(slots=True)
class Story:
    """Plays the chapters. ``gateway`` is its base URL; ``size`` of transfers in bytes."""

    stage: Stage
    gateway: str
    delete: Delete
    narrator: Narrator
    size: int
    failed: int = 0
    links: list[Link] = field(default_factory=list)
    tokens: dict[UUID, str] = field(default_factory=dict)  # session id → the last one used

    async def play(self) -> bool:
        """All chapters; a failed step ends its chapter only. Whether every step succeeded."""
        chapters = (
            self.versions,
            lambda: self.notebook(self.stage.alpha, "v1"),
            lambda: self.notebook(self.stage.beta, "v2"),
            lambda: self.deletion(self.stage.delta),
            lambda: self.deletion(self.stage.epsilon),
            lambda: self.deletion(self.stage.gamma),
        )
        for chapter in chapters:
            try:
                await chapter()
            except _ChapterEnded:
                continue
        return self.failed == 0

    async def versions(self) -> None:
        """Each group's report; the broken one beside what its manager says."""
        expected = (
            ("local", "v1", "address-not-set"),
            ("gpu", "v2", "confirmed"),
            ("broken", "v1", "address-refused"),
        )
        async with new_http() as http:
            for group, version, reason in expected:
                async with self._step(f"version of group {group}") as result:
                    report = await version_report(http, self.gateway, group)
                    result.version = str(report.get("wsproxy_version"))
                    result.detail = _told(report)
                    _check((result.version, report.get("reason")), (version, reason))
                    _check(report["header"], version)
            async with self._step("the manager itself about broken") as result:
                status = await self.manager_status(http)
                result.detail = f"status {status}: clients that ask only it cannot delete"
                _check(status, 500)

    async def notebook(self, session: Session, version: str) -> None:
        """Open the three apps of a session; use them; keep the notebook's link."""
        async with new_http() as http:
            async with self._step(f"run 6*7 in {session.name}'s JupyterLab") as result:
                lab = await self.open(http, session, "jupyter", version)
                result.version = lab.version
                page = Lab(http, lab.url)
                async with page.kernel() as kernel:
                    answer = await page.run(kernel, "6*7")
                result.detail = f"In [1]: 6*7   Out[1]: {answer}"
                _check(answer, "42")
                self._check_way(result, session)
                self.links.append(Link(session.name, "jupyter", lab.version, _page(lab)))
            await self._transfer(http, session, version, lab.url)
            await self._echo(http, session, version)

    async def _transfer(
        self, http: ClientSession, session: Session, version: str, lab: URL
    ) -> None:
        async with self._step(f"upload {self.size >> 20} MiB to {session.name}") as result:
            files = await self.open(http, session, "files", version)
            result.version = files.version
            blob = files.url / "shelf" / "blob.bin"
            sent = await transfer.upload(http, blob, self.size, seed=len(session.name))
            result.detail = f"sha256 {sent[:16]}…"
            self._check_way(result, session)
        for name, url in (("files", blob), ("JupyterLab", lab / "files" / "blob.bin")):
            async with self._step(f"download {self.size >> 20} MiB from {name}") as result:
                result.version = version
                size, received = await transfer.download(http, url)
                result.detail = f"sha256 {received[:16]}…"
                _check((size, received), (self.size, sent))
                self._check_way(result, session)

    async def _echo(self, http: ClientSession, session: Session, version: str) -> None:
        async with self._step(f"echo over TCP with {session.name}'s sshd") as result:
            opened = await self.open(http, session, "sshd", version, protocol="tcp")
            result.version = opened.version
            host, port = opened.address
            await transfer.echo(host, port, ECHO_TEXT)
            result.detail = f"{host}:{port}, {len(ECHO_TEXT)} bytes came back"
            self._check_way(result, session)

    async def deletion(self, session: Session) -> None:
        """No group stops anything, one with a wrong address neither: use an app, delete."""
        async with new_http() as http:
            async with self._step(f"ask about the group of {session.name}") as result:
                report = await version_report(http, self.gateway, session.group)
                result.version = version = str(report.get("wsproxy_version"))
                result.detail = f"{report.get('reason')}: so the app opens through {version}"
            await self._echo(http, session, version)
        async with self._step(f"delete {session.name}") as result:
            result.version = version
            result.detail = await self.delete(str(session.id), self.tokens[session.id])
            _check(result.detail, "session: deleted, circuits: closed")
            _check(session.id in self.stage.installation.world.sessions, False)

    async def open(
        self, http: ClientSession, session: Session, app: str, version: str, protocol: str = "http"
    ) -> OpenedApp:
        """Open an app in the dialect that holds; raises ``VisitError``."""
        name = str(session.id)
        if version == "v1":
            opened = await open_v1(http, self.gateway, self._login(), name, app, protocol)
        else:
            opened = await open_v2(http, self._start_service, name, app, protocol)
        self.tokens[session.id] = opened.token
        return opened

    def _check_way(self, result: Result, session: Session) -> None:
        """What was opened in one dialect must not have gone the way of the other: the manager
        knows whether it carried anything for the session."""
        streams = self.stage.installation.record.of("GET", f"/stream/session/{session.id}/")
        opened, result.version = result.version, "v1" if streams else "v2"
        _check(result.version, opened)

    def _login(self) -> Login:
        installation, user = self.stage.installation, self.stage.user
        return Login(
            installation.endpoint,
            user.access_key,
            user.secret_key,
            installation.era.api_version[1:3],  # as the WebUI cuts it: "9."
        )

    async def _start_service(self, session: str, app: str) -> dict[str, Any]:
        """Through the web server with a login session, as the WebUI does."""
        login = self.stage.installation.world.log_in(self.stage.user.access_key)
        url = f"{self.stage.installation.webserver}/func/session/{session}/start-service"
        body = {"app": app, "login_session_token": login, "arguments": "null"}
        headers = {"X-BackendAI-SessionID": login}
        async with new_http() as http, http.post(url, json=body, headers=headers) as answer:
            document = await answer.json(content_type=None)
            if answer.status != 200:
                raise VisitError(f"start-service answered {answer.status}: {document}")
            return dict(document)

    async def manager_status(self, http: ClientSession) -> int:
        login = self.stage.installation.world.log_in(self.stage.user.access_key)
        url = f"{self.stage.installation.webserver}/func/scaling-groups/broken/wsproxy-version"
        async with http.get(url, headers={"X-BackendAI-SessionID": login}) as answer:
            return answer.status

    @asynccontextmanager
    async def _step(self, title: str) -> AsyncIterator[Result]:
        """Narrates a step when it ended; a failed one ends the chapter."""
        result, started = Result(), time.monotonic()
        try:
            async with asyncio.timeout(STEP_SECONDS):
                yield result
        except asyncio.CancelledError:
            self._tell(title, result.version, started, False, "interrupted")
            raise
        except Exception as error:
            self.failed += 1
            detail = _complaint(error)
            self._tell(title, result.version, started, False, detail)
            raise _ChapterEnded from error
        self._tell(title, result.version, started, True, result.detail)

    def _tell(self, title: str, version: str, started: float, ok: bool, detail: str) -> None:
        self.narrator(Step(title, version, time.monotonic() - started, ok, detail))


class _ChapterEnded(Exception):
    """A step failed and was told; the next chapter may still go well."""


def _complaint(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return f"not finished after {STEP_SECONDS:.0f} s"
    return str(error) if isinstance(error, VisitError) else f"{type(error).__name__}: {error}"


def _check(actual: object, expected: object) -> None:
    if actual != expected:
        raise VisitError(f"expected {expected!r}, got {actual!r}")


def _told(report: dict[str, Any]) -> str:
    text = str(report.get("reason"))
    return f"{text}, degraded: {report.get('detail', '')}" if report.get("degraded") else text


def _page(opened: OpenedApp) -> str:
    """What a browser opens: v1 needs nothing, v2 goes by its permit first."""
    if opened.version == "v1":
        return str(opened.url / "lab")
    return str(opened.entry.update_query(redirect="/lab"))
