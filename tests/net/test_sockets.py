"""Ends of connections: orderly, and heard out."""

import asyncio
import contextlib
import socket
import ssl
import sys
import threading
from asyncio.trsock import TransportSocket
from pathlib import Path
from typing import Any

import pytest
import uvloop

from wsproxy.compat.zoo.keeper import AUTHORITY, tls_context
from wsproxy.net.sockets import abort, close, finish, last_words, tune


class Fake:
    """A transport as far as these functions look."""

    def __init__(self, error: OSError | None = None, *, can: bool = True, **extra: Any) -> None:
        self.calls: list[str] = []
        self._error = error
        self._can = can
        self._extra = extra

    def can_write_eof(self) -> bool:
        return self._can

    def write_eof(self) -> None:
        self.calls.append("write_eof")
        if self._error is not None:
            raise self._error

    def abort(self) -> None:
        self.calls.append("abort")

    def get_extra_info(self, name: str) -> Any:
        return self._extra.get(name)


class Sock:
    """A connected socket of a machine that paces by default, or not."""

    family = socket.AF_INET

    def __init__(self, control: bytes = b"bbr", error: OSError | None = None) -> None:
        self.control = control
        self._error = error

    def getsockopt(self, level: int, option: int, size: int) -> bytes:
        assert (level, option) == (socket.IPPROTO_TCP, socket.TCP_CONGESTION)
        return self.control.ljust(size, b"\0")

    def setsockopt(self, level: int, option: int, value: bytes | int) -> None:
        if (level, option) != (socket.IPPROTO_TCP, getattr(socket, "TCP_CONGESTION", -1)):
            return
        if self._error is not None:
            raise self._error
        assert isinstance(value, bytes)
        self.control = value


def tuned(sock: Sock, peer: str = "127.0.0.1") -> bytes:
    extra: dict[str, Any] = {"peername": (peer, 5000), "sockname": ("127.0.0.1", 4000)}
    tune(Fake(socket=sock, **extra))  # type: ignore[arg-type]
    return sock.control


def finished(fake: Fake) -> list[str]:
    finish(fake)  # type: ignore[arg-type]
    return fake.calls


def heard(**extra: Any) -> bytes:
    return last_words(Fake(**extra))  # type: ignore[arg-type]


paces = pytest.mark.skipif(sys.platform != "linux", reason="no such option elsewhere")


@paces
def test_a_connection_within_this_machine_is_not_paced():
    assert tuned(Sock(b"bbr")) == b"reno"
    assert tuned(Sock(b"cubic")) == b"cubic"
    assert tuned(Sock(b"bbr"), peer="10.0.0.6") == b"bbr"


@paces
def test_where_the_system_does_not_let_us_it_is_paced():
    assert tuned(Sock(b"bbr", PermissionError())) == b"bbr"


@paces
def test_a_connection_that_is_gone_already_is_left_alone():
    sock = Sock(b"bbr")
    tune(Fake(socket=sock))  # type: ignore[arg-type]
    assert sock.control == b"bbr"


def congestion_control(sock: Any) -> bytes:
    found: bytes = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, 16)
    return found.rstrip(b"\0")


@paces
async def test_real_connections_change_their_control(monkeypatch):
    """Any machine's default is taken for one that paces, and another one that it has for none."""
    with socket.socket() as fresh:
        default = congestion_control(fresh)
    have = Path("/proc/sys/net/ipv4/tcp_allowed_congestion_control").read_bytes().split()
    other = next((name for name in have if name != default), None)
    if other is None:
        pytest.skip(f"this machine has {default.decode()} alone")
    monkeypatch.setattr("wsproxy.core.pacing.PACING", (default,))
    monkeypatch.setattr("wsproxy.net.sockets.UNPACED", other)
    loop = asyncio.get_running_loop()
    made = Server()
    server = await loop.create_server(lambda: made, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    client, _ = await loop.create_connection(asyncio.Protocol, "127.0.0.1", port)
    accepted = await made.made
    try:
        for transport in (client, accepted):
            sock = transport.get_extra_info("socket")
            assert congestion_control(sock) == default
            tune(transport)
            assert congestion_control(sock) == other
    finally:
        client.abort()
        server.close()
        await made.lost.wait()


def test_finish_ends_our_direction_where_it_can():
    assert finished(Fake()) == ["write_eof"]
    assert finished(Fake(can=False)) == []


def test_a_connection_that_was_reset_meanwhile_is_aborted():
    assert finished(Fake(OSError("not connected"))) == ["write_eof", "abort"]


class Server(asyncio.Protocol):
    """Keeps its one connection, and says when it is gone."""

    def __init__(self) -> None:
        self.made: asyncio.Future[asyncio.Transport] = asyncio.get_running_loop().create_future()
        self.lost = asyncio.Event()

    def connection_made(self, transport):
        self.made.set_result(transport)

    def connection_lost(self, error):
        self.lost.set()


def silent_client(port: int, closed: threading.Event) -> int:
    """Reads only when the server has closed, and then says no farewell; how much arrived."""
    context = ssl.create_default_context(cafile=str(AUTHORITY))
    context.check_hostname = False
    with socket.create_connection(("127.0.0.1", port), timeout=20) as raw:
        with context.wrap_socket(raw) as sock:
            closed.wait(20)
            got = 0
            while data := sock.recv(65536):
                got += len(data)
            below = sock.detach()  # so that nothing is sent when it is left
    with socket.socket(fileno=below) as rest, contextlib.suppress(ConnectionError):
        rest.settimeout(20)
        rest.recv(1)  # the end of the connection itself
    return got


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the kernel does not tell")
@pytest.mark.parametrize("loop_factory", [asyncio.new_event_loop, uvloop.new_event_loop])
@pytest.mark.parametrize("times", [1, 2])
def test_a_close_over_tls_waits_for_the_bytes_and_for_no_farewell(times, loop_factory):
    async def case() -> None:
        loop, server, closed = asyncio.get_running_loop(), Server(), threading.Event()
        listening = await loop.create_server(
            lambda: server, "127.0.0.1", 0, ssl=tls_context("good")
        )
        port = listening.sockets[0].getsockname()[1]
        client = loop.run_in_executor(None, silent_client, port, closed)
        transport = await server.made
        size = 8 << 20
        transport.write(bytes(size))
        for _ in range(times):
            close(transport)
        closed.set()
        async with asyncio.timeout(15):  # of its own the loop would wait for half a minute
            assert await client == size
            await server.lost.wait()
        listening.close()
        await listening.wait_closed()

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(case())


def test_last_words_are_all_that_was_not_read():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setblocking(False)
        theirs.sendall(b"x" * 100_000)
        sock = TransportSocket(ours)
        assert heard(sock=sock) == b""
        assert heard(socket=sock) == b"x" * 100_000
        assert heard(socket=sock) == b""
        theirs.sendall(b"bye")
        assert heard(socket=sock, sslcontext=object()) == b""
        theirs.close()
        assert heard(socket=sock) == b"bye"
    assert heard(socket=sock) == b""


def test_aborting_what_is_gone_does_nothing():
    class Gone(asyncio.Transport):
        """As TLS transports of older Pythons are when their connection is lost."""

        protocol: Any = None

        def abort(self) -> None:
            self.protocol.abort()

    abort(Gone())
