"""WebSocket frames of a client, as values (RFC 6455 section 5).

Only what a byte tunnel needs: a data frame is not collected but passed on piece by piece, so a
message of any size takes no memory. No extension is ever offered, so reserved bits are an error.
"""

import struct
from collections.abc import Callable
from enum import IntEnum

from wsproxy.core.tunnel import LARGEST_FRAME_OUT

NO_STATUS = 1005
"""Stands for a close frame without a code (RFC 6455 section 7.1.5)."""

_CONTROL_LIMIT = 125
_FIN, _RESERVED, _MASKED = 0x80, 0x70, 0x80


class Opcode(IntEnum):
    CONTINUATION = 0x0
    TEXT = 0x1
    BINARY = 0x2
    CLOSE = 0x8
    PING = 0x9
    PONG = 0xA


_KNOWN = frozenset(Opcode)
Piece = tuple[Opcode, bytes]


class FrameError(ValueError):
    """The peer broke the protocol; the connection must be failed with 1002."""


Mask = Callable[[bytes, bytearray], None]
"""XORs the bytes in place with a key of four bytes, repeated."""


def mask_in_place(key: bytes, data: bytearray) -> None:
    """The masking of section 5.3 where no C function is at hand: one table for each key byte."""
    for start, byte in enumerate(key):
        table = bytes(value ^ byte for value in range(256))
        data[start::4] = data[start::4].translate(table)


def encode(opcode: Opcode, payload: bytes, key: bytes, mask: Mask = mask_in_place) -> bytes:
    """One final, masked frame. ``key``: four random bytes, new for each frame (section 5.3)."""
    return b"".join(parts(opcode, payload, key, mask))


def parts(
    opcode: Opcode, payload: bytes, key: bytes, mask: Mask = mask_in_place
) -> tuple[bytes, bytearray]:
    """The same as its head and its masked payload: a large one need not be copied once more."""
    size = len(payload)
    if size <= _CONTROL_LIMIT:
        head = struct.pack("!BB", _FIN | opcode, _MASKED | size)
    elif size < 1 << 16:
        head = struct.pack("!BBH", _FIN | opcode, _MASKED | 126, size)
    else:
        head = struct.pack("!BBQ", _FIN | opcode, _MASKED | 127, size)
    masked = bytearray(payload)
    mask(key, masked)
    return head + key, masked


def encode_close(code: int, key: bytes) -> bytes:
    """A close frame; the codes that never travel (1005, 1006) become 1000."""
    sent = 1000 if code in (NO_STATUS, 1006) else code
    return encode(Opcode.CLOSE, struct.pack("!H", sent), key)


def split(data: bytes, largest: int = LARGEST_FRAME_OUT) -> list[bytes]:
    """Pieces that each fit a frame."""
    if len(data) <= largest:
        return [data]
    return [data[start : start + largest] for start in range(0, len(data), largest)]


def close_code(payload: bytes) -> int:
    """The code of a close frame's payload."""
    if not payload:
        return NO_STATUS
    if len(payload) == 1:
        raise FrameError("a close frame with half a code")
    return int(struct.unpack("!H", payload[:2])[0])


class FrameReader:
    """Turns received bytes into pieces: data as it comes, control frames whole."""

    def __init__(self) -> None:
        self._head = b""  # an unfinished frame head
        self._opcode = Opcode.BINARY  # of the frame being read
        self._left = 0  # bytes of its payload still to come
        self._control = b""
        self._in_message = False

    def feed(self, data: bytes) -> list[Piece]:
        """The pieces in ``data``, in order; nothing after a close frame. Raises ``FrameError``."""
        pieces: list[Piece] = []
        position = 0
        if self._head:
            data, self._head = self._head + data, b""
        while position < len(data) or (self._left == 0 and self._opcode >= Opcode.CLOSE):
            if self._left == 0 and self._opcode < Opcode.CLOSE:
                position = self._begin(data, position)
                if self._head:
                    break
                if self._left == 0 and self._opcode < Opcode.CLOSE:
                    continue  # an empty data frame
            taken = data[position : position + self._left]
            position += len(taken)
            self._left -= len(taken)
            if self._take(taken, pieces):
                break
        return pieces

    def _begin(self, data: bytes, position: int) -> int:
        """Read a frame head at ``position``; an unfinished one is kept for the next bytes."""
        end = position + 2
        if len(data) >= end:
            first, second = data[position], data[position + 1]
            extra = {126: 2, 127: 8}.get(second & 0x7F, 0)
            end += extra
            if len(data) >= end:
                self._left = int.from_bytes(data[end - extra : end]) if extra else second & 0x7F
                self._check(first, second)
                return end
        self._head = data[position:]
        return len(data)

    def _check(self, first: int, second: int) -> None:
        if first & _RESERVED or second & _MASKED or (first & 0xF) not in _KNOWN:
            raise FrameError("a frame with reserved bits, a mask, or an unknown opcode")
        opcode = Opcode(first & 0xF)
        final = bool(first & _FIN)
        if opcode >= Opcode.CLOSE:
            if not final or self._left > _CONTROL_LIMIT:
                raise FrameError("a control frame that is fragmented or too long")
        elif (opcode is Opcode.CONTINUATION) != self._in_message:
            raise FrameError("a message that begins inside another one")
        else:
            self._in_message = not final
        self._opcode = opcode

    def _take(self, taken: bytes, pieces: list[Piece]) -> bool:
        """Add what is complete; whether it was the last thing to read."""
        if self._opcode < Opcode.CLOSE:
            pieces.append((Opcode.BINARY, taken))
            return False
        self._control += taken
        if self._left:
            return False
        pieces.append((self._opcode, self._control))
        closing = self._opcode is Opcode.CLOSE
        self._control = b""
        self._opcode = Opcode.BINARY
        return closing
