"""Through the web server: login, ``/func``, and what it hides of the stream (observed 2)."""

import asyncio

import pytest
from aiohttp import ClientWSTimeout, WSMsgType, WSServerHandshakeError
from yarl import URL

from tests.sim.conftest import USER
from wsproxy.sim.echo import GREETING


def stream_url(sim, app: str, kind: str = "tcpproxy") -> str:
    return f"{sim.running.webserver}/func/stream/session/{sim.session.id}/{kind}?app={app}"


async def test_a_login_gives_one_id_as_cookie_and_header(sim):
    body = {"username": USER.email, "password": USER.password}
    async with sim.http.post(f"{sim.running.webserver}/server/login", json=body) as answer:
        session_id = answer.headers["X-BackendAI-SessionID"]
        assert answer.cookies["AIOHTTP_SESSION"].value == session_id
        assert (await answer.json())["data"]["access_key"] == USER.access_key
    headers = {"X-BackendAI-SessionID": session_id}
    check = f"{sim.running.webserver}/server/login-check"
    async with sim.http.post(check, headers=headers) as answer:
        assert (await answer.json())["session_id"] == session_id
    async with sim.http.post(check, headers={"X-BackendAI-SessionID": "x"}) as answer:
        assert (await answer.json())["authenticated"] is False


async def test_a_wrong_password_does_not_log_in(sim):
    body = {"username": USER.email, "password": "guess"}
    async with sim.http.post(f"{sim.running.webserver}/server/login", json=body) as answer:
        assert (await answer.json())["authenticated"] is False
        assert "X-BackendAI-SessionID" not in answer.headers


async def test_func_signs_for_the_user_and_passes_answers_on(sim):
    login = await sim.login()
    url = f"{sim.running.webserver}/func/session/work"
    async with sim.http.get(url, headers=login) as answer:
        assert (answer.status, (await answer.json())["status"]) == (200, "RUNNING")
    async with sim.http.get(url + "x", headers=login) as answer:
        assert (answer.status, answer.content_type) == (404, "application/problem+json")
    seen = sim.running.record.of("GET", "/session/work")[0]
    assert f"credential={USER.access_key}:" in seen.headers["Authorization"]


async def test_func_without_a_login_is_401_except_for_the_version(sim):
    async with sim.http.get(f"{sim.running.webserver}/func/session/work") as answer:
        assert answer.status == 401
    async with sim.http.get(f"{sim.running.webserver}/func/") as answer:
        assert (await answer.json())["manager"] == "26.8.1"
    with pytest.raises(WSServerHandshakeError) as refused:
        await sim.http.ws_connect(stream_url(sim, "echo"))
    assert refused.value.status == 401


@pytest.mark.parametrize("kind", ["httpproxy", "tcpproxy"])
@pytest.mark.parametrize("how", ["cookie", "header"])
async def test_bytes_pass_with_cookie_or_header(sim, how, kind):
    login = await sim.login()
    if how == "cookie":
        login = {"Cookie": f"AIOHTTP_SESSION={login['X-BackendAI-SessionID']}"}
    async with sim.http.ws_connect(stream_url(sim, "echo", kind), headers=login) as socket:
        assert await socket.receive_bytes() == GREETING
        await socket.send_bytes(b"hello")
        assert await socket.receive_bytes() == b"hello"


async def test_every_handshake_failure_of_the_manager_is_502(sim):
    login = await sim.login()
    sim.session.apps["echo"].starting = 1
    for app in ("nosuch", "echo"):
        with pytest.raises(WSServerHandshakeError) as refused:
            await sim.http.ws_connect(stream_url(sim, app), headers=login)
        assert refused.value.status == 502
    async with sim.http.ws_connect(stream_url(sim, "echo"), headers=login) as socket:
        assert await socket.receive_bytes() == GREETING


async def test_a_dead_app_is_101_and_then_silence(sim):
    login = await sim.login()
    async with sim.http.ws_connect(
        stream_url(sim, "dead"), headers=login, timeout=ClientWSTimeout(ws_close=2)
    ) as socket:
        manager = sim.running.record.of("GET", "/tcpproxy")[0]
        await sim.running.record.until(lambda: manager.status == 101)  # closed with 1013 there
        with pytest.raises(TimeoutError):
            await socket.receive(timeout=0.3)


async def test_an_apps_end_closes_with_the_default_code_not_1001(sim):
    login = await sim.login()
    async with sim.http.ws_connect(stream_url(sim, "echo"), headers=login) as socket:
        await socket.receive_bytes()
        sim.session.cut()
        message = await asyncio.wait_for(socket.receive(), 5)
        assert message.type is WSMsgType.CLOSE
        assert message.data == 1000


async def test_the_target_reaches_the_manager_exactly_as_sent(sim):
    login = await sim.login()
    url = URL(f"{sim.running.webserver}/func/session/a%2Fb?x=%7e", encoded=True)
    async with sim.http.get(url, headers=login) as answer:
        assert answer.status == 404
    assert sim.running.record.of("GET", "/session/")[0].target == "/session/a%2Fb?x=%7e"
