"""Opening connections: every way it can fail has its own kind."""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.support.apps import just_read, raw_app, unused_port
from wsproxy.core.failure import Failure, FailureKind, Side
from wsproxy.net.connect import Connected, ConnectRules, connect

RULES = ConnectRules(deadline=20.0, stagger=0.02)


class Proto(asyncio.Protocol):
    pass


@contextlib.asynccontextmanager
async def connected(
    host: str, port: int, rules: ConnectRules = RULES
) -> AsyncIterator[Connected | Failure]:
    got = await connect(host, port, Proto, rules)
    try:
        yield got
    finally:
        if not isinstance(got, Failure):
            got[0].abort()
            await asyncio.sleep(0)


def resolver(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> None:
    """Let every name have these addresses."""

    async def getaddrinfo(host: str, port: int, **options: Any) -> list[Any]:
        return [
            (socket.AF_INET6 if ":" in one else socket.AF_INET, 1, 6, "", (one, port))
            for one in addresses
        ]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo, raising=False)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost", ""])
async def test_a_connection_is_tuned(host: str):
    listen = host if ":" in host else "127.0.0.1"
    async with raw_app(just_read, host=listen) as app:
        async with connected(host, app.port) as got:
            assert not isinstance(got, Failure), got
            assert isinstance(got[1], Proto)
            sock = got[0].get_extra_info("socket")
            assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)


async def test_a_unix_socket(tmp_path):
    async with raw_app(just_read, path=str(tmp_path / "s")) as app:
        async with connected(app.host, 0) as got:
            assert not isinstance(got, Failure)


async def test_a_missing_unix_socket_refuses(tmp_path):
    async with connected(f"unix:{tmp_path}/none", 0) as got:
        assert isinstance(got, Failure)
        assert (got.kind, got.detail) == (
            FailureKind.REFUSED,
            f"unix:{tmp_path}/none does not exist.",
        )


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_refused(host: str):
    port = await unused_port(host)
    async with connected(host, port) as got:
        shown = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        assert got == Failure(FailureKind.REFUSED, Side.APP, f"{shown} refuses connections.")


@pytest.mark.parametrize("host", ["no-such-name.invalid", "a" * 70 + ".example", "a..b"])
async def test_unresolvable(host: str):
    async with connected(host, 1, ConnectRules(deadline=2.0)) as got:
        assert isinstance(got, Failure)
        assert got.kind is FailureKind.UNRESOLVABLE


async def test_a_resolver_that_is_silent(monkeypatch: pytest.MonkeyPatch):
    async def getaddrinfo(*args: Any, **options: Any) -> list[Any]:
        await asyncio.sleep(60)
        return []

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo)
    async with connected("name", 1, ConnectRules(deadline=0.05)) as got:
        assert isinstance(got, Failure)
        assert got.kind is FailureKind.UNRESOLVABLE


async def test_no_answer_in_time():
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        port = full.getsockname()[1]
        with contextlib.ExitStack() as stack:
            for _ in range(3):  # fill the queue: the next attempt gets no answer
                one = stack.enter_context(socket.socket())
                one.setblocking(False)
                one.connect_ex(("127.0.0.1", port))
            rules = ConnectRules(deadline=0.1, side=Side.MANAGER)
            async with connected("127.0.0.1", port, rules) as got:
                assert isinstance(got, Failure)
                assert (got.kind, got.side) == (FailureKind.CONNECT_TIMEOUT, Side.MANAGER)


async def test_a_port_that_is_none():
    async with connected("127.0.0.1", 70000) as got:
        assert isinstance(got, Failure)
        assert got.kind is FailureKind.UNREACHABLE


async def test_tls_that_fails():
    async with raw_app() as app:
        app.script = just_read
        context = ssl.create_default_context()
        rules = ConnectRules(deadline=0.3, tls=context)
        async with connected("127.0.0.1", app.port, rules) as got:
            assert isinstance(got, Failure)
            assert got.kind is FailureKind.CONNECT_TIMEOUT

        async def nonsense(link: Any) -> None:
            await link.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        app.script = nonsense
        async with connected("127.0.0.1", app.port, ConnectRules(tls=context)) as got:
            assert isinstance(got, Failure)
            assert got.kind is FailureKind.TLS


async def test_the_address_that_is_checked_is_the_one_connected_to(
    monkeypatch: pytest.MonkeyPatch,
):
    async with raw_app(just_read) as app:
        resolver(monkeypatch, "::1", "127.0.0.1")
        asked: list[str] = []

        def allow(address: str) -> bool:
            asked.append(address)
            return address == "127.0.0.1"

        async with connected("name", app.port, ConnectRules(allow=allow)) as got:
            assert not isinstance(got, Failure)
            assert got[0].get_extra_info("peername")[0] == "127.0.0.1"
        assert asked == ["::1", "127.0.0.1"]


async def test_no_address_is_allowed():
    asked: list[str] = []

    def allow(address: str) -> bool:
        asked.append(address)
        return False

    rules = ConnectRules(allow=allow)
    async with connected("127.0.0.1", 1, rules) as got:
        assert isinstance(got, Failure)
        assert (got.kind, got.side) == (FailureKind.TARGET_NOT_ALLOWED, Side.GATEWAY)
    assert asked == ["127.0.0.1"]


async def test_the_second_address_is_tried_when_the_first_refuses(monkeypatch: pytest.MonkeyPatch):
    async with raw_app(just_read) as app:
        resolver(monkeypatch, "127.0.0.9", "127.0.0.1")
        async with connected("name", app.port) as got:
            assert not isinstance(got, Failure)


async def test_all_addresses_refuse(monkeypatch: pytest.MonkeyPatch):
    port = await unused_port()
    resolver(monkeypatch, "127.0.0.1", "127.0.0.2", "::1")
    async with connected("name", port) as got:
        assert got == Failure(FailureKind.REFUSED, Side.APP, f"name:{port} refuses connections.")


async def test_a_silent_address_does_not_hold_up_the_next(monkeypatch: pytest.MonkeyPatch):
    async with raw_app(just_read) as app:
        loop = asyncio.get_running_loop()
        resolver(monkeypatch, "::1", "127.0.0.1")
        real = loop.create_connection
        cancelled = asyncio.Event()

        async def create_connection(factory: Any, host: str, *rest: Any, **options: Any) -> Any:
            if host == "::1":
                try:
                    await asyncio.sleep(60)
                except asyncio.CancelledError:
                    cancelled.set()
                    raise
            return await real(factory, host, *rest, **options)

        monkeypatch.setattr(loop, "create_connection", create_connection)
        async with connected("name", app.port) as got:
            assert not isinstance(got, Failure)
        assert cancelled.is_set()


async def test_two_connections_at_once_leave_one(monkeypatch: pytest.MonkeyPatch):
    async with raw_app(just_read) as app:
        loop = asyncio.get_running_loop()
        resolver(monkeypatch, "127.0.0.1", "127.0.0.2")
        real = loop.create_connection
        both = asyncio.Barrier(2)
        ends: list[asyncio.Transport] = []

        async def create_connection(factory: Any, host: str, *rest: Any, **options: Any) -> Any:
            got = await real(factory, "127.0.0.1", *rest, **options)
            ends.append(got[0])
            await both.wait()
            return got

        monkeypatch.setattr(loop, "create_connection", create_connection)
        async with connected("name", app.port) as got:
            assert not isinstance(got, Failure)
            assert [one.is_closing() for one in ends].count(True) == 1
            assert not got[0].is_closing()
