"""Listening sockets: what a host stands for, and why a port cannot be had."""

import asyncio
import errno
import socket

import pytest

from wsproxy.net import binding
from wsproxy.net.binding import PortTaken, addresses_of, listen


@pytest.mark.parametrize(
    ("host", "addresses"),
    [
        ("127.0.0.1", ("127.0.0.1",)),
        ("[::1]", ("::1",)),
        ("localhost", ("127.0.0.1", "::1")),
        ("", ("::",)),
        ("127.0.0.1, ::1", ("127.0.0.1", "::1")),
    ],
)
async def test_what_a_host_stands_for(host: str, addresses: tuple[str, ...]):
    assert await addresses_of(host) == addresses


async def test_a_name_is_looked_up(monkeypatch: pytest.MonkeyPatch):
    async def getaddrinfo(host: str, port: int | None, **options: object) -> list[object]:
        if host == "name":
            return [(0, 0, 0, "", ("127.0.0.1", 0)), (0, 0, 0, "", ("127.0.0.1", 0))]
        raise socket.gaierror(1, "no")

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo)
    assert await addresses_of("name") == ("127.0.0.1",)
    with pytest.raises(PortTaken, match="has no address"):
        await addresses_of("no-such-name.invalid")


async def test_all_addresses_get_the_same_port():
    sockets = await listen("localhost", 0)
    ports = {sock.getsockname()[1] for sock in sockets}
    families = [sock.family for sock in sockets]
    protos = {sock.proto for sock in sockets}
    for sock in sockets:
        sock.close()
    assert len(ports) == 1
    assert families == [socket.AF_INET, socket.AF_INET6]
    assert protos == {socket.IPPROTO_TCP}


async def test_another_port_is_tried_when_the_second_address_lacks_it(
    monkeypatch: pytest.MonkeyPatch,
):
    real = binding._bind
    refused: list[int] = []

    def bind(address: str, port: int) -> socket.socket:
        if address == "::1" and len(refused) < 2:
            refused.append(port)
            raise PortTaken("taken")
        return real(address, port)

    monkeypatch.setattr(binding, "_bind", bind)
    sockets = await listen("127.0.0.1,::1", 0)
    port = sockets[0].getsockname()[1]
    for sock in sockets:
        sock.close()
    assert len(refused) == 2
    refused.clear()
    with pytest.raises(PortTaken):
        await listen("127.0.0.1,::1", port)


@pytest.mark.parametrize(
    ("host", "bound"),
    [("localhost", "127.0.0.1"), ("127.0.0.1,::1", "127.0.0.1"), ("", "0.0.0.0")],
)
async def test_a_machine_without_ipv6(monkeypatch: pytest.MonkeyPatch, host: str, bound: str):
    monkeypatch.setattr(binding, "has_ipv6", lambda: False)
    (sock,) = await listen(host, 0)
    address = sock.getsockname()[0]
    sock.close()
    assert address == bound


def test_ipv6_is_looked_for(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(socket, "has_ipv6", False)
    assert binding.has_ipv6() is False
    monkeypatch.setattr(socket, "has_ipv6", True)

    class Broken(socket.socket):
        def bind(self, address: object) -> None:
            raise OSError(errno.EADDRNOTAVAIL, "no")

    monkeypatch.setattr(socket, "socket", Broken)
    assert binding.has_ipv6() is False


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (OSError(errno.EADDRINUSE, "x"), "Port 80 on 127.0.0.1 is in use."),
        (OSError(errno.EACCES, "x"), "Port 80 needs rights that this process does not have."),
        (OSError(errno.EADDRNOTAVAIL, "x"), "127.0.0.1 is no address of this machine."),
        (OverflowError("port must be 0-65535."), "Port 80 on 127.0.0.1: port must be 0-65535.."),
    ],
)
async def test_why_a_port_cannot_be_had(
    monkeypatch: pytest.MonkeyPatch, error: Exception, text: str
):
    class Broken(socket.socket):
        def bind(self, address: object) -> None:
            raise error

    monkeypatch.setattr(socket, "socket", Broken)
    with pytest.raises(PortTaken) as caught:
        await listen("127.0.0.1", 80)
    assert str(caught.value) == text
