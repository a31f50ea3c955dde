"""The way back to the manager, whole: a login token and a web server, a container that is gone."""

import contextlib
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest

from tests.support import streams
from tests.support.apps import exchange, raw_client, unused_port
from tests.support.node import Node, node, settings
from tests.support.streams import StreamManager, stream_manager
from wsproxy.core.wire import VERSION_HEADER

LOGIN = "c987994b32f9435f84d546e7bd719325"


@contextlib.asynccontextmanager
async def gone(*steps: streams.Step) -> AsyncIterator[tuple[Node, StreamManager]]:
    """A gateway whose web server is scripted."""
    async with stream_manager() as webserver:
        webserver.script(*steps)
        config = settings(manager={"webserver": webserver.url}, v2={"tcp-admission": "any"})
        async with node(config) as gateway:
            yield gateway, webserver


async def opened(gateway: Node, protocol: str = "http") -> tuple[str, str]:
    """``redirect_url`` of an app whose container refuses, and its session."""
    session = str(uuid4())
    token = await gateway.announce(await unused_port(), session, login_session_token=LOGIN)
    answer = await gateway.auth(token, session, protocol=protocol)
    return str(answer["redirect_url"]), session


async def test_http_goes_through_the_web_server_and_says_v1():
    said = b"HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\nok"
    async with gone(streams.answering(said)) as (gateway, webserver):
        url, session = await opened(gateway)
        page = await gateway.get(url)
        cookie = page.headers["Set-Cookie"].partition(";")[0]
        answer = await gateway.get(page.headers["Location"], headers={"Cookie": cookie})
        assert (answer.status, answer.body) == (201, b"ok")
        assert answer.headers[VERSION_HEADER] == "v1"
        request = webserver.requests[0]
        assert request.path == f"/func/stream/session/{session}/httpproxy"
        assert request.headers["Cookie"] == f"AIOHTTP_SESSION={LOGIN}"
        assert b"appproxy_permit" not in webserver.received
        assert LOGIN.encode() not in webserver.received


async def test_an_upgrade_goes_there_too():
    said = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\nhi"
    async with gone(streams.answering(said)) as (gateway, _):
        url, _ = await opened(gateway)
        page = await gateway.get(url)
        cookie = page.headers["Set-Cookie"].partition(";")[0]
        port = int(page.headers["Location"].rstrip("/").rpartition(":")[2])
        async with raw_client(port) as client:
            head = f"GET / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nCookie: {cookie}\r\n"
            await client.send(f"{head}Connection: Upgrade\r\nUpgrade: echo\r\n\r\n".encode())
            answer = await client.until(b"\r\n\r\n")
            assert answer.startswith(b"HTTP/1.1 101 ")
            assert f"{VERSION_HEADER}: v1".encode() in answer
            assert await client.size(2) == b"hi"


async def test_tcp_goes_there_too():
    async with gone(streams.echo) as (gateway, webserver):
        await opened(gateway, "tcp")
        port = next(iter(gateway.gateway.traffic.table().all())).port
        assert port is not None
        async with raw_client(port) as client:
            await client.send(b"ping")
            assert await client.size(4) == b"ping"
        assert len(webserver.requests) == 1


@pytest.mark.parametrize("known", [{"manager": {}}, {"manager": {"webserver": "http://w"}}])
async def test_without_a_login_token_or_a_web_server_there_is_none(known):
    token = {} if known["manager"] else {"login_session_token": LOGIN}
    async with node(settings(**known)) as gateway:
        session = str(uuid4())
        start = await gateway.announce(await unused_port(), session, **token)
        page = await gateway.get((await gateway.auth(start, session))["redirect_url"])
        cookie = page.headers["Set-Cookie"].partition(";")[0]
        answer = await gateway.get(
            page.headers["Location"], headers={"Cookie": cookie, "Accept": "application/json"}
        )
        assert answer.status == 502
        assert "no way back through the manager" in answer.json["msg"]
        assert answer.headers[VERSION_HEADER] == "v2"
        port = next(iter(gateway.gateway.traffic.table().all())).port
        assert port is not None
        assert b" 401 " in await exchange(port, b"GET / HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n")
