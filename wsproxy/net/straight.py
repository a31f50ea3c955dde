"""Bytes that go on before the next ones are read: one buffer for all of them, and no copies.

An event loop makes an object of everything it reads, and keeps what is written until it has left.
Where bytes are only passed on, both are in vain: here they are read into a buffer that all
connections of a thread share, and written from there at once. The little that a socket does not
take at that moment is copied and given to its transport, which has the last word on order, limits
and errors in any case.
"""

import asyncio
import os
import socket
import sys
import threading
from collections.abc import Callable, Sequence
from typing import Protocol, runtime_checkable

from wsproxy.core.wire import Buffer

SIZE = 383 * 1024
"""Bytes that are read at once. More would leave the cache of a core before they are written. A
power of two would leave the end of a message, which often is one and a head, to a read of its own;
and this fits six of the largest segments that TCP makes.
"""

PIECES = 256
"""Pieces that one system call takes; Linux allows 1024."""

Take = Callable[[memoryview], None]


class _Own(threading.local):
    """Buffers of a thread, by their size."""

    def __init__(self) -> None:
        self.buffers: dict[int, memoryview] = {}


_own = _Own()


def scratch(size: int) -> memoryview:
    """This thread's buffer of a size. Who reads into it is done with it before the loop goes on."""
    view = _own.buffers.get(size)
    if view is None:
        view = _own.buffers[size] = memoryview(bytearray(size))
    return view


def descriptor_of(transport: asyncio.BaseTransport) -> int:
    """Of the socket whose bytes are the transport's bytes; -1: there is none (TLS, a tunnel)."""
    if sys.platform == "win32" or transport.get_extra_info("sslcontext") is not None:
        return -1
    sock = transport.get_extra_info("socket")
    if sock is None or sock.type != socket.SOCK_STREAM:
        return -1
    return int(sock.fileno())


@runtime_checkable
class Sink(Protocol):
    """Where bytes go. During a call they are the sink's, to change as well; after it no more.

    ``unit``: bytes that it likes to get at once.
    """

    @property
    def unit(self) -> int: ...

    def put(self, data: Buffer) -> None: ...

    def put_all(self, pieces: Sequence[Buffer]) -> None: ...


class Straight:
    """To a socket, past its transport while that has nothing waiting."""

    unit = SIZE
    __slots__ = ("_descriptor", "_pending", "_write")

    def __init__(self, transport: asyncio.Transport, descriptor: int) -> None:
        self._descriptor = descriptor
        self._pending = transport.get_write_buffer_size
        self._write = transport.write

    def put(self, data: Buffer) -> None:
        """The caller has seen that the transport is not closing: the descriptor is still its own.

        An error of the socket is met again, and told, by the transport.
        """
        if not self._pending():
            try:
                sent = os.write(self._descriptor, data)
            except OSError:
                sent = 0
            if sent == len(data):
                return
            if sent:
                data = memoryview(data)[sent:]
        self._write(bytes(data))

    def put_all(self, pieces: Sequence[Buffer]) -> None:
        """The same for several pieces in a row."""
        sent = 0
        if not self._pending():
            try:
                sent = os.writev(self._descriptor, pieces[:PIECES])
            except OSError:
                sent = 0
            if sent == sum(map(len, pieces)):
                return
        rest = []
        for piece in pieces:
            size = len(piece)
            if sent < size:
                rest.append(memoryview(piece)[sent:])
                sent = 0
            else:
                sent -= size
        if rest:
            self._write(b"".join(rest))


class Copied:
    """To any transport."""

    unit = SIZE
    __slots__ = ("_write",)

    def __init__(self, transport: asyncio.Transport) -> None:
        self._write = transport.write

    def put(self, data: Buffer) -> None:
        self._write(bytes(data))

    def put_all(self, pieces: Sequence[Buffer]) -> None:
        self._write(b"".join(pieces))


def sink_of(transport: asyncio.Transport) -> Sink:
    """The shortest way to what is behind a transport; some know one themselves."""
    if isinstance(transport, Sink):
        return transport
    descriptor = descriptor_of(transport)
    return Copied(transport) if descriptor < 0 else Straight(transport, descriptor)


class _Reading(asyncio.BufferedProtocol):
    """Reads for another protocol, into a buffer of this thread."""

    def __init__(self, protocol: asyncio.Protocol, take: Take, size: int) -> None:
        self._view = scratch(size)
        self._take = take
        self._protocol = protocol

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._view

    def buffer_updated(self, nbytes: int) -> None:
        self._take(self._view[:nbytes])

    def eof_received(self) -> bool | None:
        return self._protocol.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        self._protocol.connection_lost(exc)

    def pause_writing(self) -> None:
        self._protocol.pause_writing()

    def resume_writing(self) -> None:
        self._protocol.resume_writing()


def hear(
    transport: asyncio.Transport, protocol: asyncio.Protocol, take: Take, size: int = SIZE
) -> None:
    """Let ``take``, which keeps nothing, have what arrives, where the transport is a plain socket;
    elsewhere ``protocol`` hears it as before. All other events are the protocol's.

    Nothing is read until the transport is told to resume: a loop asks how to read when reading
    begins. ``size``: bytes that are read at once, where the kernel has them.
    """
    if not transport.is_closing():
        transport.pause_reading()
    plain = descriptor_of(transport) >= 0
    transport.set_protocol(_Reading(protocol, take, size) if plain else protocol)
