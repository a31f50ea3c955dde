"""TCP apps of App Proxy (protocol 7.5; transcripts/appproxy-26.9-tcp)."""

import asyncio
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.support.standins import ask, raw, setup_of, token_of
from wsproxy.compat.eras.proxies import proxies
from wsproxy.compat.standins.stand import standin
from wsproxy.sim.echo import GREETING, Echo
from wsproxy.sim.stage import free_port

NEWEST = proxies()["appproxy-26.9"]


async def gateway(api: str, port: int, more: str = "") -> int:
    """The port that ``setup`` tells of."""
    setup = await setup_of(api, await token_of(api, port), f"app=sshd&protocol=tcp{more}")
    url = (await ask(setup)).json["redirectURI"]
    return urlsplit(parse_qs(urlsplit(url).query)["gateway"][0]).port or 0


@pytest.fixture
async def echo():
    app = await Echo().start()
    yield app
    await app.close()


async def test_bytes_pass_both_ways_for_whoever_connects(echo):
    async with standin(NEWEST) as addresses:
        port = await gateway(addresses.api, echo.port)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        sent = b"x" * 1_000_000
        assert await reader.readexactly(len(GREETING)) == GREETING
        writer.write(sent)
        assert await asyncio.wait_for(reader.readexactly(len(sent)), 10) == sent
        writer.close()
        await writer.wait_closed()


async def test_a_dead_app_and_a_foreign_address_are_an_end_without_a_word(echo):
    """transcripts/appproxy-26.9-tcp/25 and 30."""
    async with standin(NEWEST) as addresses:
        dead = await gateway(addresses.api, free_port())
        assert await raw("127.0.0.1", dead, b"GET / HTTP/1.1\r\n\r\n") == b""
        foreign = "&no_reuse=true&allowed_client_ips=10.0.0.0/8"
        denied = await gateway(addresses.api, echo.port, foreign)
        assert await raw("127.0.0.1", denied, b"x") == b""
