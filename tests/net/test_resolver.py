"""Names for aiohttp's clients."""

import asyncio
import socket

import pytest

from wsproxy.net.resolver import LooseResolver

V4 = (socket.AF_INET, ("192.0.2.1", 80))
V6 = (socket.AF_INET6, ("2001:db8::1", 80, 0, 0))
LINK = (socket.AF_INET6, ("fe80::1", 80, 0, 3))


async def known(host: str, port: int):
    assert (host, port) == ("gateway.example", 80)
    return [V4, V6, LINK]


@pytest.mark.parametrize(
    ("family", "hosts"),
    [
        (socket.AF_UNSPEC, ["192.0.2.1", "2001:db8::1", "fe80::1%3"]),
        (socket.AF_INET, ["192.0.2.1"]),
        (socket.AF_INET6, ["2001:db8::1", "fe80::1%3"]),
    ],
)
async def test_addresses_of_a_name(family, hosts):
    found = await LooseResolver(known).resolve("gateway.example", 80, family)
    assert [one["host"] for one in found] == hosts
    assert {one["port"] for one in found} == {80}
    assert {one["hostname"] for one in found} == {"gateway.example"}


async def test_a_name_without_an_address_of_that_family():
    async def only_v6(host: str, port: int):
        return [V6]

    with pytest.raises(OSError, match="no address"):
        await LooseResolver(only_v6).resolve("gateway.example", 80, socket.AF_INET)


async def test_the_system_knows_this_machine():
    resolver = LooseResolver()
    found = await resolver.resolve("localhost", 80, socket.AF_UNSPEC)
    assert {one["host"] for one in found} & {"127.0.0.1", "::1"}
    await resolver.close()


async def test_it_can_be_left_at_any_time():
    async def silent(host: str, port: int):
        await asyncio.get_running_loop().create_future()
        raise AssertionError

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await LooseResolver(silent).resolve("slow.example")
