"""WebSocket messages there and back, one under way on each connection; every byte is compared."""

import select
import socket
import time
from dataclasses import dataclass

from benchmarks.ends.calls import Wrong, upgraded
from benchmarks.figures import Sample
from benchmarks.process import Running

CHUNK = 16 * 1024
_BINARY = 0x82


def frame(payload: bytes, masked: bool) -> bytes:
    """A whole binary message; the mask is four zeros, so the payload is readable in both."""
    size, bit = len(payload), 0x80 if masked else 0
    if size < 126:
        head = bytes((_BINARY, bit | size))
    elif size < 1 << 16:
        head = bytes((_BINARY, bit | 126)) + size.to_bytes(2)
    else:
        head = bytes((_BINARY, bit | 127)) + size.to_bytes(8)
    return head + (b"\0\0\0\0" if masked else b"") + payload


@dataclass
class _Call:
    peer: socket.socket
    sent: int = 0
    got: int = 0


class Messages:
    """The load: ``there`` is sent, ``back`` must come."""

    def __init__(self, target: Running, payload: bytes, connections: int) -> None:
        self._there = frame(payload, masked=True)
        self._back = frame(payload, masked=False)
        self._buffer = bytearray(len(self._back))
        self._name = target.name
        self._calls: dict[int, _Call] = {}
        self._poll = select.epoll()
        for _ in range(connections):
            peer = upgraded(target)
            peer.setblocking(False)
            self._calls[peer.fileno()] = _Call(peer)
            self._poll.register(peer.fileno(), select.EPOLLIN)

    def run(self, target: Running, seconds: float) -> Sample:
        """Units are messages there and back."""
        began, before = time.monotonic(), target.cpu()
        for call in self._calls.values():
            self._send(call)
        count, end = 0, began + seconds
        while time.monotonic() < end:
            for number, event in self._poll.poll(1.0):
                count += self._quick(self._calls[number], event)
        after, took = target.cpu(), time.monotonic() - began
        cpu = None if before is None or after is None else after - before
        return Sample(count, took, cpu)

    def once(self, seconds: float = 10.0) -> bool:
        """One message on each connection; whether all came back."""
        for call in self._calls.values():
            self._send(call)
        count, end = 0, time.monotonic() + seconds
        while count < len(self._calls) and time.monotonic() < end:
            for number, event in self._poll.poll(1.0):
                call = self._calls[number]
                if event & select.EPOLLOUT:
                    self._send(call)
                count += self._receive(call, event)
        return count == len(self._calls)

    def close(self) -> None:
        for call in self._calls.values():
            call.peer.close()
        self._poll.close()

    def _quick(self, call: _Call, event: int) -> int:
        """A whole message that has come at once, and the next one; else as it comes."""
        if event != select.EPOLLIN or call.got:
            return self._turn(call, event)
        buffer = self._buffer
        count = call.peer.recv_into(buffer)
        if count != len(buffer) or buffer != self._back:
            self._received(call, bytes(buffer[:count]))
            return 0
        call.sent = 0
        self._send(call)
        return 1

    def _turn(self, call: _Call, event: int) -> int:
        """Read and write once; 1 when a message has come back."""
        if event & select.EPOLLOUT:
            self._send(call)
        if not self._receive(call, event):
            return 0
        self._send(call)
        return 1

    def _receive(self, call: _Call, event: int) -> int:
        if not event & (select.EPOLLIN | select.EPOLLHUP | select.EPOLLERR):
            return 0
        return self._received(call, call.peer.recv(CHUNK))

    def _received(self, call: _Call, data: bytes) -> int:
        if not data or data != self._back[call.got : call.got + len(data)]:
            raise Wrong(f"{self._name}: another message came back")
        call.got += len(data)
        if call.got < len(self._back):
            return 0
        call.got = call.sent = 0
        return 1

    def _send(self, call: _Call) -> None:
        """What the socket takes; the rest when it takes more."""
        waited = call.sent > 0
        there = self._there[call.sent :] if waited else self._there
        try:
            call.sent += call.peer.send(there)
        except BlockingIOError:
            pass
        more = call.sent < len(self._there)
        if more or waited:
            both = select.EPOLLIN | select.EPOLLOUT
            self._poll.modify(call.peer.fileno(), both if more else select.EPOLLIN)
