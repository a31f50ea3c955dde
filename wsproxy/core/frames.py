"""Messages in a stream of bytes between two of our processes: a length, a mark, the message.

4 bytes  length of the message
1 byte   1: a socket comes with it, 0: none
"""

import struct
from dataclasses import dataclass

_HEAD = struct.Struct("!IB")


@dataclass(frozen=True, slots=True)
class Frame:
    message: bytes
    with_socket: bool


def frame(message: bytes, with_socket: bool = False) -> bytes:
    return _HEAD.pack(len(message), with_socket) + message


class Frames:
    """Takes bytes as they come, gives whole frames."""

    def __init__(self) -> None:
        self._begun = bytearray()

    def feed(self, data: bytes) -> list[Frame]:
        """The frames that ``data`` completes."""
        begun = self._begun
        begun += data
        frames, at = [], 0
        while len(begun) - at >= _HEAD.size:
            length, mark = _HEAD.unpack_from(begun, at)
            end = at + _HEAD.size + length
            if len(begun) < end:
                break
            frames.append(Frame(bytes(begun[at + _HEAD.size : end]), bool(mark)))
            at = end
        del begun[:at]
        return frames
