"""A stand-in for the manager's stream: a WebSocket that swallows, or gives, as many bytes as asked.

The first nine bytes that come through say what is wanted: ``U`` and a size (bytes that follow) or
``D`` and a size (so many bytes come back). Both are ``BLOCK`` again and again. An upload is
answered by ``DONE``, or the connection is closed because other bytes came. All bytes of an upload
are compared; for ``u`` only the beginning of each frame is, so that the manager is not what is
measured (``benchmarks.ends.stored``).
"""

import socket
import threading
from contextlib import suppress
from typing import NamedTuple

from benchmarks.ends.backend import BLOCK, MIB
from benchmarks.ends.calls import WAIT, Wrong, announced, read_head
from benchmarks.ends.echo import accepted
from benchmarks.ends.stored import Stored
from wsproxy.core.wsframes import Mask, mask_in_place

try:
    from aiohttp._websocket.helpers import websocket_mask
except ImportError:
    MASK: Mask = mask_in_place
else:
    MASK = websocket_mask

PIECE = 64 * 1024
"""Payload of a frame that is sent."""

COMMAND = 9
DONE = b"done"
SAMPLE = 16
"""Bytes of each frame that are always compared."""

_BINARY, _CLOSE, _PING, _PONG = 0x2, 0x8, 0x9, 0xA
_FINAL = 0x80
_TWICE = BLOCK + BLOCK


def frame(opcode: int, payload: bytes) -> bytes:
    size = len(payload)
    if size < 126:
        return bytes((_FINAL | opcode, size)) + payload
    if size < 1 << 16:
        return bytes((_FINAL | opcode, 126)) + size.to_bytes(2) + payload
    return bytes((_FINAL | opcode, 127)) + size.to_bytes(8) + payload


class Frame(NamedTuple):
    opcode: int
    key: bytes
    size: int


class Frames:
    """Frames of a client, read one after the other. Raises ``Wrong`` when one is cut."""

    def __init__(self, peer: socket.socket) -> None:
        self._peer = peer
        self._view = memoryview(bytearray(MIB))

    def head(self) -> Frame | None:
        """Of the next frame; None at the end of the stream."""
        start = self._peer.recv(1)
        if not start:
            return None
        start += self._exactly(5)
        extra = {126: 2, 127: 8}.get(start[1] & 0x7F, 0)
        whole = start + self._exactly(extra)
        size = int.from_bytes(whole[2 : 2 + extra]) if extra else start[1] & 0x7F
        return Frame(start[0] & 0xF, whole[-4:], size)

    def plain(self, frame: Frame, at: int, count: int) -> bytes:
        """So many bytes of its payload from ``at``, unmasked."""
        data = bytearray(self._exactly(count))
        turn = at % 4
        MASK(frame.key[turn:] + frame.key[:turn], data)
        return bytes(data)

    def skip(self, count: int) -> None:
        while count:
            count -= self._some(min(count, MIB), socket.MSG_TRUNC)

    def _exactly(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            data += self._view[: self._some(min(count - len(data), MIB))]
        return data

    def _some(self, most: int, flags: int = 0) -> int:
        count = self._peer.recv_into(self._view, most, flags)
        if not count:
            raise Wrong("closed within a frame")
        return count


class Tunnel:
    """One connection."""

    def __init__(self, peer: socket.socket, blocks: Stored) -> None:
        self._peer = peer
        self._blocks = blocks
        self._frames = Frames(peer)
        self._command = b""
        self._left = 0
        self._at = 0

    def serve(self) -> None:
        """Until it is closed. Raises ``Wrong`` and ``OSError``."""
        while (head := self._frames.head()) is not None:
            if head.opcode < _CLOSE:
                self._data(head)
                continue
            said = self._frames.plain(head, 0, head.size)
            if head.opcode != _PONG:
                answer = _PONG if head.opcode == _PING else _CLOSE
                self._peer.sendall(frame(answer, said))
            if head.opcode == _CLOSE:
                return

    def _data(self, head: Frame) -> None:
        at = min(COMMAND - len(self._command), head.size)
        if at:
            self._read_command(self._frames.plain(head, 0, at))
        if head.size - at > self._left:
            raise Wrong("more bytes than were promised")
        look = head.size if self._command[:1] == b"U" else min(at + SAMPLE, head.size)
        while at < look:
            at += self._compare(head, at, min(look - at, MIB))
        self._frames.skip(head.size - at)
        self._at += head.size - at
        self._left -= head.size - at
        if self._command[:1] in (b"U", b"u") and self._at and not self._left:
            self._peer.sendall(frame(_BINARY, DONE))

    def _compare(self, head: Frame, at: int, count: int) -> int:
        begin = self._at % MIB
        if self._frames.plain(head, at, count) != _TWICE[begin : begin + count]:
            raise Wrong(f"other bytes than were sent, near {self._at}")
        self._at += count
        self._left -= count
        return count

    def _read_command(self, said: bytes) -> None:
        self._command += said
        if len(self._command) < COMMAND:
            return
        size = int.from_bytes(self._command[1:])
        if self._command[:1] != b"D":
            self._left = size
            return
        for _ in range(size // MIB):
            self._blocks.send_all(self._peer)


def _serve(peer: socket.socket, blocks: Stored) -> None:
    with peer, suppress(OSError, Wrong):
        peer.settimeout(WAIT)
        head, _ = read_head(peer)
        peer.sendall(accepted(head + b"\r\n\r\n"))
        Tunnel(peer, blocks).serve()


def main() -> None:
    blocks = Stored(b"".join(frame(_BINARY, BLOCK[at : at + PIECE]) for at in range(0, MIB, PIECE)))
    with announced() as listener:
        while True:
            peer = listener.accept()[0]
            threading.Thread(target=_serve, args=(peer, blocks), daemon=True).start()


if __name__ == "__main__":
    main()
