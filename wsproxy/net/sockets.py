"""Options of connected sockets, set through their transports."""

import asyncio
import contextlib
import socket
import struct

KEEPALIVE_IDLE = 60
"""Seconds of silence after which the kernel asks whether the other side still exists."""

_RESET = struct.pack("ii", 1, 0)


def tune(transport: asyncio.BaseTransport) -> None:
    """No delay for small writes, and a peer that vanished is noticed."""
    sock = transport.get_extra_info("socket")
    if sock is None or sock.family not in (socket.AF_INET, socket.AF_INET6):
        return
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    if hasattr(socket, "TCP_KEEPIDLE"):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, KEEPALIVE_IDLE)


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
