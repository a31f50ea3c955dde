"""Where a WebSocket stream stands, so that the gateway can say goodbye between two frames.

The tunnel copies bytes and never looks into messages. To close with a reason it must know that no
frame is half sent (RFC 6455 section 5.2); only the lengths of frames are followed here.
"""

import struct

from wsproxy.core.circuit import CloseReason
from wsproxy.core.wire import Buffer

GOING_AWAY = 1001
SERVICE_RESTART = 1012

_OPCODE, _MASKED, _LENGTH = 0x0F, 0x80, 0x7F
_CLOSE = 0x8
_LARGEST_HEAD = 14


class FrameTrail:
    """Follows the frames of one direction. ``between``: no frame is half sent."""

    __slots__ = ("_head", "_left", "closed")

    def __init__(self) -> None:
        self.closed = False  # a close frame has begun: nothing may follow it
        self._head = b""
        self._left = 0

    @property
    def between(self) -> bool:
        return not self._left and not self._head

    def feed(self, data: Buffer) -> None:
        """These bytes have been sent; nothing of ``data`` is kept."""
        size, left = len(data), self._left
        if left:
            if size <= left:
                self._left = left - size
                return  # a part of a long one
        elif not self._head and size > 3:
            short = data[1]
            whole = short + 2 if short < 126 else (data[2] << 8 | data[3]) + 4
            if whole == size and short <= 126:  # one frame of a server: most writes are
                if data[0] & _OPCODE == _CLOSE:
                    self.closed = True
                return
        at = 0
        while at < size:
            skipped = min(self._left, size - at)
            self._left -= skipped
            at += skipped
            if at < size:
                at = self._read_head(data, at)

    def _read_head(self, data: Buffer, at: int) -> int:
        had = len(self._head)
        head = self._head + bytes(data[at : at + _LARGEST_HEAD - had])
        length = _head_length(head)
        if len(head) < length:
            self._head = head
            return len(data)
        self._head = b""
        self.closed = self.closed or head[0] & _OPCODE == _CLOSE
        self._left = _payload(head)
        return at + length - had


def _head_length(head: bytes) -> int:
    """How long the head of a frame is, as far as its first bytes tell."""
    if len(head) < 2:
        return 2
    extended = {126: 2, 127: 8}.get(head[1] & _LENGTH, 0)
    return 2 + extended + (4 if head[1] & _MASKED else 0)


def _payload(head: bytes) -> int:
    short = head[1] & _LENGTH
    if short == 126:
        return int(struct.unpack_from("!H", head, 2)[0])
    return int(struct.unpack_from("!Q", head, 2)[0]) if short == 127 else short


def close_frame(reason: CloseReason) -> bytes:
    """A server's close frame: 1012 asks the client to come back, 1001 does not."""
    code = SERVICE_RESTART if reason is CloseReason.SHUTDOWN else GOING_AWAY
    payload = struct.pack("!H", code) + reason.value.encode()
    return bytes((0x80 | _CLOSE, len(payload))) + payload
