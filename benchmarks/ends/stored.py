"""Ends of long runs that cost their core little, so that a proxy is what is measured.

What arrives is looked at in part and thrown away in the kernel. So every work checks each byte in a
pass that is not timed, and lengths and beginnings in the one that is.
"""

import select
import socket

from benchmarks.ends.calls import WAIT, Wrong

LOOKED_AT = 4096
"""Bytes at the beginning of everything that are always compared."""

_BUFFER = bytearray(1 << 20)
_VIEW = memoryview(_BUFFER)


class Stored:
    """Bytes to send again and again."""

    def __init__(self, data: bytes) -> None:
        self._data = memoryview(data)
        self.size = len(data)

    def send(self, peer: socket.socket, at: int = 0) -> int:
        """What the socket takes now of the rest from ``at``; where the next call goes on.

        Raises ``Wrong`` when the peer has closed.
        """
        while at < self.size:
            try:
                at += peer.send(self._data[at:], socket.MSG_DONTWAIT)
            except (BlockingIOError, TimeoutError):
                break
            except OSError as error:
                raise Wrong(f"closed {self.size - at} bytes before the end: {error}") from error
        return at

    def send_all(self, peer: socket.socket) -> None:
        """All of it. Raises ``Wrong`` also when nothing is taken for too long."""
        at = self.send(peer)
        while at < self.size:
            if not select.select([], [peer], [], WAIT)[1]:
                raise Wrong(f"{self.size - at} bytes are not taken")
            at = self.send(peer, at)


class Known:
    """Takes in bytes that are known beforehand, again and again."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.got = 0

    def take(self, peer: socket.socket, *, whole: bool) -> bool:
        """Read once; True when the last byte has come, and the next call begins anew.

        ``whole``: compare all of it. Raises ``Wrong`` for other bytes, and for an early end.
        """
        size = len(self._data)
        look = size if whole else LOOKED_AT
        if self.got < look:
            count = peer.recv_into(_VIEW[: min(look - self.got, len(_BUFFER))])
            right = self._data[self.got : self.got + count] == _BUFFER[:count]
        else:
            count = peer.recv_into(_VIEW, min(size - self.got, len(_BUFFER)), socket.MSG_TRUNC)
            right = True
        if not count or not right:
            raise Wrong(f"cut, or other bytes than were sent, near {self.got} of {size}")
        self.got = (self.got + count) % size
        return not self.got

    def had(self, data: bytes) -> None:
        """Bytes that were read already. Raises ``Wrong``."""
        end = self.got + len(data)
        if data != self._data[self.got : end]:
            raise Wrong(f"other bytes than were sent, near {self.got} of {len(self._data)}")
        self.got = end % len(self._data)
