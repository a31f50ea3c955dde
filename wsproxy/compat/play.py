"""Plays one cell: the scene is set, the client acts in it, and what it lived through is judged."""

import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from wsproxy.compat.eras.clients import Client
from wsproxy.compat.ground import Ground, Places, Prepared
from wsproxy.compat.matrix import HEALTHY, Cell
from wsproxy.compat.players import player_of
from wsproxy.compat.scene import Exchange, Play, Step
from wsproxy.compat.verdict import Asked, Kind, Report, Seen, Verdict, judged, should
from wsproxy.core.wire import Version

WAITED = ("waited ", "would wait ")
"""How a player says that nothing came (``Conversation.waited``)."""

LeftOpen = Callable[[str], Awaitable[int | None]]
"""How many circuits of a session are open now; None when nobody can be asked."""


@dataclass(frozen=True, slots=True)
class Stage:
    """Where cells are played: one client row on one installation, with one proxy.

    ``own`` is the address of a healthy group of v2, ``addresses`` are those of the animals.
    """

    row: Client
    ground: Ground
    kind: Kind
    places: Places
    own: str
    addresses: dict[str, str]
    left_open: LeftOpen
    patience: float


@dataclass(frozen=True, slots=True)
class Result:
    """A cell that was played, or not."""

    cell: Cell
    verdict: Verdict
    play: Play | None = None


def group_of(cell: Cell) -> str:
    """Each cell has a group of its own, so that its address is its own too."""
    return cell.name.replace("/", "-")


async def play_cell(stage: Stage, cell: Cell) -> Result:
    """Never raises, and ends: a player does."""
    bad = stage.addresses.get(cell.animal)
    healthy = stage.own if cell.mode is Version.V2 else None
    first = bad if cell.mode is Version.V1 and cell.animal != HEALTHY else healthy
    async with stage.ground.prepared(group_of(cell), first, stage.places) as prepared:

        async def goes_bad() -> None:
            if cell.animal != HEALTHY:
                prepared.group.address = bad

        client = player_of(stage.row, patience=stage.patience)
        started = time.monotonic()
        play = await client.play(prepared.scene, before_terminate=goes_bad)
        seconds = time.monotonic() - started
        left = await stage.left_open(prepared.scene.session)
    seen = seen_of(play, prepared, left, seconds)
    wanted = should(stage.row, stage.kind, cell, stage.ground.running.era)
    return Result(cell, judged(wanted, seen), play)


def seen_of(play: Play, prepared: Prepared, left: int | None, seconds: float) -> Seen:
    launch, use = play.step(Step.LAUNCH), play.step(Step.USE)
    return Seen(
        launched=launch.good and use.good,
        launch=use.said if launch.good else launch.said,
        asked=tuple(asked(one) for one in play.conversation if is_question(one)),
        deleted=not prepared.alive,
        deletion=play.step(Step.TERMINATE).said,
        left=left,
        seconds=seconds,
        hurried=any(one.failure.startswith(WAITED) for one in play.conversation),
    )


def is_question(exchange: Exchange) -> bool:
    """Whether a request asked for the version of a group."""
    path = urlsplit(exchange.url).path
    return exchange.method == "GET" and path.endswith("/wsproxy-version")


def asked(exchange: Exchange) -> Asked:
    """A question for the version, and what was answered."""
    try:
        document = json.loads(exchange.answer)
    except ValueError:
        document = None
    said = document if isinstance(document, dict) else {}
    report = Report(str(said.get("wsproxy_version", "")), str(said.get("reason", "")))
    return Asked(exchange.status, report, exchange.seconds)
