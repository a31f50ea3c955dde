"""A WebSocket app that sends every message back. Written on bare sockets: it must not be the slow
part.

Its clients mask with a key of four zeros, which is a valid mask that changes nothing, so the
payload goes back as it came.
"""

import base64
import hashlib
import select
import socket

from benchmarks.ends.calls import announced

CHUNK = 16 * 1024
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def accepted(head: bytes) -> bytes:
    """The answer to the head of an upgrade."""
    lines = (line.partition(b":") for line in head.split(b"\r\n"))
    key = next(value.strip() for name, _, value in lines if name.lower() == b"sec-websocket-key")
    digest = base64.b64encode(hashlib.sha1(key + _GUID).digest())
    return (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + digest + b"\r\n\r\n"
    )


class Connection:
    """One client: bytes in, the same bytes as frames of a server out."""

    def __init__(self, peer: socket.socket) -> None:
        self.peer = peer
        self.unsent = bytearray()
        self._open = False
        self._rest = b""
        self._left = 0
        self._same = (b"", b"")

    def answer(self, data: bytes) -> bytes:
        """What goes back for what came. Raises ``ValueError`` for a frame that is none of ours."""
        if data == self._same[0] and not self._left and not self._rest:
            return self._same[1]
        data = self._rest + data
        if not self._open:
            end = data.find(b"\r\n\r\n") + 4
            if end < 4:
                self._rest = data
                return b""
            self._open, self._rest = True, b""
            return accepted(data[:end]) + self._frames(data[end:])
        if self._left:
            return self._frames(data)
        answer = self._frames(data)
        if not self._left and not self._rest:  # whole messages: the next one may be the same
            self._same = (data, answer)
        return answer

    def _frames(self, data: bytes) -> bytes:
        parts, at = [data[: self._left]], min(self._left, len(data))
        self._left -= at
        self._rest = b""
        while at < len(data):
            size = {254: 14, 255: 14}.get(data[at + 1], 6) if len(data) > at + 1 else 14
            size = 8 if len(data) > at + 1 and data[at + 1] == 254 else size
            if len(data) < at + size:
                self._rest = data[at:]
                break
            if not data[at + 1] & 0x80 or data[at + size - 4 : at + size] != b"\0\0\0\0":
                raise ValueError("a mask that is not four zeros")
            long = int.from_bytes(data[at + 2 : at + size - 4])
            length = long if size > 6 else data[at + 1] & 0x7F
            header = bytes((data[at], data[at + 1] & 0x7F)) + data[at + 2 : at + size - 4]
            payload = data[at + size : at + size + length]
            parts += (header, payload)
            at += size + len(payload)
            self._left = length - len(payload)
        return b"".join(parts)


def serve(listener: socket.socket) -> None:
    """Until the process is ended."""
    poll = select.epoll()
    poll.register(listener.fileno(), select.EPOLLIN)
    connections: dict[int, Connection] = {}
    while True:
        for number, event in poll.poll():
            found = connections.get(number)
            if found is None:
                peer = listener.accept()[0]
                peer.setblocking(False)
                connections[peer.fileno()] = Connection(peer)
                poll.register(peer.fileno(), select.EPOLLIN)
            elif not _turn(poll, found, number, event):
                poll.unregister(number)
                connections.pop(number).peer.close()


def _turn(poll: select.epoll, one: Connection, number: int, event: int) -> bool:
    """Read or write once; False when the connection has ended."""
    try:
        if event & select.EPOLLOUT:
            del one.unsent[: one.peer.send(memoryview(one.unsent)[:CHUNK])]
        else:
            data = one.peer.recv(CHUNK)
            if not data:
                return False
            answer = one.answer(data)
            sent = one.peer.send(answer) if answer and not one.unsent else 0
            if sent == len(answer):
                return True
            one.unsent += memoryview(answer)[sent:]
    except BlockingIOError:
        pass
    except (OSError, ValueError):
        return False
    poll.modify(number, select.EPOLLOUT if one.unsent else select.EPOLLIN)
    return True


if __name__ == "__main__":
    serve(announced())
