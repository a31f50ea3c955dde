"""A gigabyte each way arrives whole, through the kernel and through the plain path."""

import asyncio
import hashlib
import socket
import threading
from io import IOBase

import pytest

from tests.support.gateway import gateway
from wsproxy.core.circuit import Direct
from wsproxy.data.rules import EngineRules

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

GIB = 1 << 30
PIECE = bytes(range(256)) * 4096  # 1 MiB
PIECES = GIB // len(PIECE)
PATIENCE = 120.0
WAYS = [("counted", 4 << 20), ("counted", 1 << 60), ("chunked", 4 << 20)]
"""Moved by the kernel, not moved, and what cannot be."""


def expected() -> str:
    digest = hashlib.sha256()
    for _ in range(PIECES):
        digest.update(PIECE)
    return digest.hexdigest()


def say(sock: socket.socket, first: str, framing: str) -> None:
    """A head with these first lines, and a gigabyte."""
    if framing == "counted":
        sock.sendall(f"{first}Content-Length: {GIB}\r\n\r\n".encode())
        for _ in range(PIECES):
            sock.sendall(PIECE)
        return
    sock.sendall(f"{first}Transfer-Encoding: chunked\r\n\r\n".encode())
    for _ in range(PIECES):
        sock.sendall(b"%x\r\n%s\r\n" % (len(PIECE), PIECE))
    sock.sendall(b"0\r\n\r\n")


def head_of(file: IOBase) -> bytes:
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        line = file.readline()
        assert line, head
        head += line
    return head


def heard(sock: socket.socket) -> str:
    """The hash of the body of the message that arrives, whatever its framing."""
    digest = hashlib.sha256()
    with sock.makefile("rb", buffering=1 << 20) as file:
        chunked = b"chunked" in head_of(file)
        while chunked:
            size = int(file.readline(), 16)
            digest.update(file.read(size))
            assert file.readline() == b"\r\n"
            if not size:
                break
        left = 0 if chunked else GIB
        while left:
            piece = file.read(min(left, 1 << 20))
            assert piece
            digest.update(piece)
            left -= len(piece)
    return digest.hexdigest()


class App:
    """Sends a gigabyte, or hears one and says its hash; in a thread, on blocking sockets."""

    def __init__(self, framing: str) -> None:
        self._framing = framing
        self._door = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._door.getsockname()[1]
        self.hash = ""
        self._thread = threading.Thread(target=self._serve)

    def _serve(self) -> None:
        link, _ = self._door.accept()
        link.settimeout(PATIENCE)
        with link:
            if link.recv(3, socket.MSG_PEEK) == b"PUT":
                self.hash = heard(link)
                link.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")
            else:
                with link.makefile("rb") as file:
                    head_of(file)
                say(link, "HTTP/1.1 200 OK\r\n", self._framing)
            link.recv(1)  # until the gateway lets go

    def __enter__(self) -> "App":
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._thread.join(PATIENCE)
        self._door.close()


def download(port: int) -> str:
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as sock:
        sock.sendall(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        return heard(sock)


def upload(port: int, framing: str) -> str:
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as sock:
        say(sock, "PUT / HTTP/1.1\r\nHost: h\r\n", framing)
        with sock.makefile("rb") as file:
            return head_of(file).decode().partition("\r\n")[0]


@pytest.mark.parametrize(("framing", "splice"), WAYS)
async def test_a_gigabyte_down(framing, splice):
    rules = EngineRules(splice=splice)
    with App(framing) as app:
        async with gateway(Direct("127.0.0.1", app.port), rules=rules) as gw:
            assert await asyncio.to_thread(download, gw.port) == expected()


@pytest.mark.parametrize(("framing", "splice"), WAYS)
async def test_a_gigabyte_up(framing, splice):
    rules = EngineRules(splice=splice)
    with App(framing) as app:
        async with gateway(Direct("127.0.0.1", app.port), rules=rules) as gw:
            said = await asyncio.to_thread(upload, gw.port, framing)
            assert said == "HTTP/1.1 204 No Content"
    assert app.hash == expected()
