"""Single requests over bare sockets, checked: for what is counted one by one."""

import os
import socket
import sys
from base64 import b64encode

from benchmarks.machine import raise_file_limit
from benchmarks.process import Running

WAIT = 30.0
"""Seconds for anything to happen."""

END = b"\r\n\r\n"


class Wrong(Exception):
    """An answer that is not the expected one: no number that follows means anything."""


def connected(target: Running) -> socket.socket:
    call = socket.socket()
    try:
        call.settimeout(WAIT)
        ready(call)
        call.connect(("127.0.0.1", target.port))
    except OSError:
        call.close()
        raise
    return call


def ready(end: socket.socket) -> None:
    """Options of an end, before it connects or listens: no delay, and no pacing.

    Where BBR is the machine's default, a load that is paced makes every proxy look different from
    one round to the next.
    """
    end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if hasattr(socket, "TCP_CONGESTION"):
        end.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, b"reno")


def listening() -> socket.socket:
    """On a port that the system has chosen."""
    listener = socket.socket()
    ready(listener)
    listener.bind(("127.0.0.1", 0))
    listener.listen(4096)
    return listener


def announced() -> socket.socket:
    """Where an end is called. The system's choice of a port is printed, as
    ``benchmarks.process.module`` expects; so many may call as files may be open.
    """
    raise_file_limit()
    listener = listening()
    sys.stdout.write(f"{listener.getsockname()[1]}\n")
    sys.stdout.flush()
    return listener


def read_head(call: socket.socket) -> tuple[bytes, bytes]:
    """The head of an answer, and what came with it."""
    received = b""
    while END not in received:
        data = call.recv(65536)
        if not data:
            raise Wrong(f"closed after {received[:200]!r}")
        received += data
    head, _, rest = received.partition(END)
    return head, rest


def length_of(head: bytes) -> int:
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    raise Wrong(f"no length in {head[:400]!r}")


def ask(call: socket.socket, target: Running, path: str, expected: bytes) -> None:
    """One request on an open connection. Raises ``Wrong`` for any other answer."""
    call.sendall(target.request(path))
    head, body = read_head(call)
    if not head.startswith(b"HTTP/1.1 200 "):
        raise Wrong(f"{target.name}: {head[:400]!r}")
    want = length_of(head)
    parts = [body]
    left = want - len(body)
    while left:
        data = call.recv(1 << 20)
        if not data:
            raise Wrong(f"{target.name}: cut {left} bytes before the end")
        parts.append(data)
        left -= len(data)
    if b"".join(parts) != expected:
        raise Wrong(f"{target.name}: another body of {want} bytes")


def check(target: Running, path: str, expected: bytes) -> None:
    """Ask on a new connection."""
    with connected(target) as call:
        ask(call, target, path, expected)


def upgraded(target: Running, path: str = "/echo") -> socket.socket:
    """An open WebSocket."""
    call = connected(target)
    extra = [
        ("Connection", "Upgrade"),
        ("Upgrade", "websocket"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", b64encode(os.urandom(16)).decode()),
    ]
    call.sendall(target.request(path, extra))
    head, rest = read_head(call)
    if not head.startswith(b"HTTP/1.1 101 ") or rest:
        call.close()
        raise Wrong(f"{target.name}: {head[:400]!r}")
    return call
