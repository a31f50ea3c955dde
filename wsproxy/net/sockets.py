"""Options of connected sockets, set through their transports."""

import asyncio
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


def reset(transport: asyncio.Transport) -> None:
    """Close so that the other side cannot take it for an orderly end (a TCP reset)."""
    sock = transport.get_extra_info("socket")
    if sock is not None and not transport.is_closing():
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    transport.abort()
