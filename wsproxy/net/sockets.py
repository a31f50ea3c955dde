"""Options of connected sockets, set through their transports."""

import asyncio
import contextlib
import socket
import struct
import sys
from typing import Protocol, runtime_checkable

from wsproxy.core.pacing import UNPACED, paces, stays_here

if sys.platform == "linux":
    import fcntl
    import termios

KEEPALIVE_IDLE = 60
"""Seconds of silence after which the kernel asks whether the other side still exists."""

_LOOK = 0.05
"""Seconds between two looks at whether the other side has got everything."""

_RESET = struct.pack("ii", 1, 0)

_LONGEST_NAME = 16
"""Bytes of the name of a congestion control (``TCP_CA_NAME_MAX``)."""


def tune(transport: asyncio.BaseTransport) -> None:
    """No delay for small writes, and a peer that vanished is noticed. What stays on this machine is
    not paced.
    """
    sock = transport.get_extra_info("socket")
    if sock is None or sock.family not in (socket.AF_INET, socket.AF_INET6):
        return
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    if hasattr(socket, "TCP_KEEPIDLE"):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, KEEPALIVE_IDLE)
    if hasattr(socket, "TCP_CONGESTION"):
        with contextlib.suppress(OSError):  # a system that does not let us choose
            control = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, _LONGEST_NAME)
            if paces(control) and _stays_here(transport):
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, UNPACED)


def _stays_here(transport: asyncio.BaseTransport) -> bool:
    own, peer = transport.get_extra_info("sockname"), transport.get_extra_info("peername")
    return bool(own and peer) and stays_here(own[0], peer[0])


def accepts(sock: socket.socket) -> bool:
    """Whether the kernel accepts connections on a bound socket."""
    if sock.fileno() < 0:
        return False
    try:
        return bool(sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))
    except OSError:
        return False


def finish(transport: asyncio.Transport) -> None:
    """End our direction, where the transport can; what was written still leaves.

    A connection that the other side has reset, and nobody told us yet, is aborted.
    """
    if not transport.can_write_eof():
        return
    try:
        transport.write_eof()
    except OSError:
        transport.abort()


def abort(transport: asyncio.Transport) -> None:
    """Abort a connection that may be gone already.

    asyncio's TLS of older Pythons (3.11.2 is Debian 12's) says so in this way.
    """
    with contextlib.suppress(AttributeError):
        transport.abort()


def close(transport: asyncio.Transport) -> None:
    """Close, once: a second ``close()`` takes from asyncio's TLS transports the means to abort.

    Over TLS the other side's farewell is waited for, and some clients (gRPC) give none until the
    connection ends. So it ends when everything has arrived there.
    """
    if transport.is_closing():
        return
    transport.close()
    if transport.get_extra_info("sslcontext") is not None:
        _let_go(transport, calm=False)


def _let_go(transport: asyncio.Transport, *, calm: bool) -> None:
    left = _unconfirmed(transport)
    if left is None:
        return
    if calm and not left:
        abort(transport)
        return
    loop = asyncio.get_running_loop()
    loop.call_later(_LOOK, lambda: _let_go(transport, calm=not left))


@runtime_checkable
class Layered(Protocol):
    """A transport upon another one's socket, which it shows to nobody."""

    def undelivered(self) -> int: ...


def undelivered(transport: asyncio.WriteTransport) -> int:
    """Bytes that were written and have not arrived at the other side's system, as far as this one
    tells. It gets smaller as long as the other side takes anything at all; the transport's own
    buffer does not, for the system asks for more only when much of what it keeps has left.
    """
    if isinstance(transport, Layered):
        return transport.undelivered()
    return transport.get_write_buffer_size() + (_unconfirmed(transport) or 0)


def _unconfirmed(transport: asyncio.BaseTransport) -> int | None:
    """Bytes that the other side's kernel has not confirmed; None: unknown, or it is gone."""
    sock = transport.get_extra_info("socket")
    if sock is None or sock.fileno() < 0 or sys.platform != "linux":
        return None
    try:
        told = fcntl.ioctl(sock.fileno(), termios.TIOCOUTQ, bytes(4))
    except OSError:
        return None
    return int.from_bytes(told, sys.byteorder)


def last_words(transport: asyncio.BaseTransport) -> bytes:
    """What the other side had said before a write to it failed, and nobody has read.

    On the standard event loop a failed write ends a transport at once. Nothing for TLS, where the
    bytes of the socket are no words, and where the loop has closed the socket already.
    """
    sock = transport.get_extra_info("socket")
    if sock is None or sock.fileno() < 0 or transport.get_extra_info("sslcontext") is not None:
        return b""
    words = bytearray()
    with contextlib.suppress(OSError), sock.dup() as own:
        own.setblocking(False)
        while data := own.recv(65536):
            words += data
    return bytes(words)


def reset(transport: asyncio.Transport) -> None:
    """Close so that the other side cannot take it for an orderly end (a TCP reset)."""
    sock = transport.get_extra_info("socket")
    if sock is not None and not transport.is_closing():
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    transport.abort()
