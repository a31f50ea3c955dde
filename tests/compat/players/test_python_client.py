"""The Python client of every age: the manager alone, whatever the group's address is."""

import pytest

from tests.support.scenes import how, theatre, told
from wsproxy.compat.eras.clients import clients
from wsproxy.compat.players import player
from wsproxy.compat.scene import Step
from wsproxy.compat.zoo.table import ANIMALS

CLIENTS = [name for name, row in clients().items() if row.cli is not None]


@pytest.mark.parametrize("before", [False, True], ids=["beside", "before"])
@pytest.mark.parametrize("name", CLIENTS)
async def test_the_requests_of_the_recording(name, before):
    era = clients()[name].manager
    async with theatre(front="manager" if before else "", manager_era=era) as at:
        play = await player(name, patience=10.0).play(at.scene)
        asked = at.asked()

        assert all(outcome.good for outcome in play.steps.values()), (how(play), told(play))
        assert list(play.steps) == [Step.LAUNCH, Step.USE, Step.CLOSE, Step.TERMINATE]
        assert play.version is None and play.asked.good
        assert not at.alive and at.app.heard == ["wsproxy compat"]
    if before:
        asked = [one for one in asked if not one[1].startswith("/scaling-groups/")]
    assert asked == [
        ("GET", "/"),
        ("GET", "/stream/session/work/apps"),
        ("GET", "/stream/session/work/tcpproxy"),
        ("GET", "/stream/session/work/tcpproxy"),
        ("GET", "/"),
        ("DELETE", "/session/work"),
    ]


async def test_how_it_signs():
    async with theatre() as at:
        await player("python-client-26.8", patience=10.0).play(at.scene)
        requests = at.running.record.requests
    apps, stream = requests[1], requests[2]
    assert "Authorization" not in requests[0].headers
    for one in (apps, stream):
        assert one.headers["Date"].endswith("+00:00")
        assert one.headers["X-BackendAI-Version"] == "v9.20250722"
        assert one.headers["X-BackendAI-Domain"] == "default"
        assert "X-BackendAI-Date" not in one.headers
    assert apps.headers["Content-Type"] == "application/octet-stream"
    assert "Content-Type" not in stream.headers


@pytest.mark.parametrize("name", CLIENTS)
@pytest.mark.parametrize("animal", ["refuse", "hang", "404", "html"])
async def test_no_address_of_a_group_matters(name, animal):
    async with ANIMALS[animal]() as address, theatre(address) as at:
        play = await player(name, patience=10.0).play(at.scene)

        assert all(outcome.good for outcome in play.steps.values()), how(play)
        assert not at.alive


async def test_a_new_client_comes_down_to_the_manager_and_no_further_than_it_can():
    async with theatre(manager_era="manager-23.09") as at:
        play = await player("python-client-26.8", patience=10.0).play(at.scene)
        spoken = at.running.record.requests[1].headers["X-BackendAI-Version"]
        assert (spoken, at.alive) == ("v7.20230615", False), how(play)
    async with theatre(manager_era="manager-22.09") as at:
        play = await player("python-client-26.8", patience=10.0).play(at.scene)
        assert at.alive and not play.asks_delete
        said = play.step(Step.LAUNCH).said
        assert said.startswith("the manager speaks v6.") and said.endswith(
            "too old for this client"
        )


async def test_an_app_that_the_session_does_not_have():
    async with theatre() as at:
        at.session.apps.clear()
        play = await player("python-client-24.03", patience=10.0).play(at.scene)

    assert play.step(Step.LAUNCH).said == "the app is not among those of the session (200)"
    assert play.step(Step.USE).said == "not tried" and play.step(Step.TERMINATE).good


async def test_an_app_that_refuses_gives_a_page_of_the_client():
    async with theatre() as at:
        at.session.apps["jupyter"].port = 1
        play = await player("python-client-24.03", patience=10.0).play(at.scene)

    said = play.step(Step.USE).said
    assert said.endswith("/ answered 503, and it is not the app")
    page = next(one for one in play.conversation if one.status == 503)
    assert page.answer == "WebSocket reply: closed with 1013"


async def test_a_stream_the_manager_refuses_is_told_too():
    async with theatre() as at:
        at.session.apps["jupyter"].starting = 1
        play = await player("python-client-24.03", patience=10.0).play(at.scene)

    answers = [one.answer for one in play.conversation if one.status == 503]
    assert answers == ["WebSocket reply: answered 500"]


@pytest.mark.parametrize("animal", ["hang", "refuse", "ssh", "html"])
async def test_a_manager_that_is_none(animal):
    async with ANIMALS[animal]() as address, theatre() as at:
        at.elsewhere(manager=address)
        play = await player("python-client-26.8", patience=0.5).play(at.scene)

    assert not play.step(Step.LAUNCH).good and not play.step(Step.TERMINATE).good
    assert not play.asks_delete and play.conversation
