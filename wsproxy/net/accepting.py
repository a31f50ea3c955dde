"""Accepts connections and gives their sockets away as they are: no byte is read, no TLS begun."""

import asyncio
import socket
from collections.abc import Callable, Iterable

from wsproxy.net.sockets import accepts

AT_ONCE = 64
"""Connections accepted before others have their turn."""

REST = 1.0
"""Seconds until the next try when the process has no descriptor left."""


class Acceptor:
    """Accepts on bound sockets from now on. ``may`` is asked before each connection; when it says
    no, the rest waits in the kernel until ``go_on``.
    """

    def __init__(
        self,
        sockets: Iterable[socket.socket],
        take: Callable[[socket.socket], None],
        may: Callable[[], bool] = lambda: True,
    ) -> None:
        self.sockets = tuple(sockets)
        self._take = take
        self._may = may
        self._loop = asyncio.get_running_loop()
        self._rest: asyncio.TimerHandle | None = None
        self._reading = False
        self.go_on()

    @property
    def alive(self) -> bool:
        """Whether the kernel still accepts connections on every socket."""
        return all(accepts(sock) for sock in self.sockets)

    @property
    def paused(self) -> bool:
        return not self._reading

    def go_on(self) -> None:
        """Accept again, after ``may`` had said no."""
        if self._reading or not self.alive:
            return
        self._reading = True
        for sock in self.sockets:
            self._loop.add_reader(sock, self._ready, sock)

    def close(self) -> None:
        """Accept no more, and let go of the port. Idempotent."""
        self._pause()
        if self._rest is not None:
            self._rest.cancel()
        for sock in self.sockets:
            sock.close()

    def _pause(self) -> None:
        if self._reading:
            self._reading = False
            for sock in self.sockets:
                self._loop.remove_reader(sock)

    def _ready(self, listening: socket.socket) -> None:
        for _ in range(AT_ONCE):
            if not self._may():
                self._pause()
                return
            try:
                sock, _ = listening.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError:  # no descriptor is left, most likely
                self._pause()
                self._rest = self._loop.call_later(REST, self.go_on)
                return
            sock.setblocking(False)
            self._take(sock)
            if not self._reading:  # closed meanwhile
                return
