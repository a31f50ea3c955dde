"""WebSockets through app ports (observed 5 and D1, D5, D6; transcripts/appproxy-26.9-ws)."""

import asyncio

import pytest
from aiohttp import ClientSession, WSMsgType, WSServerHandshakeError

from tests.support.standins import kernel, opened
from wsproxy.compat.eras.proxies import proxies
from wsproxy.compat.standins.stand import standin
from wsproxy.sim.stage import free_port

V2 = {name: row for name, row in proxies().items() if not row.node}
QUIET = 0.3
"""Seconds in which nothing must come."""


@pytest.fixture
async def http():
    async with ClientSession() as session:
        yield session


@pytest.mark.parametrize("name", V2)
async def test_messages_pass_and_the_clients_own_fields_do_not(name, http):
    async with standin(V2[name]) as addresses, kernel() as app:
        url, cookie = await opened(addresses.api, app.port)
        headers = {"Cookie": cookie, "Origin": "http://ui", "X-Custom": "1"}
        async with http.ws_connect(f"{url}/ws?x=1", headers=headers) as socket:
            await socket.send_str("text")
            await socket.send_bytes(b"\0" * 100_000)
            assert await socket.receive_str() == "text"
            assert await socket.receive_bytes() == b"\0" * 100_000
        assert app.targets == ["/ws?x=1"]
        seen = dict(app.seen[0])
        assert seen["host"] == f"127.0.0.1:{app.port}"
        assert not {"cookie", "origin", "x-custom"} & seen.keys()


@pytest.mark.parametrize("name", ["python-25.10", "appproxy-26.9"])
async def test_a_client_that_closes_is_answered_1000_and_the_app_hears_nothing(name, http):
    """transcripts/appproxy-26.9-ws/14; transcripts/wsproxy-25.5/04-ws.txt 10."""
    async with kernel() as app:
        async with standin(V2[name]) as addresses:
            url, cookie = await opened(addresses.api, app.port)
            socket = await http.ws_connect(f"{url}/ws", headers={"Cookie": cookie})
            await socket.send_str("x")
            await socket.receive_str()
            await socket.close(code=4001)
            assert socket.close_code == 1000
            await asyncio.sleep(QUIET)
            assert app.closed == []


@pytest.mark.parametrize(("name", "told"), [("python-25.10", False), ("appproxy-26.9", True)])
async def test_an_app_that_closes(name, told, http):
    """D1: transcripts/wsproxy-25.5/04-ws.txt 7 and 8; protocol 7.3."""
    async with standin(V2[name]) as addresses, kernel() as app:
        url, cookie = await opened(addresses.api, app.port)
        async with http.ws_connect(f"{url}/ws", headers={"Cookie": cookie}) as socket:
            await socket.send_str("close 4001")
            if told:
                message = await asyncio.wait_for(socket.receive(), 5)
                assert (message.type, message.data) == (WSMsgType.CLOSE, 4001)
            else:
                with pytest.raises(TimeoutError):
                    await socket.receive(timeout=QUIET)


@pytest.mark.parametrize("name", ["python-25.10", "appproxy-26.4"])
async def test_a_dead_app_is_a_101_and_a_close(name, http):
    """D6: transcripts/wsproxy-25.5/04-ws.txt 5; protocol 7.3."""
    async with standin(V2[name]) as addresses:
        url, cookie = await opened(addresses.api, free_port())
        async with http.ws_connect(f"{url}/ws", headers={"Cookie": cookie}) as socket:
            message = await asyncio.wait_for(socket.receive(), 5)
            assert (message.type, message.data) == (WSMsgType.CLOSE, 1000)


async def test_a_dead_app_is_503_in_26_9(http):
    """transcripts/appproxy-26.9/120_dead_ws.txt."""
    async with standin(V2["appproxy-26.9"]) as addresses:
        url, cookie = await opened(addresses.api, free_port())
        with pytest.raises(WSServerHandshakeError) as refused:
            await http.ws_connect(f"{url}/ws", headers={"Cookie": cookie})
        assert refused.value.status == 503


async def test_an_app_that_refuses_the_upgrade_is_a_101_and_silence_in_26_9(http):
    """transcripts/appproxy-26.9-ws/07_ws_bad_path_app_404_status.txt."""
    async with standin(V2["appproxy-26.9"]) as addresses, kernel() as app:
        url, cookie = await opened(addresses.api, app.port)
        async with http.ws_connect(f"{url}/none", headers={"Cookie": cookie}) as socket:
            with pytest.raises(TimeoutError):
                await socket.receive(timeout=QUIET)


async def test_without_a_cookie_there_is_no_upgrade(http):
    """transcripts/appproxy-26.9/112; transcripts/wsproxy-25.5/25.12.1/04-ws.txt 2."""
    for name, status in (("appproxy-26.9", 401), ("python-25.11", 400), ("python-25.10", 200)):
        async with standin(V2[name]) as addresses, kernel() as app:
            url, _ = await opened(addresses.api, app.port)
            with pytest.raises(WSServerHandshakeError) as refused:
                await http.ws_connect(f"{url}/ws")
            assert refused.value.status == status


async def test_the_first_subprotocol_is_answered_before_the_app_chooses(http):
    """D5: transcripts/wsproxy-25.5/04-ws.txt 1."""
    async with standin(V2["python-25.10"]) as addresses, kernel() as app:
        url, cookie = await opened(addresses.api, app.port)
        protocols = ("chat.v1", "chat.v2")
        async with http.ws_connect(
            f"{url}/ws", headers={"Cookie": cookie}, protocols=protocols
        ) as socket:
            assert socket.protocol == "chat.v1"
            await socket.send_str("x")
            await socket.receive_str()
        assert dict(app.seen[0])["sec-websocket-protocol"].replace(" ", "") == "chat.v1,chat.v2"
