"""What a player is put into, and what came of it: the contract between players and the runner.

A *player* is a client of one release line (``eras``); it acts in a *scene*: one session on one
installation, with one address in the session's resource group. It says what it saw; whether the
session is really gone, the runner asks the installation itself.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from yarl import URL

from wsproxy.core.wire import Version


@dataclass(frozen=True, slots=True)
class Scene:
    """Where a client finds things, and who it is.

    ``manager`` is asked with signatures, ``webserver`` with the login session; a gateway in front
    of them may stand at either address. ``proxy`` is what the client's settings name as its proxy:
    v1 traffic goes there, and v2 clean-up below its ``/v2/``. The app answers ``GET /`` with a body
    that contains ``marker`` (and ``/tree``, where older clients land in JupyterLab), and echoes
    WebSocket messages at ``/ws``.
    """

    manager: URL
    webserver: URL
    proxy: URL
    group: str
    project: str
    session: str
    session_name: str
    app: str
    marker: str
    access_key: str
    secret_key: str
    login: str
    """The web server's session id."""


class Step(StrEnum):
    """What a person does with a client, in this order."""

    LAUNCH = "launch"
    USE = "use"
    CLOSE = "close"
    TERMINATE = "terminate"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a step ended. ``seconds`` it took; ``said`` is one line for a person."""

    good: bool
    said: str = ""
    seconds: float = 0.0


SKIPPED = Outcome(good=False, said="not tried")


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request of a conversation and its answer; ``status`` 0 when none came, 101 after an
    upgrade. Heads and bodies are cut to what a person reads; secrets are masked by the report.
    """

    method: str
    url: str
    headers: tuple[tuple[str, str], ...]
    body: str
    status: int
    answer_headers: tuple[tuple[str, str], ...]
    answer: str
    seconds: float
    failure: str = ""


@dataclass(slots=True)
class Play:
    """What one player lived through in one scene.

    ``version`` is what the client acted on (None: it never learnt one), ``reason`` and ``degraded``
    what the report said beside it ("" and None where the server says no more than the version).
    ``asked`` is the question for the version; ``asks_delete`` whether the delete request of the
    session was sent at all.
    """

    version: Version | None = None
    reason: str = ""
    degraded: bool | None = None
    asked: Outcome = SKIPPED
    steps: dict[Step, Outcome] = field(default_factory=dict)
    asks_delete: bool = False
    conversation: list[Exchange] = field(default_factory=list)

    def step(self, step: Step) -> Outcome:
        return self.steps.get(step, SKIPPED)


class Player(Protocol):
    """A client of one era. It never raises and never waits longer than its own timeouts."""

    @property
    def name(self) -> str:
        """The name of its era."""
        ...

    async def play(self, scene: Scene, *, before_terminate: "Interlude | None" = None) -> Play:
        """Launch, use, close, terminate. ``before_terminate`` runs before the session is deleted:
        there the address of the group may go bad.
        """
        ...


class Interlude(Protocol):
    async def __call__(self) -> None: ...
