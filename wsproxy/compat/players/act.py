"""One play of a WebUI while it goes on: who takes part, and what is known by now."""

import time
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, field
from typing import Any

from yarl import URL

from wsproxy.compat.eras.clients import FailedQuestion, SpeaksTo, Ui
from wsproxy.compat.players.browser import Browser
from wsproxy.compat.players.conversation import Answer, Conversation, Nothing, StandsStill
from wsproxy.compat.players.manager_calls import ManagerCalls, compact, joined, status_of
from wsproxy.compat.scene import Outcome, Play, Scene, Step
from wsproxy.core.wire import Version


class StepFailed(Exception):
    """A step ends here. ``str`` of it is one line for a person."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the person asks of the app beside opening it."""

    envs: Mapping[str, str] | None = None
    args: Mapping[str, str] | None = None


@dataclass(slots=True)
class Act:
    """``dialect`` is the version as text ("" before it is known): it is part of v2's paths."""

    ui: Ui
    scene: Scene
    browser: Browser
    wishes: Wishes = Wishes()
    play: Play = field(default_factory=Play)
    dialect: str = ""
    api_version: str = ""
    opened: URL | None = None
    permit_key: str = ""

    @property
    def conversation(self) -> Conversation:
        return self.browser.conversation

    @property
    def manager(self) -> ManagerCalls:
        return ManagerCalls(self.ui, self.scene, self.browser)

    @property
    def cleanup_base(self) -> URL:
        """Where v1 is, and where the clean-up of v2 goes (P 9.1)."""
        return self.scene.proxy if self.dialect == Version.V1 else self.scene.proxy / self.dialect

    async def conf(self, *, credentials: bool = False, limit: float | None = None) -> str:
        """``PUT /conf``: the token, or whatever takes its place; raises ``StepFailed``."""
        said = await self.browser.fetch(
            "PUT",
            joined(self.scene.proxy, "/conf"),
            fields={"Accept": "application/json", "Content-Type": "application/json"},
            body=compact(self._conf_body()).encode(),
            credentials=credentials,
            limit=limit,
        )
        if isinstance(said, Nothing):
            raise StepFailed(said.said)
        token = said.object.get("token")
        if self.ui.conf_must_succeed and not (said.good and isinstance(token, str) and token):
            raise StepFailed(f"/conf responded with status {said.status}")
        return str(token) if token is not None else "undefined"

    def _conf_body(self) -> dict[str, Any]:
        where = self.scene.webserver if self.ui.mode is SpeaksTo.SESSION else self.scene.manager
        body: dict[str, Any] = {"endpoint": f"{where}".rstrip("/"), "mode": self.ui.mode}
        if self.ui.mode is SpeaksTo.SESSION:
            if self.ui.auth_field != "absent":
                body["auth_mode"] = self.ui.auth_field
            body["session"] = self.scene.login
        else:
            body["access_key"] = self.scene.access_key
            body["secret_key"] = self.scene.secret_key
        body["api_version"] = self.api_version
        return body


@dataclass(frozen=True, slots=True)
class Question:
    """The answer to the version question. ``dialect`` is "" when none was learnt."""

    dialect: str
    status: int
    outcome: Outcome
    said: Mapping[str, Any]


async def ask_version(act: Act, limit: float) -> Question:
    """Good is an answer that names v1 or v2, wherever this age looks for it."""
    started = time.monotonic()
    said = await act.manager.group_version(limit)
    seconds = time.monotonic() - started
    if isinstance(said, Nothing):
        return Question("", status_of(said), Outcome(False, said.said, seconds), {})
    if not (said.good and said.object):
        words = f"the version question was answered {said.status}"
        return Question("", said.status, Outcome(False, words, seconds), said.object)
    named = said.object.get("wsproxy_version")
    found = said.object.get(act.ui.answer_key, Version.V1)
    outcome = Outcome(named in tuple(Version), f"the answer was {named!r}", seconds)
    return Question(str(found), said.status, outcome, said.object)


async def learn_dialect(act: Act) -> None:
    """Before a launch; raises ``StepFailed`` where this age gives up."""
    if not act.ui.asks_version:
        act.dialect = act.play.version = Version.V1
        act.play.asked = Outcome(True, "does not ask: it knows v1 alone")
        return
    question = await ask_version(act, act.ui.manager_seconds)
    act.play.asked = question.outcome
    act.play.reason = str(question.said.get("reason", ""))
    degraded = question.said.get("degraded")
    act.play.degraded = degraded if isinstance(degraded, bool) else None
    act.dialect = question.dialect
    if not act.dialect:
        if act.ui.failed_question is FailedQuestion.ABORTS:
            raise StepFailed(f"launch given up: {question.outcome.said}")
        act.dialect = Version.V1
    act.play.version = Version.V1 if act.dialect == Version.V1 else Version.V2


async def take(play: Play, step: Step, doing: Awaitable[str]) -> bool:
    """Do a step, note how it ended, never raise; whether it was good."""
    started = time.monotonic()
    try:
        good, said = True, await doing
    except (StepFailed, StandsStill) as error:
        good, said = False, str(error)
    except Exception as error:  # a fault of the player's is one of its outcomes
        good, said = False, f"the player failed: {error!r}"
    play.steps[step] = Outcome(good, said, time.monotonic() - started)
    return good


def need(said: Answer | Nothing) -> Answer:
    """The answer; raises ``StepFailed`` when there is none."""
    if isinstance(said, Nothing):
        raise StepFailed(said.said)
    return said
