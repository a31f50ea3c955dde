"""The Python client of every age: the manager alone, whatever the group's address is."""

import asyncio

import pytest

from tests.support.scenes import how, theatre, told
from tests.support.stub_proxy import stub_proxy
from wsproxy.compat.eras.clients import clients
from wsproxy.compat.players import player
from wsproxy.compat.players.conversation import Conversation, connections
from wsproxy.compat.players.python_client import Command, listening
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


async def test_a_port_left_open_is_closed_at_the_end():
    async with theatre() as at:
        play = await player("python-client-24.03", patience=10.0, closes=False).play(at.scene)
        assert Step.CLOSE not in play.steps and play.step(Step.TERMINATE).good

    port = int(play.step(Step.LAUNCH).said.rpartition(":")[2])
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", port)


async def test_the_session_may_change_before_it_is_deleted():
    async with theatre() as at:

        async def lose() -> None:
            del at.running.world.sessions[at.session.id]

        client = player("python-client-24.03", patience=10.0)
        play = await client.play(at.scene, before_terminate=lose)

    assert client.name == "python-client-24.03"
    assert play.step(Step.TERMINATE).said == "the manager answered the deletion with 404"
    assert play.asks_delete


async def test_a_manager_that_names_no_version():
    async with stub_proxy() as nobody, theatre() as at:
        at.elsewhere(manager=nobody.url)
        play = await player("python-client-24.03", patience=10.0).play(at.scene)

    said = "the manager's version was answered 200"
    assert (play.step(Step.LAUNCH).said, play.step(Step.TERMINATE).said) == (said, said)


async def test_a_manager_that_goes_away_leaves_the_connection_with_a_reason():
    """The tunnel cannot even be connected."""
    async with ANIMALS["refuse"]() as nowhere, theatre() as at:
        scene = at.scene
        at.elsewhere(manager=nowhere)
        command = Command(_cli(), at.scene, Conversation(connections(), 5.0), "v8.20240315")
        async with command.conversation.http, listening(command):
            reader, writer = await asyncio.open_connection("127.0.0.1", command.port)
            page = await asyncio.wait_for(reader.read(), 5)
            writer.close()

    assert scene.manager != at.scene.manager
    assert page.startswith(
        b"HTTP/1.1 503 Service Unavailable\r\nConnection: Closed\r\n\r\nWebSocket"
    )


def _cli():
    cli = clients()["python-client-24.03"].cli
    assert cli is not None
    return cli
