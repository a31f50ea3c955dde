"""Both servers of an installation, on ports of their own or at one address."""

import aiohttp
import pytest
from aiohttp import web
from yarl import URL

from tests.support.installations import serving
from wsproxy.sim.installation import installation
from wsproxy.sim.stage import free_port
from wsproxy.sim.world import App, Keypair, World

USER = Keypair("AKIAUSER", "secret-of-the-user")


def world(address: str = "") -> tuple[World, str, str]:
    """A world, a login session in it, and a session with an app."""
    found = World()
    found.add_user(USER)
    found.add_group("pool", address)
    session = found.add_session("work", "pool", USER.access_key, App("jupyter", "127.0.0.1", 1))
    return found, found.log_in(USER.access_key), str(session.id)


async def ask(method: str, url: str, login: str = "", **more):
    headers = {"X-BackendAI-SessionID": login} if login else {}
    async with (
        aiohttp.ClientSession() as http,
        http.request(method, url, headers=headers, **more) as answer,
    ):
        return answer.status, await answer.json()


async def test_both_servers_at_one_address():
    place = URL(f"http://127.0.0.1:{free_port()}")
    there, login, session = world()
    async with installation(there, at=place) as running:
        assert running.endpoint == running.webserver == str(place)
        status, said = await ask("GET", f"{place}/")
        assert status == 200 and said["manager"] == "26.8.1"
        status, said = await ask("GET", f"{place}/func/session/{session}", login)
        assert status == 200 and said["status"] == "RUNNING"
        assert (await ask("GET", f"{place}/func/session/{session}"))[0] == 401
        assert (await ask("GET", f"{place}/session/{session}"))[0] == 401


@pytest.mark.parametrize("token", ["", "the-secret-of-the-proxy"])
async def test_a_proxy_is_shown_its_secret_where_one_is_given(token):
    seen: list[str | None] = []

    async def proxy(request: web.Request) -> web.Response:
        if request.path == "/status":
            return web.json_response({"api_version": "v2"})
        seen.append(request.headers.get("X-BackendAI-Token"))
        return web.json_response({"token": "T"})

    async with serving(proxy) as address:
        there, login, session = world(address)
        async with installation(there, proxy_token=token) as running:
            url = f"{running.webserver}/func/session/{session}/start-service"
            status, said = await ask("POST", url, login, json={"app": "jupyter"})

    assert (status, said["token"]) == (200, "T")
    assert seen == [token or None]


async def test_a_status_without_end_is_waited_for_and_not_kept():
    """As a manager seems from outside; this one reads a little and then waits for its deadline."""
    sent = 0

    async def endless(request: web.Request) -> web.StreamResponse:
        nonlocal sent
        answer = web.StreamResponse(headers={"Content-Type": "application/json"})
        await answer.prepare(request)
        try:
            while True:
                await answer.write(b" " * 65536)
                sent += 65536
        except ConnectionError:
            return answer

    async with serving(endless) as address:
        there, login, _ = world(address)
        async with installation(there, patience=2.0) as running:
            url = f"{running.webserver}/func/scaling-groups/pool/wsproxy-version"
            status, _ = await ask("GET", url, login)

    assert status == 500
    assert sent < 64 << 20
