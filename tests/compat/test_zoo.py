"""The zoo itself: every animal can be entered, shows its fault on the socket, and goes for good."""

import asyncio
import ssl
from contextlib import suppress

import pytest
from yarl import URL

from wsproxy.compat.zoo.keeper import AUTHORITY
from wsproxy.compat.zoo.table import ANIMALS, Animal

WITHOUT_SERVER = {"no-scheme", "unresolvable", "refuse", "unanswered"}
PROMISED = {
    "refuse", "hang", "drip", "reset", "half-close", "close", "404", "500", "502", "503", "504",
    "404-with-good-body", "503-with-good-body", "redirect", "redirect-loop", "html", "empty",
    "wrong-json", "json-list", "no-version", "integer-version", "unknown-version",
    "infinite-body", "endless-head", "tls-on-plain", "plain-on-tls", "expired-certificate",
    "unresolvable", "ipv6-only", "healthy-v1", "healthy-v2",
}  # fmt: skip


def test_every_promised_animal_lives_here():
    assert set(ANIMALS) >= PROMISED
    assert all(name == animal.name and animal.about for name, animal in ANIMALS.items())


@pytest.mark.parametrize("animal", ANIMALS.values(), ids=ANIMALS)
async def test_two_of_a_kind_live_side_by_side_and_leave_nothing(animal: Animal):
    before = asyncio.all_tasks()
    async with animal() as one, animal() as other:
        served = animal.name not in {"no-scheme", "unresolvable"}
        assert (one != other) is served
        if animal.name not in WITHOUT_SERVER:
            url = URL(one)
            _, writer = await asyncio.open_connection(url.host, url.port)
            writer.write(b"GET /status HTTP/1.1\r\n\r\n")
            writer.transport.abort()
            with suppress(ConnectionError):
                await writer.wait_closed()
    assert asyncio.all_tasks() == before


async def raw(address: str, request: bytes, tls: ssl.SSLContext | None = None) -> bytes:
    url = URL(address)
    reader, writer = await asyncio.open_connection(url.host, url.port, ssl=tls)
    try:
        writer.write(request)
        return await asyncio.wait_for(reader.read(), 5)
    finally:
        writer.transport.abort()
        with suppress(OSError):
            await writer.wait_closed()


async def test_a_healthy_animal_answers_any_path_and_ends_the_connection():
    async with ANIMALS["healthy-v2"]() as address:
        answer = await raw(address, b"DELETE /v2/proxy/x HTTP/1.1\r\nHost: x\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert answer.endswith(b'\r\n\r\n{"api_version": "v2"}')


async def test_a_slash_at_the_end_makes_two_for_who_appends():
    async with ANIMALS["trailing-slash"]() as address:
        assert address.endswith("/")
        answer = await raw(address, b"GET //status HTTP/1.1\r\nHost: x\r\n\r\n")
    assert answer.endswith(b'{"api_version": "v2"}')


async def test_head_gets_no_body():
    async with ANIMALS["404"]() as address:
        answer = await raw(address, b"HEAD /status HTTP/1.1\r\nHost: x\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 404") and answer.endswith(b"\r\n\r\n")


async def test_behind_the_redirect_is_a_healthy_v2():
    async with ANIMALS["redirect"]() as address:
        first = await raw(address, b"GET /status HTTP/1.1\r\nHost: x\r\n\r\n")
        second = await raw(address, b"GET /elsewhere HTTP/1.1\r\nHost: x\r\n\r\n")
    assert b"302 Found" in first and b"Location: /elsewhere\r\n" in first
    assert second.endswith(b'{"api_version": "v2"}')


async def test_the_reset_is_a_reset():
    async with ANIMALS["reset"]() as address:
        with pytest.raises(ConnectionResetError):
            await raw(address, b"GET / HTTP/1.1\r\n\r\n")


async def test_unanswered_really_gets_no_answer():
    async with ANIMALS["unanswered"]() as address:
        url = URL(address)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.open_connection(url.host, url.port), 0.3)


@pytest.mark.parametrize(
    ("name", "said"),
    [("expired-certificate", "expired"), ("wrong-name", "mismatch"), ("untrusted-certificate", "")],
)
async def test_a_certificate_is_wrong_in_one_way_only(name, said):
    """Who trusts the zoo's authority is left with the one fault that was meant."""
    trusting = ssl.create_default_context(cafile=str(AUTHORITY))
    async with ANIMALS[name]() as address:
        request = b"GET /status HTTP/1.1\r\nHost: x\r\n\r\n"
        if said:
            with pytest.raises(ssl.SSLCertVerificationError, match=said):
                await raw(address, request, trusting)
        else:
            assert b'{"api_version": "v2"}' in await raw(address, request, trusting)
