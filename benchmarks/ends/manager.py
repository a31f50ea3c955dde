"""A stand-in for the manager's stream: a WebSocket that swallows, or gives, as many bytes as asked.

The first nine bytes that come through say what is wanted: ``U`` and a size (bytes that follow; the
answer is their CRC-32), or ``D`` and a size (so many bytes come back).
"""

import asyncio
import sys
import zlib
from collections.abc import Callable
from typing import cast

from benchmarks.ends.backend import BLOCK, MIB
from benchmarks.ends.echo import accepted
from wsproxy.cli.serve import loop_factory
from wsproxy.core.wsframes import mask_in_place

Mask = Callable[[bytes, bytearray], None]
try:
    from aiohttp._websocket.helpers import websocket_mask
except ImportError:
    MASK: Mask = mask_in_place
else:
    MASK = websocket_mask

PIECE = 64 * 1024
"""Payload of a frame that is sent."""

HIGH_WATER = 1 << 20
COMMAND = 9
_BINARY, _CLOSE, _PING = 0x2, 0x8, 0x9
_FINAL = 0x80


def frame(opcode: int, payload: bytes) -> bytes:
    size = len(payload)
    if size < 126:
        return bytes((_FINAL | opcode, size)) + payload
    if size < 1 << 16:
        return bytes((_FINAL | opcode, 126)) + size.to_bytes(2) + payload
    return bytes((_FINAL | opcode, 127)) + size.to_bytes(8) + payload


class Stream(asyncio.Protocol):
    """One tunnel."""

    def __init__(self) -> None:
        self._data = b""
        self._open = False
        self._opcode, self._left, self._key = _BINARY, 0, b""
        self._control = b""
        self._command = b""
        self._wanted, self._got, self._crc = 0, 0, 0
        self._to_send = 0
        self._paused = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is no subclass
        self._transport.set_write_buffer_limits(high=HIGH_WATER)

    def data_received(self, data: bytes) -> None:
        data = self._data + data if self._data else data
        self._data = b""
        if not self._open:
            end = data.find(b"\r\n\r\n") + 4
            if end < 4:
                self._data = data
                return
            self._open = True
            self._transport.write(accepted(data[:end]))
            data = data[end:]
        at = 0
        while at < len(data):
            if not self._left:
                start = self._begin(data, at)
                if not start:
                    self._data = data[at:]
                    return
                at = start
            piece = bytearray(data[at : at + self._left])
            at += len(piece)
            self._left -= len(piece)
            MASK(self._key, piece)
            turn = len(piece) % 4
            self._key = self._key[turn:] + self._key[:turn]
            self._take(bytes(piece))

    def _begin(self, data: bytes, at: int) -> int:
        """Read a frame's head; where its payload begins, 0 while it is not complete."""
        if len(data) < at + 2:
            return 0
        extra = {126: 2, 127: 8}.get(data[at + 1] & 0x7F, 0)
        end = at + 2 + extra + 4
        if len(data) < end:
            return 0
        self._opcode = data[at] & 0xF
        size = int.from_bytes(data[at + 2 : at + 2 + extra]) if extra else data[at + 1] & 0x7F
        self._left, self._key = size, data[end - 4 : end]
        if not size:
            self._take(b"")
        return end

    def _take(self, payload: bytes) -> None:
        if self._opcode < _CLOSE:
            self._hear(payload)
            return
        self._control += payload
        if self._left:
            return
        control, self._control = self._control, b""
        if self._opcode == _PING:
            self._transport.write(frame(0xA, control))
        elif self._opcode == _CLOSE:
            self._transport.write(frame(_CLOSE, control))
            self._transport.close()

    def _hear(self, payload: bytes) -> None:
        if len(self._command) < COMMAND:
            need = COMMAND - len(self._command)
            self._command += payload[:need]
            payload = payload[need:]
            if len(self._command) < COMMAND:
                return
            size = int.from_bytes(self._command[1:])
            if self._command[:1] == b"D":
                self._to_send = size
                self._send()
            else:
                self._wanted = size
        self._got += len(payload)
        self._crc = zlib.crc32(payload, self._crc)
        if self._wanted and self._got >= self._wanted:
            self._wanted = 0
            self._transport.write(frame(_BINARY, b"%08x" % self._crc))

    def _send(self) -> None:
        while self._to_send and not self._paused and not self._transport.is_closing():
            at = -self._to_send % MIB
            piece = BLOCK[at : at + min(PIECE, self._to_send)]
            self._to_send -= len(piece)
            self._transport.write(frame(_BINARY, piece))

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        self._send()


async def serve() -> None:
    server = await asyncio.get_running_loop().create_server(Stream, "127.0.0.1", 0)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(serve())
