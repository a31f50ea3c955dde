"""A worker process as the main one sees it: started, given connections, ended."""

import asyncio
import contextlib
import logging
import os
import socket
import sys
import time
from collections import deque
from collections.abc import Callable, Mapping
from uuid import UUID

from wsproxy.app.messages import Ask, pack, unpack_told
from wsproxy.config.sources import CLASSIC, PREFIX
from wsproxy.core import sharing
from wsproxy.core.configuration import Configuration
from wsproxy.core.sharing import Load
from wsproxy.core.told import Report, Told
from wsproxy.net.channel import Channel

log = logging.getLogger(__name__)

MODULE = "wsproxy.app.worker"

FAREWELL = 3.0
"""Seconds that a process gets to exit before it is killed."""


def environment(environ: Mapping[str, str]) -> dict[str, str]:
    """The worker's: without settings, for those may be secret and come through the channel."""
    return {
        name: value
        for name, value in environ.items()
        if not name.startswith(PREFIX) and name not in CLASSIC
    }


class WorkerProcess:
    """One process. ``heard`` gets what it says, ``lost`` is called once when it is gone.

    ``handed`` connections were sent to it, of which it had received ``taken`` when it last said how
    many were ``open``. ``connections`` and ``configurations``: what is known of and to it.
    """

    def __init__(
        self,
        number: int,
        heard: Callable[["WorkerProcess", Told], None],
        lost: Callable[["WorkerProcess"], None],
        early: int = 0,
    ) -> None:
        """``early``: how many before it in its place have ended early in a row."""
        self.number = number
        self.early = early
        self.ready = False
        self.connections: dict[UUID, int] = {}
        self.configurations: dict[str, Configuration] = {}
        self.closing: dict[UUID, asyncio.Future[None]] = {}
        self.started = 0.0
        self.over = False
        self._heard = heard
        self._lost = lost
        self._asked: deque[asyncio.Future[None]] = deque()
        self._handed = self._taken = self._open = 0
        self._heard_at = 0.0
        self._process: asyncio.subprocess.Process | None = None
        self._channel: Channel | None = None

    def __repr__(self) -> str:
        return f"WorkerProcess({self.number}, pid={self.pid}, {self.load})"

    @property
    def pid(self) -> int:
        return self._process.pid if self._process is not None else 0

    @property
    def channel(self) -> Channel:
        assert self._channel is not None, "start() comes first"
        return self._channel

    @property
    def open(self) -> int:
        """Connections that it has, and those on their way to it."""
        return 0 if self.over else self._open + self._handed - self._taken

    @property
    def load(self) -> Load:
        serves = self.ready and not self.over
        waiting = self._channel.waiting if self._channel is not None else 0
        return Load(serves, self.open, waiting, time.monotonic() - self._heard_at > sharing.LATE)

    async def start(self) -> None:
        """Raises ``OSError`` when the system lets us start nothing."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-P",
                "-m",
                MODULE,
                str(theirs.fileno()),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                pass_fds=(theirs.fileno(),),
                env=environment(os.environ),
            )
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        self.started = time.monotonic()
        self._channel = Channel(ours, self._received, self._gone)

    def tell(self, message: object) -> None:
        self.tell_packed(pack(message))

    def tell_packed(self, data: bytes) -> None:
        self.channel.send(data)

    def give(self, take: bytes, sock: socket.socket) -> None:
        """Hand a connection over."""
        self._handed += 1
        self.channel.send(take, sock)

    def ask(self) -> asyncio.Future[None]:
        """Have it report now; done when that has come, or when it is gone."""
        answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._asked.append(answer)
        self.tell(Ask())
        return answer

    def answered(self) -> None:
        _done(self._asked.popleft())

    def reported(self, report: Report) -> None:
        self._taken, self._open = report.taken, report.open

    def closed(self, circuit_id: UUID) -> None:
        """It has ended a circuit's connections."""
        waiting = self.closing.pop(circuit_id, None)
        if waiting is not None:
            _done(waiting)

    def _received(self, data: bytes, sock: socket.socket | None) -> None:
        if sock is not None:
            sock.close()
        self._heard_at = time.monotonic()
        try:
            told = unpack_told(data)
        except Exception:
            log.exception("worker process %d says what no worker says: it is ended", self.pid)
            self.kill()
        else:
            self._heard(self, told)

    def _gone(self) -> None:
        self.over = True
        self._lost(self)
        for waiting in [*self.closing.values(), *self._asked]:
            _done(waiting)
        self.closing.clear()

    # the end

    def kill(self) -> None:
        assert self._process is not None
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()

    async def ended(self, within: float) -> str:
        """Wait for its end; it is killed after ``within`` seconds. How it ended, for a log."""
        process = self._process
        assert process is not None
        try:
            async with asyncio.timeout(within):
                await process.wait()
        except TimeoutError:
            self.kill()
            await process.wait()
        self.channel.close()
        code = process.returncode or 0
        return f"signal {-code}" if code < 0 else f"exit code {code}"


def _done(future: asyncio.Future[None]) -> None:
    """Whoever waited may have given up."""
    if not future.done():
        future.set_result(None)
