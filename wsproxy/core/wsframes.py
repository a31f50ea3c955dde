"""WebSocket frames of a client, as values (RFC 6455 section 5).

Only what a byte tunnel needs: a data frame is not collected but passed on piece by piece, so a
message of any size takes no memory. No extension is ever offered, so reserved bits are an error.
"""

import struct
from collections.abc import Callable
from enum import IntEnum
from typing import NamedTuple

from wsproxy.core.tunnel import LARGEST_FRAME_OUT
from wsproxy.core.wire import Buffer

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
_MESSAGE = _FIN | Opcode.BINARY
_LONGEST_HEAD = 10  # of a server
_LONG = struct.Struct("!BBQ")


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
    opcode: Opcode, payload: Buffer, key: bytes, mask: Mask = mask_in_place
) -> tuple[bytes, bytearray]:
    """The same as its head and its masked payload: a large one need not be copied once more."""
    size = len(payload)
    if size >= 1 << 16:
        head = _LONG.pack(_FIN | opcode, _MASKED | 127, size)
    elif size > _CONTROL_LIMIT:
        head = struct.pack("!BBH", _FIN | opcode, _MASKED | 126, size)
    else:
        head = struct.pack("!BB", _FIN | opcode, _MASKED | size)
    masked = _given_away(payload)
    mask(key, masked)
    return head + key, masked


def _given_away(payload: Buffer) -> bytearray:
    """Bytes to mask in place: a copy, unless a reader's whole buffer is passed on.

    Who passes on a view of all of a ``bytearray`` has no more use for what is in it.
    """
    if isinstance(payload, memoryview):
        below = payload.obj
        if isinstance(below, bytearray) and len(below) == len(payload):
            return below
    return bytearray(payload)


def encode_close(code: int, key: bytes) -> bytes:
    """A close frame; the codes that never travel (1005, 1006) become 1000."""
    sent = 1000 if code in (NO_STATUS, 1006) else code
    return encode(Opcode.CLOSE, struct.pack("!H", sent), key)


def split(data: Buffer, largest: int = LARGEST_FRAME_OUT) -> list[Buffer]:
    """Pieces that each fit a frame; none of nothing."""
    if len(data) <= largest:
        return [data] if data else []
    return [data[start : start + largest] for start in range(0, len(data), largest)]


def close_code(payload: bytes) -> int:
    """The code of a close frame's payload."""
    if not payload:
        return NO_STATUS
    if len(payload) == 1:
        raise FrameError("a close frame with half a code")
    return int(struct.unpack("!H", payload[:2])[0])


class Fed(NamedTuple):
    """What arrived: payload of data frames in order, and whole control frames in order."""

    payload: list[Buffer]
    control: list[tuple[Opcode, bytes]]


class FrameReader:
    """Turns received bytes into pieces: data as it comes, control frames whole."""

    def __init__(self) -> None:
        self._head = b""  # an unfinished frame head
        self._opcode = Opcode.BINARY  # of the frame being read
        self._left = 0  # bytes of its payload still to come
        self._control = b""
        self._in_message = False

    def feed(self, data: Buffer) -> Fed:
        """The pieces in ``data``; nothing after a close frame. Raises ``FrameError``.

        Payload is not copied: such a piece is a part of ``data``, if that is a ``memoryview``.
        """
        payload: list[Buffer] = []
        control: list[tuple[Opcode, bytes]] = []
        if self._head:
            data, self._head = memoryview(self._head + data), b""
        position, size = 0, len(data)
        while position < size or (not self._left and self._opcode >= Opcode.CLOSE):
            if not self._left and self._opcode < Opcode.CLOSE:
                position = self._whole_messages(data, position, payload)
                if position == size or self._left:
                    continue
                position = self._begin(data, position)
                if self._head:
                    break
                continue
            end = min(position + self._left, size)
            taken = data[position:end]
            self._left -= end - position
            position = end
            if self._opcode < Opcode.CLOSE:
                payload.append(taken)
            elif self._take(taken, control):
                break
        return Fed(payload, control)

    def _whole_messages(self, data: Buffer, position: int, payload: list[Buffer]) -> int:
        """Binary messages of one frame, which is what a tunnel is made of; where the rest begins.

        The last one may go on in the next bytes.
        """
        last = len(data) - _LONGEST_HEAD
        while position <= last and data[position] == _MESSAGE and not self._in_message:
            short = data[position + 1]
            if short < 126:
                start, size = position + 2, short
            elif short == 126:
                start, size = position + 4, data[position + 2] << 8 | data[position + 3]
            elif short == 127:
                start = position + 10
                size = int.from_bytes(data[position + 2 : start])
            else:
                break  # masked
            position = start + size
            if size:
                payload.append(data[start:position])
            if position > len(data):
                self._opcode = Opcode.BINARY
                self._left = position - len(data)
                return len(data)
        return position

    def _begin(self, data: Buffer, position: int) -> int:
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
        self._head = bytes(data[position:])
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

    def _take(self, taken: Buffer, control: list[tuple[Opcode, bytes]]) -> bool:
        """More of a control frame; whether it was the last thing to read."""
        self._control += taken
        if self._left:
            return False
        control.append((self._opcode, self._control))
        closing = self._opcode is Opcode.CLOSE
        self._control = b""
        self._opcode = Opcode.BINARY
        return closing
