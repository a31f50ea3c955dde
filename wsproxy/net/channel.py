"""Messages and connected sockets between two processes of one gateway, in order (UNIX only).

Both ends are ours, made with ``socketpair``. A message may bring one socket along: the sender's
copy is closed when it has left, the receiver owns the other.
"""

import asyncio
import contextlib
import errno
import os
import socket
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from wsproxy.core.frames import Frames, frame

CHUNK = 64 * 1024
"""Bytes read at once."""

RETRY = 0.02
"""Seconds until the next try when the system takes no more sockets on their way."""

_FULL = (errno.ETOOMANYREFS, errno.ENOBUFS, errno.ENOMEM)

Received = Callable[[bytes, socket.socket | None], None]
"""A message; the socket that it announced, or None also where the system had no descriptor left."""


@dataclass(slots=True)
class _Leaving:
    data: memoryview
    message: bytes
    sock: socket.socket | None = None
    begun: bool = False


class Channel:
    """One end. ``received`` and ``closed`` must not raise.

    ``closed`` is called once, when the other end is gone; ``unsent`` still gives back then.
    """

    def __init__(self, sock: socket.socket, received: Received, closed: Callable[[], None]) -> None:
        sock.setblocking(False)
        self._sock = sock
        self._received = received
        self._closed = closed
        self._loop = asyncio.get_running_loop()
        self._frames = Frames()
        self._sockets: deque[socket.socket | None] = deque()
        self._leaving: deque[_Leaving] = deque()
        self._empty = asyncio.Event()
        self._empty.set()
        self._retry: asyncio.TimerHandle | None = None
        self._loop.add_reader(sock, self._readable)

    def __repr__(self) -> str:
        return f"Channel({len(self._leaving)} leaving, over={self.over})"

    @property
    def over(self) -> bool:
        return self._sock.fileno() < 0

    @property
    def waiting(self) -> int:
        """Sockets that have not left."""
        return sum(one.sock is not None for one in self._leaving)

    # sending

    def send(self, message: bytes, sock: socket.socket | None = None) -> None:
        """Send now or as soon as the other end takes it. Nothing happens when it is gone."""
        if self.over:
            if sock is not None:
                sock.close()
            return
        leaving = _Leaving(memoryview(frame(message, sock is not None)), message, sock)
        self._leaving.append(leaving)
        if len(self._leaving) == 1:
            self._empty.clear()
            self._write()

    def unsent(self) -> list[tuple[bytes, socket.socket]]:
        """Take back the sockets that have not left, each with its message."""
        back = [(one.message, one.sock) for one in self._leaving if one.sock is not None]
        for one in self._leaving:
            one.sock = None
        return back

    async def flushed(self) -> None:
        """Wait until everything has left."""
        await self._empty.wait()

    def _write(self) -> None:
        """As much as the other end takes now."""
        try:
            while self._leaving:
                self._write_some(self._leaving[0])
        except BlockingIOError:
            self._loop.add_writer(self._sock, self._writable)
        except OSError as error:
            if error.errno in _FULL and self._retry is None:
                self._retry = self._loop.call_later(RETRY, self._again)
            # else the other end is gone, which reading tells too
        else:
            self._empty.set()

    def _write_some(self, one: _Leaving) -> None:
        if one.sock is not None and not one.begun:
            sent = socket.send_fds(self._sock, [one.data], [one.sock.fileno()])
        else:
            sent = self._sock.send(one.data)
        if one.sock is not None and sent:  # the socket goes with the first byte
            one.sock.close()
            one.sock = None
        one.begun = True
        one.data = one.data[sent:]
        if not one.data:
            self._leaving.popleft()

    def _writable(self) -> None:
        self._loop.remove_writer(self._sock)
        self._write()

    def _again(self) -> None:
        self._retry = None
        if not self.over:
            self._write()

    # receiving

    def _readable(self) -> None:
        try:
            data, descriptors, flags, _ = socket.recv_fds(
                self._sock, CHUNK, 8, getattr(socket, "MSG_CMSG_CLOEXEC", 0)
            )
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            data, descriptors, flags = b"", [], 0
        self._sockets += [_socket_of(one) for one in descriptors]
        if flags & socket.MSG_CTRUNC and not descriptors:
            self._sockets.append(None)  # no descriptor was left for it
        if not data:
            self._loop.remove_reader(self._sock)
            self._closed()
            self.close()
            return
        for one in self._frames.feed(data):
            sock = self._sockets.popleft() if one.with_socket and self._sockets else None
            self._received(one.message, sock)

    # the end

    def close(self) -> None:
        """Close this end; what has not left never does. Idempotent; ``closed`` is not called."""
        if self.over:
            return
        self._loop.remove_reader(self._sock)
        self._loop.remove_writer(self._sock)
        if self._retry is not None:
            self._retry.cancel()
        self._sock.close()
        for sock in [*self._sockets, *(one.sock for one in self._leaving)]:
            if sock is not None:
                sock.close()
        self._sockets.clear()
        self._leaving.clear()
        self._empty.set()


def _socket_of(descriptor: int) -> socket.socket | None:
    """The socket; nothing for a descriptor that is none."""
    try:
        return socket.socket(fileno=descriptor)
    except OSError:
        with contextlib.suppress(OSError):
            os.close(descriptor)
        return None
