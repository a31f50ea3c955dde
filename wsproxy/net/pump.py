"""Copies bytes between two transports until both directions ended (design 4, 5).

The decisions are in ``core.relay``; here are the two protocols that carry them out. Nothing awaits:
a chunk that arrives is written at once, and a side whose write buffer is full pauses the reading of
the other. Works on any ``asyncio.Transport``: sockets, TLS, the tunnel through the manager.
"""

import asyncio
import time
from collections.abc import Callable, Sequence

from wsproxy.core.meter import Meter
from wsproxy.core.relay import Action, Event, Party, RelayEnd, State, party_of, step
from wsproxy.core.wire import Buffer
from wsproxy.core.wstrail import FrameTrail
from wsproxy.net.sockets import close, finish, reset, undelivered
from wsproxy.net.splice import End, Splice
from wsproxy.net.straight import Sink, hear, sink_of

HIGH_WATER = 256 * 1024
"""Bytes that may wait in one side's write buffer before the other side is not read any more."""

BULK = 64 * 1024
"""Bytes that arrive at once when a side has much to say; it is read straight from then on."""

LONG = 8 << 20
"""After so many bytes in such pieces a direction is moved by the kernel, where it can."""

PATIENCE = 0.05
"""Seconds of silence after which it is read here again."""

_ENDLESS = 1 << 62

LINGER = 15.0
"""Seconds without progress after which a closed side that takes no bytes is aborted."""


class _Half(asyncio.Protocol):
    """One side: what arrives here is written to ``other``."""

    __slots__ = (
        "_bulk",
        "_closing",
        "_meter",
        "_now",
        "_other",
        "_relay",
        "_sink",
        "_splice",
        "_straight",
        "_trail",
        "_write",
        "lost",
        "transport",
    )

    def __init__(
        self,
        relay: "Relay",
        own: asyncio.Transport,
        other: asyncio.Transport,
        trail: FrameTrail | None = None,
    ) -> None:
        self._relay = relay
        self._other = other
        self._trail = trail
        self._sink: Sink | None = None  # few sides need one
        self._write = other.write
        self._closing = other.is_closing
        self._meter = relay.meter
        self._now = relay.now
        self.transport = own
        self.lost = False
        self._straight = False
        self._bulk = 0
        self._splice: Splice | None = None

    @property
    def _borrowing(self) -> Sink:
        """Where borrowed bytes go."""
        if self._sink is None:
            self._sink = sink_of(self._other)
        return self._sink

    def pass_on(self, data: Buffer) -> None:
        """Bytes of a long run: nothing of ``data`` is kept."""
        if not self._closing():
            self._borrowing.put(data)
            size = len(data)
            self.moved(size)
            if self._trail is not None:
                self._trail.feed(data)
            elif size >= BULK:
                self._much(size)

    def _read_straight(self) -> None:
        """This side has much to say. A transport that is no plain socket goes on as before."""
        if self._straight:
            return
        self._straight = True
        reading = self.transport.is_reading()
        hear(self.transport, self, self.pass_on, self._borrowing.unit)
        if reading:
            self.transport.resume_reading()

    def take_all(self, pieces: Sequence[Buffer]) -> None:
        """The same for the payload of several frames."""
        if not self._closing():
            self._borrowing.put_all(pieces)
            self.moved(sum(map(len, pieces)))

    def moved(self, size: int) -> None:
        """So many bytes have gone to the other side."""
        raise NotImplementedError

    def _much(self, size: int) -> None:
        self._bulk += size
        if self._bulk < self._relay.long:
            return
        self._bulk = 0
        self.transport.pause_reading()
        self._splice = Splice(
            self.transport, self._other, _ENDLESS, self.moved, self._moved, patience=PATIENCE
        )
        if not self._splice.start():
            self._moved(End.DRY)

    def _moved(self, end: End) -> None:
        """Read here again: an end of stream is still there. A reset was told to the kernel's move
        alone, and would look like an end from now on.
        """
        self._splice = None
        if end is End.SOURCE_BROKE:
            self.broken()
        elif end is End.SINK_BROKE:
            self._relay.facing(self).broken()
        elif not self.transport.is_closing():
            self.transport.resume_reading()

    def broken(self) -> None:
        """This side was reset, and its transport does not know."""
        self.connection_lost(ConnectionResetError("reset while the kernel moved its bytes"))
        self.transport.abort()

    def stop_moving(self) -> None:
        """The relay is closing."""
        splice, self._splice = self._splice, None
        if splice is not None:
            splice.cancel()

    def read_again(self) -> None:
        """The other side takes bytes again."""
        if self._splice is None and not self.transport.is_closing():
            self.transport.resume_reading()

    def eof_received(self) -> bool:
        """Keep the connection for the other direction, where the transport can."""
        self._relay.happened(self.ended)
        return self.transport.can_write_eof()

    def connection_lost(self, error: Exception | None) -> None:
        if not self.lost:
            self.lost = True
            self._relay.happened(self.closed if error is None else self.broke, error)

    def pause_writing(self) -> None:
        if not self._other.is_closing():
            self._other.pause_reading()

    def resume_writing(self) -> None:
        self.transport.set_write_buffer_limits(high=HIGH_WATER)
        self._relay.facing(self).read_again()

    ended: Event
    closed: Event
    broke: Event


class _Client(_Half):
    __slots__ = ()

    ended, closed, broke = Event.CLIENT_ENDED, Event.CLIENT_CLOSED, Event.CLIENT_BROKE

    def data_received(self, data: bytes) -> None:
        """The user sent something: the second clock moves (design 5.9)."""
        if not self._closing():
            self._write(data)
            size = len(data)
            meter = self._meter
            meter.bytes_in += size
            meter.last_user_bytes = self._now()
            if size >= BULK:
                self._read_straight()

    def moved(self, size: int) -> None:
        self._meter.bytes_in += size
        self._meter.last_user_bytes = self._now()


class _Upstream(_Half):
    __slots__ = ()

    ended, closed, broke = Event.UPSTREAM_ENDED, Event.UPSTREAM_CLOSED, Event.UPSTREAM_BROKE

    def data_received(self, data: bytes) -> None:
        if not self._closing():
            self._write(data)
            size = len(data)
            self._meter.bytes_out += size
            if self._trail is not None:
                self._trail.feed(data)
            if size >= BULK:
                self._read_straight()

    def moved(self, size: int) -> None:
        self._meter.bytes_out += size


class Relay:
    """One client, one upstream, bytes both ways.

    ``early_to_upstream`` and ``early_to_client`` are bytes that were read before the relay got the
    transports. ``long``: bytes in one direction after which the kernel moves them; 0: never.
    ``trail`` follows the frames that are written to the client: they are all read here then.
    ``on_end`` is called exactly once, when both connections are gone; the relay never
    awaits and never raises into the loop.
    """

    def __init__(
        self,
        client: asyncio.Transport,
        upstream: asyncio.Transport,
        meter: Meter,
        on_end: Callable[[RelayEnd], None],
        early_to_upstream: bytes = b"",
        early_to_client: bytes = b"",
        *,
        now: Callable[[], float] = time.time,
        linger: float = LINGER,
        long: int = LONG,
        trail: FrameTrail | None = None,
    ) -> None:
        self.meter = meter
        self.long = long or _ENDLESS
        self.now = now
        self._on_end = on_end
        self._linger = linger
        self._client: _Half = _Client(self, client, upstream)
        self._upstream: _Half = _Upstream(self, upstream, client, trail)
        self._early = (early_to_upstream, early_to_client)
        self._state = State.BOTH
        self._first: Party | None = None
        self._error: Exception | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._waiting = (-1, -1)

    def __repr__(self) -> str:
        return f"Relay({self._state.name}, in={self.meter.bytes_in}, out={self.meter.bytes_out})"

    def start(self, *, client_ended: bool = False, upstream_ended: bool = False) -> None:
        """Take both transports over. ``*_ended``: that side's end of stream was already read."""
        halves = (self._client, self._upstream)
        for half in halves:
            half.transport.set_protocol(half)
        to_upstream, to_client = self._early
        self._early = (b"", b"")
        if to_upstream:
            self._client.data_received(to_upstream)
        if to_client:
            self._upstream.data_received(to_client)
        if not any(half.transport.is_closing() for half in halves):
            for half in halves:
                half.transport.resume_reading()
            for half in halves:
                _limit_buffer(half)
        for half, ended in zip(halves, (client_ended, upstream_ended), strict=True):
            if half.transport.is_closing():
                half.connection_lost(None)
            elif ended:
                self.happened(half.ended)

    def facing(self, half: _Half) -> _Half:
        """The other one."""
        return self._upstream if half is self._client else self._client

    def close(self) -> None:
        """End both sides; what was written still leaves."""
        self.happened(Event.CLOSE_ASKED)

    def abort(self) -> None:
        """End both sides now."""
        self.happened(Event.ABORT_ASKED)

    def happened(self, event: Event, error: Exception | None = None) -> None:
        """Take one step of the table."""
        other = self._client if party_of(event) is Party.UPSTREAM else self._upstream
        half_close = other.transport.can_write_eof() and not other.transport.is_closing()
        self._state, action = step(self._state, event, half_close=half_close)
        if self._first is None:
            self._first = party_of(event)
        if action is not Action.NOTHING:
            self._act(action, error)
        if self._client.lost and self._upstream.lost:
            self._finish()

    def _act(self, action: Action, error: Exception | None) -> None:
        if action is Action.FINISH_UPSTREAM:
            finish(self._upstream.transport)
        elif action is Action.FINISH_CLIENT:
            finish(self._client.transport)
        else:
            self._error = error
            for half in (self._client, self._upstream):
                half.stop_moving()
            for half in self._open_halves():
                if action is Action.CUT:
                    reset(half.transport)  # the peer sees an error, as without a gateway
                else:
                    close(half.transport)
            self._watch()

    def _open_halves(self) -> list[_Half]:
        return [half for half in (self._client, self._upstream) if not half.lost]

    def _watch(self) -> None:
        """A closed side that takes no more bytes is not waited for: look for progress."""
        sizes = tuple(_pending(half) for half in (self._client, self._upstream))
        if sizes == self._waiting:
            for half in self._open_halves():
                half.transport.abort()
            return
        self._waiting = (sizes[0], sizes[1])
        self._timer = asyncio.get_running_loop().call_later(self._linger, self._watch)

    def _finish(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None
        on_end, self._on_end = self._on_end, _ignore
        assert self._first is not None
        on_end(RelayEnd(self._first, self._error))


def _ignore(end: RelayEnd) -> None:
    """Takes the place of ``on_end`` once it was called."""


def _pending(half: _Half) -> int:
    return 0 if half.lost else undelivered(half.transport)


def _limit_buffer(half: _Half) -> None:
    """Set the limit so that the pause is certainly told to us.

    Whether the transport had already told its former protocol to pause is not visible. With a limit
    of 0 it tells (or has told) one of us as long as a byte waits, and tells us to resume when none
    does; the pause is repeated here for the case that the former protocol got it.
    """
    transport = half.transport
    if transport.get_write_buffer_size():
        transport.set_write_buffer_limits(high=0)
        half.pause_writing()
    else:
        transport.set_write_buffer_limits(high=HIGH_WATER)
