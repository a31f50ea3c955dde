"""Requests of players: bounded, recorded, and never an exception but one."""

import asyncio

import pytest
from aiohttp import web
from yarl import URL

from tests.support.installations import serving
from wsproxy.compat.players.conversation import (
    KEPT,
    SHOWN,
    Answer,
    Conversation,
    Nothing,
    Request,
    StandsStill,
    Why,
    connections,
)
from wsproxy.compat.zoo.table import ANIMALS

FIELDS = [("User-Agent", "a player"), ("Accept", "*/*")]


async def asked(url: str, limit: float | None, patience: float, path: str = "/x?y=1"):
    async with connections() as http:
        conversation = Conversation(http, patience)
        answer = await conversation.ask(Request("GET", URL(url + path), FIELDS, None, limit))
        return answer, conversation.exchanges[-1]


async def test_an_answer_is_read_and_kept_with_what_was_asked():
    async def handle(request: web.Request) -> web.Response:
        assert request.headers.getall("User-Agent") == ["a player"]
        assert "Accept-Encoding" not in request.headers
        return web.json_response({"code": 200}, headers={"X-Said": "yes"}, status=201)

    async with serving(handle) as url:
        answer, kept = await asked(url, 5.0, 5.0)

    assert isinstance(answer, Answer) and answer.good
    assert (answer.status, answer.object) == (201, {"code": 200})
    assert (kept.method, kept.url, kept.status) == ("GET", f"{url}/x?y=1", 201)
    assert kept.headers == tuple(FIELDS)
    assert ("X-Said", "yes") in kept.answer_headers
    assert (kept.answer, kept.failure) == ('{"code": 200}', "")


async def test_a_long_body_is_kept_in_part_and_shown_in_a_smaller_one():
    async def handle(request: web.Request) -> web.Response:
        return web.Response(body=b"x" * (KEPT + 5000))

    async with serving(handle) as url:
        answer, kept = await asked(url, 5.0, 5.0)

    assert isinstance(answer, Answer) and len(answer.body) == KEPT
    assert answer.document is None and answer.object == {}
    assert kept.answer == "x" * SHOWN + "…"


@pytest.mark.parametrize(
    ("limit", "patience", "said"),
    [(0.1, 5.0, "waited 0.1 s for GET http://"), (60.0, 0.1, "would wait 60 s for GET http://")],
)
async def test_a_timeout_says_how_long_the_client_waits(limit, patience, said):
    async with ANIMALS["hang"]() as url, asyncio.timeout(30):
        answer, kept = await asked(url, limit, patience)

    assert isinstance(answer, Nothing) and answer.why is Why.TIMEOUT
    assert answer.said.startswith(said) and answer.said.endswith("/x")
    assert (kept.status, kept.failure) == (0, answer.said)


@pytest.mark.parametrize("animal", ["hang", "infinite-body", "stalled-body", "endless-head"])
async def test_who_has_no_timeout_stands_still_or_learns_that_it_is_no_http(animal):
    async with ANIMALS[animal]() as url, asyncio.timeout(30):
        if animal == "endless-head":
            answer, _ = await asked(url, None, 20.0)
            assert isinstance(answer, Nothing) and answer.why is Why.NETWORK
            return
        with pytest.raises(StandsStill, match="would wait for ever for GET http://"):
            await asked(url, None, 0.1)


@pytest.mark.parametrize("animal", ["refuse", "reset", "close", "ssh", "tls-alert", "truncated"])
async def test_a_broken_conversation_is_a_value(animal):
    async with ANIMALS[animal]() as url, asyncio.timeout(30):
        answer, kept = await asked(url, None, 20.0)

    assert isinstance(answer, Nothing) and answer.why is Why.NETWORK
    assert kept.failure == answer.said and "\n" not in answer.said


async def test_a_websocket_that_echoes_refuses_stays_silent_or_closes():
    async def handle(request: web.Request) -> web.StreamResponse:
        if request.path == "/refuse":
            return web.Response(status=403)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        async for message in socket:
            if request.path == "/echo":
                await socket.send_str(message.data)
            elif request.path == "/close":
                await socket.close()
        return socket

    async with serving(handle) as url, connections() as http:
        conversation = Conversation(http, 30.0)
        said = {}
        for path in ("/echo", "/refuse", "/silent", "/close"):
            conversation.patience = 0.3 if path == "/silent" else 30.0
            said[path] = await conversation.echo(URL(url + path), FIELDS, None)
        statuses = [one.status for one in conversation.exchanges]

    assert said["/echo"] == ""
    assert said["/refuse"].endswith("/refuse: the WebSocket was answered 403")
    assert said["/silent"].startswith("would wait for ever for GET")
    assert said["/close"].endswith("the WebSocket gave nothing back")
    assert statuses == [101, 403, 101, 101]
