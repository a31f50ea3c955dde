"""A WebSocket as an asyncio transport: bytes in, bytes out, the same as a socket (protocol 3).

    protocol ◀──data_received── Tunnel ◀──frames── socket ── manager ── container
    protocol ───write─────────▶ Tunnel ───frames─▶ socket

It sits on the socket's own transport, so reading and writing are paused where it counts, and
nothing is collected: the pieces of a frame are passed on as they come.
"""

import asyncio
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from wsproxy.core.configuration import Mode
from wsproxy.core.tunnel import ABNORMAL, LARGEST_FRAME_OUT, orderly
from wsproxy.core.wire import Buffer
from wsproxy.core.wsframes import (
    FrameError,
    FrameReader,
    Mask,
    Opcode,
    close_code,
    encode_close,
    mask_in_place,
    parts,
    split,
)
from wsproxy.net.sockets import undelivered
from wsproxy.net.straight import hear, sink_of

try:  # not a public name; the tunnel works without it, at ten times the cost
    from aiohttp._websocket.helpers import websocket_mask
except ImportError:
    MASK: Mask = mask_in_place
else:
    MASK = websocket_mask

PROTOCOL_ERROR = 1002

AT_ONCE = 512 * 1024
"""Bytes that are read from the manager at once: several frames."""


class TunnelClosed(ConnectionError):
    """The tunnel ended and it was no clean end. ``code``: the close code, 1006 for none."""

    def __init__(self, code: int) -> None:
        super().__init__(f"the tunnel was closed with code {code}")
        self.code = code


@dataclass(frozen=True, slots=True)
class TunnelRules:
    """Seconds. ``ping``: between pings, and how long anything may take to come back.

    ``silence``: a WebSocket cannot carry a client's half-close; after one, the app may go on as
    long as it is never silent for this long (design 5.8). ``farewell``: for the peer's answer to
    our close frame, or for some of what must still leave before it.
    """

    ping: float = 20.0
    silence: float = 5.0
    farewell: float = 2.0


class Tunnel(asyncio.Transport):
    """One WebSocket whose handshake is done, presented as a transport of bytes.

    ``close_code`` is the code it was closed with, None while it is open; ``app_silent`` whether we
    closed it because the app was silent after the client's half-close. Extra info of the socket
    (``peername``, ``ssl_object``) is passed through, the socket itself is not: nobody but the
    tunnel may write to it.
    """

    def __init__(
        self,
        socket: asyncio.Transport,
        mode: Mode,
        protocol: asyncio.Protocol,
        rules: TunnelRules,
        on_close: Callable[["Tunnel"], None],
    ) -> None:
        super().__init__()
        self._socket = socket
        self._sink = sink_of(socket)
        self._mode = mode
        self.set_protocol(protocol)
        self._rules = rules
        self._on_close = on_close
        self._loop = asyncio.get_running_loop()
        self._reader = FrameReader()
        self._paused = False
        self._finished = False  # the client's half-close
        self._closing = False  # our side has ended it
        self._heard = True
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._unsent = 0  # bytes on their way, when last looked at
        self.close_code: int | None = None
        self.app_silent = False

    def __repr__(self) -> str:
        state = "open" if self.close_code is None and not self._closing else "closing"
        return f"Tunnel({state}, code={self.close_code})"

    def attach(self, rest: bytes) -> None:
        """Begin: ``rest`` are bytes that came with the handshake's answer."""
        hear(self._socket, _SocketSide(self), self.received, AT_ONCE)
        self._protocol.connection_made(self)
        self._after("ping", self._rules.ping, self._ping)
        if rest:
            self.received(rest)
        if not self._paused and not self._socket.is_closing():
            self._socket.resume_reading()

    # the transport's face

    def write(self, data: Buffer) -> None:
        """Nothing of ``data`` is kept: masking copies it, unless it is a view of a whole
        ``bytearray``, which is then masked where it is (``net.straight``).
        """
        if self._closing or self._finished:
            return
        for piece in split(data):
            self._send(Opcode.BINARY, piece)

    put = write  # net.straight.Sink
    unit = LARGEST_FRAME_OUT

    def put_all(self, pieces: Sequence[Buffer]) -> None:
        for piece in pieces:
            self.write(piece)

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        """The client says no more; the app gets time to say the rest."""
        if not self._finished:
            self._finished = True
            self._after("silence", self._rules.silence, self._silent)

    def close(self) -> None:
        """Say goodbye; what was written leaves first. The peer may take a moment to answer."""
        if self.is_closing():
            return
        self._closing = True
        self._unsent = undelivered(self._socket)
        self._socket.write(encode_close(1000, secrets.token_bytes(4)))
        self._socket.resume_reading()  # to see the peer's answer
        self._after("farewell", self._rules.farewell, self._part)

    def abort(self) -> None:
        self._closing = True
        if not self._socket.is_closing():
            self._socket.abort()

    def is_closing(self) -> bool:
        return self._closing or self._socket.is_closing()

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        assert isinstance(protocol, asyncio.Protocol)
        self._protocol = protocol
        self._take_all = getattr(protocol, "take_all", None)

    def get_protocol(self) -> asyncio.Protocol:
        return self._protocol

    def pause_reading(self) -> None:
        if not self._paused and not self.is_closing():
            self._paused = True
            self._socket.pause_reading()

    def resume_reading(self) -> None:
        if self._paused and not self.is_closing():
            self._paused = False
            self._heard = True  # nothing could be heard meanwhile
            self._socket.resume_reading()

    def is_reading(self) -> bool:
        return not self._paused and not self.is_closing()

    def get_write_buffer_size(self) -> int:
        return self._socket.get_write_buffer_size()

    def undelivered(self) -> int:
        """See ``net.sockets.undelivered``."""
        return undelivered(self._socket)

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        if not self._socket.is_closing():
            self._socket.set_write_buffer_limits(high, low)

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return default if name == "socket" else self._socket.get_extra_info(name, default)

    # from the socket

    def received(self, data: Buffer) -> None:
        """Bytes of the WebSocket."""
        self._heard = True
        try:
            payload, control = self._reader.feed(data)
        except FrameError:
            self._ended(PROTOCOL_ERROR)
            return
        if payload and not self._closing:
            self._hear(payload)
        for opcode, piece in control:
            if opcode is Opcode.PING and not self._closing:
                self._send(Opcode.PONG, piece)
            elif opcode is Opcode.CLOSE:
                self._close_frame(piece)

    def _hear(self, payload: list[Buffer]) -> None:
        if self._finished:
            self._after("silence", self._rules.silence, self._silent)
        if self._take_all is not None:  # a relay: it keeps nothing
            self._take_all(payload)
        else:
            self._protocol.data_received(b"".join(payload))

    def _close_frame(self, payload: bytes) -> None:
        try:
            self._ended(close_code(payload))
        except FrameError:
            self._ended(PROTOCOL_ERROR)

    def _ended(self, code: int) -> None:
        """The peer closed (or must be hung up on): answer, and let go of the socket."""
        if self.close_code is None:
            self.close_code = code
        if not self._closing:
            self._closing = True
            self._socket.write(encode_close(code, secrets.token_bytes(4)))
        self._socket.close()
        self._after("farewell", self._rules.farewell, self._socket.abort)

    def lost(self) -> None:
        """The socket is gone."""
        for timer in self._timers.values():
            timer.cancel()
        asked_by_us = self._closing and self.close_code is None
        if self.close_code is None:
            self.close_code = 1000 if asked_by_us else ABNORMAL
        self._closing = True
        self._on_close(self)
        clean = asked_by_us or orderly(self.close_code, self._mode)
        self._protocol.connection_lost(None if clean else TunnelClosed(self.close_code))

    def pause_writing(self) -> None:
        self._protocol.pause_writing()

    def resume_writing(self) -> None:
        self._protocol.resume_writing()

    # timers

    def _after(self, name: str, seconds: float, action: Callable[[], None]) -> None:
        if (running := self._timers.get(name)) is not None:
            running.cancel()
        self._timers[name] = self._loop.call_later(seconds, action)

    def _ping(self) -> None:
        """Ask whether the manager is there. Who pauses reading cannot hear the answer."""
        if self._closing:
            return
        if not self._heard and not self._paused:
            self._socket.abort()
            return
        self._heard = False
        self._send(Opcode.PING, b"")
        self._after("ping", self._rules.ping, self._ping)

    def _silent(self) -> None:
        """Slow are the client that does not read, and the way on which its last words still are."""
        if self._paused or undelivered(self._socket):
            self._after("silence", self._rules.silence, self._silent)
        else:
            self.app_silent = True
            self.close()

    def _part(self) -> None:
        """Hang up, unless what was written before the goodbye is still leaving."""
        unsent = undelivered(self._socket)
        if unsent >= self._unsent:
            self._socket.abort()
            return
        self._unsent = unsent
        self._after("farewell", self._rules.farewell, self._part)

    def _send(self, opcode: Opcode, payload: Buffer) -> None:
        if not self._socket.is_closing():
            self._sink.put_all(parts(opcode, payload, secrets.token_bytes(4), MASK))


class _SocketSide(asyncio.Protocol):
    """What the socket's transport calls; keeps those methods off the tunnel's own face."""

    def __init__(self, tunnel: Tunnel) -> None:
        self._tunnel = tunnel

    def data_received(self, data: Buffer) -> None:
        self._tunnel.received(data)

    def connection_lost(self, error: Exception | None) -> None:
        self._tunnel.lost()

    def pause_writing(self) -> None:
        self._tunnel.pause_writing()

    def resume_writing(self) -> None:
        self._tunnel.resume_writing()
