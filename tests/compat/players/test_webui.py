"""WebUIs of every age against a real gateway, in both versions, beside and before the manager."""

import asyncio
from functools import partial

import pytest

from tests.support.apps import eventually
from tests.support.scenes import Theatre, how, theatre, told
from wsproxy.compat.eras.clients import Client, SpeaksTo, clients
from wsproxy.compat.eras.rows import EraError
from wsproxy.compat.players import player
from wsproxy.compat.players.webui import WebUi
from wsproxy.compat.scene import Play, Step
from wsproxy.compat.zoo.table import ANIMALS
from wsproxy.core.wire import Version

UIS = [name for name, row in clients().items() if row.ui is not None]
ASKING = [name for name in UIS if name.startswith("webui") and name != "webui-20.09"]
PATIENCE = 10.0


def facts(name: str):
    ui = clients()[name].ui
    assert ui is not None
    return ui


def front(name: str) -> str:
    return "webserver" if facts(name).mode is SpeaksTo.SESSION else "manager"


def good(play: Play, *steps: Step) -> bool:
    return all(play.step(step).good for step in steps)


ALL_BUT_CLOSE = (Step.LAUNCH, Step.USE, Step.TERMINATE)


async def perform(name: str, at: Theatre, **options) -> Play:
    options = {"patience": PATIENCE, **options}
    return await player(name, **options).play(at.scene)


@pytest.mark.parametrize("before", [False, True], ids=["beside", "before"])
@pytest.mark.parametrize("v2", [False, True], ids=["v1", "v2"])
@pytest.mark.parametrize("name", UIS)
async def test_every_age_opens_uses_and_deletes_with_the_manager_of_its_time(name, v2, before):
    where = front(name) if before else ""
    era = clients()[name].manager
    async with theatre(v2=v2, front=where, origins=("null",), manager_era=era) as at:
        play = await perform(name, at)

        # such managers do not tell a proxy whose session it is, so no access key closes it
        keyless = v2 and era in ("manager-22.03", "manager-22.09") and name in ASKING
        steps = ALL_BUT_CLOSE if keyless else tuple(Step)
        assert good(play, *steps), (how(play), told(play))
        assert play.asked.good and play.step(Step.CLOSE).good is not keyless
        assert play.version is (Version.V2 if v2 and name in ASKING else Version.V1)
        assert play.asks_delete and not at.alive
        assert at.app.heard == ["wsproxy compat"]
        if before and name in ASKING:
            assert (play.reason, play.degraded) == ("confirmed", False)


async def test_v1_goes_through_the_manager_and_v2_past_it():
    for v2, streams in ((False, 3), (True, 0)):
        async with theatre(v2=v2) as at:
            assert good(await perform("webui-26.8", at), *ALL_BUT_CLOSE)
            paths = [path for _, path in at.asked("webserver") if "/stream/" in path]
        assert len(paths) <= streams and bool(paths) is not v2
        assert all(path.endswith("/httpproxy") for path in paths)


@pytest.mark.parametrize("v2", [False, True], ids=["v1", "v2"])
@pytest.mark.parametrize("name", ["webui-20.09", "webui-22.09", "webui-25.15", "webui-26.8"])
async def test_what_was_open_is_closed_by_closing_the_app_or_the_session(name, v2):
    """With the token of its age: ``local``, the access key, or that of /conf (P 2.8)."""
    for closes in (True, False):
        async with theatre(v2=v2) as at:
            held: list[int] = []

            async def look(at=at, held=held) -> None:
                held.append(at.circuits())

            client = player(name, patience=PATIENCE, closes=closes)
            play = await client.play(at.scene, before_terminate=look)

            assert held == [0 if closes else 1], how(play)
            assert good(play, Step.TERMINATE)
            await eventually(partial(_nothing_open, at), "the circuit to be closed")


def _nothing_open(at: Theatre) -> bool:
    return at.circuits() == 0


async def test_an_app_left_open_is_closed_with_its_session():
    async with theatre(v2=True) as at:
        play = await perform("webui-26.8", at, closes=False)

        assert Step.CLOSE not in play.steps
        assert good(play, Step.TERMINATE)
        await eventually(partial(_nothing_open, at), "the circuit to be closed")


async def test_what_reaches_the_manager_of_the_oldest_and_the_newest():
    async with theatre(v2=True) as at:
        await perform("webui-22.03", at)
        oldest = at.asked("webserver")
    session = f"/func/session/{at.scene.session}"
    version = f"/func/scaling-groups/{at.scene.group}/wsproxy-version"
    assert oldest == [
        ("GET", "/func/"),
        ("GET", version),
        ("POST", f"{session}/start-service"),
        ("GET", version),
        ("DELETE", session),
    ]

    async with theatre(v2=True) as at:
        await perform("webui-26.9", at)
        newest = [one for one in at.running.record.requests if one.server == "webserver"]
    assert [(one.method, one.path) for one in newest] == [
        (method, path.replace(session, f"/func/session/{at.scene.session}"))
        for method, path in oldest
    ]
    started = newest[2]
    assert (
        started.body
        == (
            f'{{"login_session_token":"{at.scene.login}","app":"jupyter","arguments":"null"}}'
        ).encode()
    )
    assert started.headers["X-BackendAI-SessionID"] == at.scene.login
    assert started.headers["Cookie"] == f"AIOHTTP_SESSION={at.scene.login}"
    assert newest[1].target.endswith(f"?group={at.scene.project}")
    assert newest[4].target.endswith("?owner_access_key=AKIAUSER")


async def test_the_desktop_app_signs_and_never_asks_for_a_version():
    async with theatre(v2=True, origins=("null",)) as at:
        play = await perform("desktop-22.09", at)

        assert play.asked.said.startswith("does not ask")
        paths = [path for _, path in at.asked()]
        assert not [path for path in paths if "wsproxy-version" in path]
        assert at.asked("webserver") == []
        streams = [path for path in paths if path.startswith("/stream/session/")]
        assert streams and all(path.endswith("/httpproxy") for path in streams)


async def test_a_page_without_origin_needs_the_setting():
    async with theatre() as at:
        play = await perform("desktop-22.09", at)

        assert play.step(Step.LAUNCH).said.endswith("no Access-Control-Allow-Origin")
        assert play.step(Step.USE).said == "not tried"
        assert good(play, Step.TERMINATE) and not at.alive


# an address that is wrong

DEAD = ("refuse", "404", "html", "no-version", "tls-alert")


@pytest.mark.parametrize("animal", DEAD)
@pytest.mark.parametrize(
    ("name", "launches", "deletes"),
    [
        ("webui-22.09", False, {}),
        ("webui-23.03", False, {"refuse", "404", "html", "tls-alert"}),
        ("webui-26.8", True, set(DEAD)),
        ("webui-26.9", True, set(DEAD)),
    ],
)
async def test_a_manager_of_26_8_with_a_wrong_address(name, launches, deletes, animal):
    async with ANIMALS[animal]() as address, theatre(address) as at:
        play = await perform(name, at)

        assert play.step(Step.LAUNCH).good is launches, how(play)
        assert not play.asked.good
        assert at.alive is (animal not in deletes), how(play)
        assert play.asks_delete is (animal in deletes)


MENDED = [(name, animal) for name in ("webui-22.09", "webui-26.8") for animal in DEAD]


@pytest.mark.parametrize(("name", "animal"), [*MENDED, ("webui-22.09", "hang")])
async def test_a_gateway_in_front_mends_it_for_every_age(name, animal):
    async with ANIMALS[animal]() as address, theatre(address, front="webserver") as at:
        play = await perform(name, at)

        assert good(play, *ALL_BUT_CLOSE), (how(play), told(play))
        assert play.version is Version.V1 and play.degraded
        assert play.reason.startswith("manager-")
        assert not at.alive


async def test_an_address_that_goes_bad_before_the_session_is_deleted():
    for name, deletes in (("webui-22.09", False), ("webui-23.03", True), ("webui-26.9", True)):
        async with ANIMALS["refuse"]() as address, theatre(v2=True) as at:

            async def spoil(at=at, address=address) -> None:
                at.running.world.groups[at.scene.group].address = address

            client = player(name, patience=PATIENCE)
            play = await client.play(at.scene, before_terminate=spoil)

            assert good(play, Step.LAUNCH, Step.USE)
            assert at.alive is not deletes
            assert play.step(Step.TERMINATE).good is deletes, how(play)


async def test_a_hanging_address_is_408_to_the_library_and_blocks_before_the_budget():
    for name, seconds, deletes in (
        ("webui-24.03", "15", False),
        ("webui-26.9", "30", True),
    ):
        async with ANIMALS["hang"]() as address, theatre(address) as at:
            play = await perform(name, at, patience=2.0)

            assert play.asked.said.startswith(f"would wait {seconds} s for GET ")
            assert at.alive is not deletes, how(play)


# a proxy that is silent


@pytest.mark.parametrize(
    ("name", "animal", "deletes"),
    [
        ("webui-22.09", "hang", False),
        ("webui-25.15", "stalled-body", False),
        ("webui-26.8", "hang", True),
        ("webui-26.9", "infinite-body", True),
    ],
)
async def test_a_silent_proxy_keeps_sessions_alive_before_the_budget(name, animal, deletes):
    """The settings' proxy is asked even in v2, by default 127.0.0.1:5050 (P 12)."""
    async with ANIMALS[animal]() as proxy, theatre(v2=True) as at:
        at.elsewhere(proxy)
        play = await perform(name, at, patience=4.0, closes=False)

        assert good(play, Step.LAUNCH, Step.USE), how(play)
        assert at.alive is not deletes
        said = play.step(Step.TERMINATE).said
        assert ("would wait 10 s" if deletes else "would wait for ever") in said


async def test_a_proxy_that_refuses_is_forgiven_by_every_age():
    for name in ("webui-22.09", "webui-25.15", "webui-26.9"):
        async with ANIMALS["refuse"]() as proxy, theatre(v2=True) as at:
            at.elsewhere(proxy)
            play = await perform(name, at)

            assert good(play, *ALL_BUT_CLOSE) and not at.alive, how(play)


async def test_a_manager_that_hangs_is_asked_three_times_to_delete():
    async with ANIMALS["hang"]() as dead, theatre() as at:
        at.elsewhere(webserver=dead)
        play = await perform("webui-26.8", at, patience=0.2)

    assert told(play)[-3:] == [f"DELETE /func/session/{at.scene.session} 0"] * 3
    said = play.step(Step.TERMINATE).said
    assert said.startswith("would wait 15 s for DELETE"), said
    assert play.asks_delete


async def test_a_player_never_raises_and_never_hangs_whatever_stands_there():
    row = clients()["webui-26.9"]
    for animal in ("redirect-loop", "ssh", "truncated", "endless-head", "drip", "close"):
        async with ANIMALS[animal]() as place, theatre() as at:
            at.elsewhere(proxy=place, webserver=place)
            async with asyncio.timeout(30):
                play = await WebUi(row, patience=0.2).play(at.scene)

        assert not good(play, Step.LAUNCH) and not good(play, Step.TERMINATE)
        assert play.conversation


async def test_a_fault_of_the_player_is_an_outcome():
    row = clients()["webui-26.9"]
    assert row.ui is not None
    broken = Client(**{**dict(row), "ui": row.ui.model_copy(update={"close_path": "{colour}"})})
    async with theatre() as at:
        play = await WebUi(broken, patience=PATIENCE).play(at.scene)

    assert play.step(Step.CLOSE).said.startswith("the player failed: KeyError")
    assert good(play, *ALL_BUT_CLOSE)


def test_an_unknown_era_is_told():
    with pytest.raises(EraError, match=r"unknown era 'webui-1'"):
        player("webui-1")
