"""Long bodies move inside the kernel: ``splice(2)`` from socket to pipe to socket (Linux).

A body of a gigabyte need not pass through Python to be counted. Both transports stay what they
are: the source stops reading, what is to be written to the sink leaves first, and then bytes are
moved between duplicates of their sockets until as many have passed as were asked for. Elsewhere,
and for TLS or a tunnel through the manager, the plain path carries the same bytes.
"""

import asyncio
import contextlib
import errno
import fcntl
import os
import socket
from collections.abc import Callable
from enum import Enum, auto

from wsproxy.net.stall import Stall

MOST = 1 << 20
"""Bytes of one move, and of the pipe where the system lets us."""

TURNS = 4
"""Moves before the loop gets its turn."""

DRAINED = (0.01, 0.32)
"""Seconds between two looks at a sink that has not taken everything yet: at first, and at most.

Each pause is twice the last one, so that many slow sinks cost little; what the system keeps for a
slow one lasts longer than that.
"""

_SET_PIPE_SIZE = 1031
_AGAIN = (errno.EAGAIN, errno.EINTR)

possible = hasattr(os, "splice")
"""Whether this platform can."""


class End(Enum):
    """Why moving has stopped."""

    COMPLETE = auto()  # as many bytes as were asked for
    DRY = auto()  # the source was silent for as long as ``patience``
    SOURCE_ENDED = auto()
    SOURCE_BROKE = auto()
    SINK_BROKE = auto()


def plain_socket(transport: asyncio.BaseTransport) -> socket.socket | None:
    """The socket below, if its bytes are the transport's bytes."""
    if not possible or transport.get_extra_info("sslcontext") is not None:
        return None
    sock = transport.get_extra_info("socket")
    if sock is None or sock.type != socket.SOCK_STREAM or sock.fileno() < 0:
        return None
    return sock  # type: ignore[no-any-return]


class Splice:
    """Moves ``count`` bytes from one transport to another; calls back, and never raises.

    The caller has paused the source, and writes nothing to the sink until ``on_end`` was called
    (once, unless ``cancel`` comes first). ``on_moved`` gets the size of each move that has left.
    ``patience``: seconds; a source that is silent for longer is given back. ``stall`` is told when
    the sink takes no more, and when it does again.
    """

    def __init__(
        self,
        source: asyncio.Transport,
        sink: asyncio.Transport,
        count: int,
        on_moved: Callable[[int], None],
        on_end: Callable[[End], None],
        *,
        patience: float | None = None,
        stall: Stall | None = None,
    ) -> None:
        self._stall = stall
        self._patience = patience
        self._loop = asyncio.get_running_loop()
        self._source = source
        self._sink = sink
        self._left = count  # bytes to be read from the source
        self._inside = 0  # bytes in the pipe
        self._on_moved = on_moved
        self._on_end = on_end
        self._descriptors: list[int] = []
        self._timer: asyncio.Handle | None = None
        self._reason = End.COMPLETE
        self._pause = DRAINED[0]
        self._over = False

    def __repr__(self) -> str:
        return f"Splice(left={self._left}, inside={self._inside})"

    @property
    def left(self) -> int:
        """Bytes that have not reached the sink."""
        return self._left + self._inside

    def start(self) -> bool:
        """Begin; False when it cannot be done here, and nothing has happened."""
        source, sink = plain_socket(self._source), plain_socket(self._sink)
        if source is None or sink is None:
            return False
        try:
            self._open(source, sink)
        except OSError:  # no descriptors left, say
            self._close()
            return False
        self._when_drained()
        return True

    def cancel(self) -> None:
        """Stop; nothing is called back any more. What is in the pipe is lost."""
        self._over = True
        self._close()

    def _open(self, source: socket.socket, sink: socket.socket) -> None:
        for sock in (source, sink):
            self._descriptors.append(os.dup(sock.fileno()))
        reading, writing = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._descriptors += (reading, writing)
        with contextlib.suppress(OSError):
            fcntl.fcntl(writing, _SET_PIPE_SIZE, MOST)

    def _close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        descriptors, self._descriptors = self._descriptors, []
        if len(descriptors) == 4:
            self._loop.remove_reader(descriptors[0])
            self._loop.remove_writer(descriptors[1])
        for descriptor in descriptors:
            os.close(descriptor)

    def _when_drained(self) -> None:
        """What was written to the sink before must be the first to arrive."""
        self._timer = None
        if self._sink.is_closing():
            self._end(End.SINK_BROKE)
        elif self._sink.get_write_buffer_size():
            self._sink_waits()
            self._timer = self._loop.call_later(self._pause, self._when_drained)
            self._pause = min(2 * self._pause, DRAINED[1])
        else:
            self._sink_takes()
            self._move()

    def _sink_waits(self) -> None:
        if self._stall is not None:
            self._stall.begin()

    def _sink_takes(self) -> None:
        if self._stall is not None:
            self._stall.end()

    def _move(self) -> None:
        """As much as goes now; then wait for the side that was not ready."""
        if self._over:
            return
        for _ in range(TURNS):
            if self._inside < MOST and self._left and not self._fill():
                return
            if self._inside and not self._pour():
                return
            if not self._left and not self._inside:
                self._end(self._reason)
                return
        self._timer = self._loop.call_soon(self._move)

    def _fill(self) -> bool:
        """Source to pipe; False: stop for now."""
        source, _, _, pipe = self._descriptors
        try:
            moved = os.splice(source, pipe, min(self._left, MOST - self._inside), flags=_FLAGS)
        except OSError as error:
            if error.errno not in _AGAIN:
                self._end(End.SOURCE_BROKE)
                return False
            if self._inside:
                return True  # the pipe may be what is full
            self._loop.add_reader(source, self._readable)
            if self._patience is not None:
                self._timer = self._loop.call_later(self._patience, self._end, End.DRY)
            return False
        if not moved:  # what is in the pipe still leaves
            self._left = 0
            self._reason = End.SOURCE_ENDED
            return True
        self._left -= moved
        self._inside += moved
        return True

    def _pour(self) -> bool:
        """Pipe to sink; False: stop for now."""
        _, sink, pipe, _ = self._descriptors
        try:
            moved = os.splice(pipe, sink, self._inside, flags=_FLAGS)
        except OSError as error:
            if error.errno in _AGAIN:
                self._sink_waits()
                self._loop.add_writer(sink, self._writable)
            else:
                self._end(End.SINK_BROKE)
            return False
        self._inside -= moved
        self._on_moved(moved)
        return not self._over

    def _readable(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._loop.remove_reader(self._descriptors[0])
        self._move()

    def _writable(self) -> None:
        self._loop.remove_writer(self._descriptors[1])
        self._sink_takes()
        self._move()

    def _end(self, end: End) -> None:
        if not self._over:
            self._over = True
            self._close()
            self._on_end(end)


_FLAGS = getattr(os, "SPLICE_F_MOVE", 1) | getattr(os, "SPLICE_F_NONBLOCK", 2)
