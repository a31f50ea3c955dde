"""Every animal of the zoo as the container: what visitors get, and that nothing stays open."""

import asyncio

import pytest
from yarl import URL

from tests.support.apps import RawClient, raw_client
from tests.support.gateway import Gateway, gateway
from tests.support.messages import JSON_GET, UPGRADE
from wsproxy.compat.zoo.table import ANIMALS
from wsproxy.core.circuit import Direct
from wsproxy.core.failure import Side
from wsproxy.data.dial import DialRules
from wsproxy.data.rules import EngineRules

OURS = {
    "unresolvable": (502, b"unresolvable"),
    "refuse": (502, b"refused"),
    "unanswered": (504, b"timeout"),
    "hang": (504, b"app-silent"),
    "drip": (504, b"app-silent"),
    "reset": (502, b"closed"),
    "half-close": (502, b"closed"),
    "close": (502, b"closed"),
    "tls-alert": (502, b"malformed"),
    "tls-on-plain": (502, b""),
    "plain-on-tls": (502, b"tls"),
    "expired-certificate": (502, b"tls"),
    "wrong-name": (502, b"tls"),
    "untrusted-certificate": (502, b"tls"),
    "endless-head": (502, b"malformed"),
    "ssh": (502, b"malformed"),
}
"""The status and the code's words where the gateway itself must answer. The others speak."""

THEIRS = {"404": 404, "500": 500, "502": 502, "503": 503, "504": 504, "redirect": 302}
THEIRS |= {"404-with-good-body": 404, "503-with-good-body": 503, "redirect-loop": 302}
"""Statuses of apps that pass untouched; the rest says 200."""

UNENDING = {"infinite-body", "stalled-body"}
NO_ROUTE = {"no-scheme"}  # an address that is malformed never becomes a route
KEEPERS = [name for name in ANIMALS if name not in NO_ROUTE]


def haste(name: str) -> tuple[EngineRules, DialRules]:
    """Short deadlines for those that are silent; a busy machine may delay the others."""
    seconds = 0.5 if OURS.get(name, (0, b""))[0] == 504 else 20.0
    return EngineRules(first_byte=seconds), DialRules(connect=seconds)


def route_to(address: str) -> Direct:
    url = URL(address)
    assert url.host is not None
    assert url.port is not None
    return Direct(url.host, url.port, tls=url.scheme == "https")


async def visit(gw: Gateway, client: RawClient, request: bytes) -> tuple[int, bytes]:
    await client.send(request)
    head = await client.head()
    return int(head.split(b" ", 2)[1]), head


@pytest.mark.parametrize("request_head", [JSON_GET, UPGRADE], ids=["get", "upgrade"])
@pytest.mark.parametrize("name", KEEPERS)
async def test_an_animal_as_the_container(name: str, request_head: bytes):
    rules, dial = haste(name)
    async with ANIMALS[name]() as address:
        async with gateway(route_to(address), rules=rules, dial=dial) as gw:
            async with raw_client(gw.port) as client:
                status, head = await visit(gw, client, request_head)
                if name in OURS:
                    await answered_by_us(client, status, head, name)
                else:
                    await answered_by_the_app(client, status, head, name)
            outcome = await gw.site.outcome()
            assert len(gw.site.outcomes) == 1
            assert outcome.status == status
            if name in OURS:
                assert outcome.failure is not None
                assert outcome.failure.side is Side.APP


async def answered_by_us(client: RawClient, status: int, head: bytes, name: str) -> None:
    wanted, code = OURS[name]
    assert status == wanted
    assert b"X-BackendAI-Speaker: gateway\r\n" in head
    assert b"Cache-Control: no-store\r\n" in head
    length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
    assert code in (await client.size(length)).lower()


async def answered_by_the_app(client: RawClient, status: int, head: bytes, name: str) -> None:
    assert status == THEIRS.get(name, 200)
    assert b"Speaker" not in head
    assert b"X-BackendAI-Wsproxy-Version: v2\r\n" in head
    if name == "truncated":
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await client.answer_body(head)
    elif name not in UNENDING:
        await client.answer_body(head)
