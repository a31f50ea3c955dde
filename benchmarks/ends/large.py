"""Large WebSocket messages there and back, one under way on each connection.

As a program this is the app: it takes in a message of known bytes and answers with its own, which
has the same payload. A text message asks that every byte of it is compared, and says so of the
answer; of a binary one only the beginning and the length are (``benchmarks.ends.stored``).
"""

import select
import socket
import time

from benchmarks.ends.backend import BLOCK
from benchmarks.ends.calls import WAIT, Wrong, announced, read_head, upgraded
from benchmarks.ends.echo import accepted
from benchmarks.ends.messages import frame
from benchmarks.ends.stored import Known, Stored
from benchmarks.figures import Sample
from benchmarks.process import Running

_BINARY, _TEXT = 0x82, 0x81
_BOTH = select.EPOLLIN | select.EPOLLOUT


def _kinds(data: bytes) -> tuple[bytes, bytes]:
    """The frame as a binary and as a text message."""
    return data, bytes((_TEXT,)) + data[1:]


THERE = _kinds(frame(BLOCK, masked=True))
BACK = _kinds(frame(BLOCK, masked=False))


class Side:
    """One end of a WebSocket. ``whole``: of text messages, all of whose bytes are compared."""

    def __init__(
        self, peer: socket.socket, sends: tuple[Stored, ...], takes: tuple[bytes, bytes]
    ) -> None:
        self.peer = peer
        self._sends = sends
        self._takes = tuple(map(Known, takes))
        self._at = 0
        self.whole = False
        self.sending = False
        peer.setblocking(False)

    def begin(self) -> None:
        """Send the next message, as far as the socket takes it now."""
        self._at, self.sending = 0, True
        self.go_on()

    def go_on(self) -> None:
        stored = self._sends[self.whole]
        self._at = stored.send(self.peer, self._at)
        self.sending = self._at < stored.size

    def take(self) -> bool:
        """Read once; True when a message has come. Raises ``Wrong``, and ``OSError``."""
        try:
            if not any(known.got for known in self._takes):
                self.whole = self.peer.recv(1, socket.MSG_PEEK) == bytes((_TEXT,))
            return self._takes[self.whole].take(self.peer, whole=self.whole)
        except BlockingIOError:
            return False


def _watch(poll: select.epoll, side: Side) -> None:
    poll.modify(side.peer.fileno(), _BOTH if side.sending else select.EPOLLIN)


class Large:
    """The load."""

    def __init__(self, target: Running, connections: int) -> None:
        self._name = target.name
        self._stored = tuple(map(Stored, THERE))
        self._sides: dict[int, Side] = {}
        self._poll = select.epoll()
        for _ in range(connections):
            side = Side(upgraded(target), self._stored, BACK)
            self._sides[side.peer.fileno()] = side
            self._poll.register(side.peer.fileno(), select.EPOLLIN)

    def run(self, target: Running, seconds: float) -> Sample:
        """Units are messages there and back; one on each connection is compared first."""
        self._turns(len(self._sides), WAIT, whole=True)
        began, before = time.monotonic(), target.cpu()
        count = self._turns(0, seconds, whole=False)
        after, took = target.cpu(), time.monotonic() - began
        cpu = None if before is None or after is None else after - before
        return Sample(count, took, cpu)

    def close(self) -> None:
        for side in self._sides.values():
            side.peer.close()
        self._poll.close()

    def _turns(self, most: int, seconds: float, *, whole: bool) -> int:
        """Messages that came back in time. ``most``: one for each connection, no more (0: on)."""
        for side in self._sides.values():
            side.whole = whole
            side.begin()
            _watch(self._poll, side)
        count, end = 0, time.monotonic() + seconds
        while time.monotonic() < end:
            for number, event in self._poll.poll(1.0):
                count += self._turn(self._sides[number], event, whole=whole)
            if most and count >= most:
                return count
        if most:
            raise Wrong(f"{self._name}: {most - count} messages did not come back")
        return count

    def _turn(self, side: Side, event: int, *, whole: bool) -> int:
        """Read or write once; 1 when a message has come back. A whole one is the last."""
        back = False
        if event & select.EPOLLOUT and side.sending:
            side.go_on()
        if event & ~select.EPOLLOUT:
            back = side.take()
        if back and side.whole != whole:
            raise Wrong(f"{self._name}: a message of another kind came back")
        if back and not whole:
            side.begin()
        _watch(self._poll, side)
        return back


def serve(listener: socket.socket) -> None:
    """The app, until the process is ended."""
    stored = tuple(map(Stored, BACK))
    poll = select.epoll()
    poll.register(listener.fileno(), select.EPOLLIN)
    sides: dict[int, Side] = {}
    while True:
        for number, event in poll.poll():
            if number == listener.fileno():
                peer = listener.accept()[0]
                if _opened(peer):
                    sides[peer.fileno()] = Side(peer, stored, THERE)
                    poll.register(peer.fileno(), select.EPOLLIN)
            elif not _answered(poll, sides[number], event):
                poll.unregister(number)
                sides.pop(number).peer.close()


def _opened(peer: socket.socket) -> bool:
    """Answer the upgrade. A connection that says nothing (somebody looked) is closed."""
    peer.settimeout(WAIT)
    try:
        head, _ = read_head(peer)
        peer.sendall(accepted(head + b"\r\n\r\n"))
    except (OSError, Wrong):
        peer.close()
        return False
    return True


def _answered(poll: select.epoll, side: Side, event: int) -> bool:
    """Read or write once; False when the connection has ended, or brought other bytes."""
    try:
        if event & select.EPOLLOUT and side.sending:
            side.go_on()
        if event & ~select.EPOLLOUT and side.take():
            side.begin()
    except (OSError, Wrong):
        return False
    _watch(poll, side)
    return True


if __name__ == "__main__":
    serve(announced())
