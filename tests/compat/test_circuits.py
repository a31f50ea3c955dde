"""Circuits that stay open after their session."""

from aiohttp import web

from tests.support.installations import serving
from wsproxy.compat import circuits
from wsproxy.compat.circuits import left_open_at, nobody


def listing(*rounds: list[str]):
    """Answers with the sessions of one round after the other; the last one stays."""
    left = list(rounds)

    async def answer(request: web.Request) -> web.Response:
        assert request.headers["X-BackendAI-Token"] == "the-secret"
        sessions = left.pop(0) if len(left) > 1 else left[0]
        return web.json_response({"circuits": [{"session_id": one} for one in sessions]})

    return answer


async def test_a_circuit_may_close_a_moment_after_its_session():
    async with serving(listing(["S", "T"], ["S"], ["T"])) as url:
        async with left_open_at(url, "the-secret") as left_open:
            assert await left_open("S") == 0


async def test_those_that_stay_are_counted(monkeypatch):
    monkeypatch.setattr(circuits, "PAUSE", 0.0)
    async with serving(listing(["S", "T", "S"])) as url:
        async with left_open_at(url, "the-secret") as left_open:
            assert await left_open("S") == 2


async def test_nobody_knows_without_a_secret_or_an_answer():
    async def denies(request: web.Request) -> web.Response:
        return web.Response(status=403)

    assert await nobody("S") is None
    async with serving(denies) as url:
        async with left_open_at(url, "") as left_open:
            assert await left_open("S") is None
        async with left_open_at(url, "wrong") as left_open:
            assert await left_open("S") is None
