"""The relay on real sockets, under asyncio's loop and under uvloop."""

import asyncio
import contextlib
import hashlib
import os
import socket
import struct
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
import uvloop

from tests.support.apps import eventually
from wsproxy.core.meter import Meter
from wsproxy.core.relay import Party, RelayEnd
from wsproxy.core.wstrail import FrameTrail
from wsproxy.net.pump import HIGH_WATER, Relay
from wsproxy.net.straight import SIZE

DEADLINE = 60.0
LOOPS = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}
Run = Callable[[Callable[[], Awaitable[None]]], None]


@pytest.fixture(params=sorted(LOOPS))
def run(request) -> Run:
    def runner(case):
        async def limited() -> None:
            async with asyncio.timeout(DEADLINE):
                await case()

        with asyncio.Runner(loop_factory=LOOPS[request.param]) as made:
            made.run(limited())

    return runner


class _Grab(asyncio.Protocol):
    """Keeps the transport, and what came before the relay took it over."""

    def __init__(self) -> None:
        self.made: asyncio.Future[asyncio.Transport] = asyncio.get_running_loop().create_future()
        self.early = b""

    def connection_made(self, transport):
        self.made.set_result(transport)

    def data_received(self, data):
        self.early += data


class Peer:
    """A plain non-blocking socket at one end."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self._loop = asyncio.get_running_loop()

    async def send(self, data: bytes) -> None:
        await self._loop.sock_sendall(self.sock, data)

    async def read(self, size: int) -> bytes:
        got = b""
        while len(got) < size and (piece := await self._loop.sock_recv(self.sock, size - len(got))):
            got += piece
        return got

    async def rest(self) -> bytes:
        parts = []
        while piece := await self._loop.sock_recv(self.sock, 1 << 18):
            parts.append(piece)
        return b"".join(parts)

    async def rest_or_reset(self) -> None:
        """Read on until the other side is gone, in whatever way."""
        with contextlib.suppress(ConnectionError):
            await self.rest()

    def finish(self) -> None:
        self.sock.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()


class Rig:
    """client ══ relay ══ app, with the relay not started yet."""

    def __init__(self, client: Peer, app: Peer, inner: asyncio.Transport, outer: asyncio.Transport):
        self.client, self.app = client, app
        self.inner, self.outer = inner, outer  # the relay's transports to the client, to the app
        self.meter = Meter()
        self.ends: list[RelayEnd] = []
        self.ended = asyncio.Event()

    def relay(self, **options) -> Relay:
        return Relay(self.inner, self.outer, self.meter, self._end, now=lambda: 7.0, **options)

    def start(self, **options) -> Relay:
        relay = self.relay(**options)
        relay.start()
        return relay

    def _end(self, end: RelayEnd) -> None:
        self.ends.append(end)
        self.ended.set()

    async def end(self) -> RelayEnd:
        await self.ended.wait()
        await asyncio.sleep(0)
        assert len(self.ends) == 1
        return self.ends[0]


async def _pair(receive: int = 0) -> tuple[Peer, asyncio.Transport]:
    """``receive``: bytes that the system keeps for the peer while it does not read."""
    loop = asyncio.get_running_loop()
    listener = socket.create_server(("127.0.0.1", 0))
    near = socket.socket()
    if receive:
        near.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive)
    near.connect(listener.getsockname())
    far, _ = listener.accept()
    listener.close()
    near.setblocking(False)
    far.setblocking(False)
    grab = _Grab()
    await loop.connect_accepted_socket(lambda: grab, far)
    return Peer(near), await grab.made


@asynccontextmanager
async def rig(receive: int = 0):
    client, inner = await _pair(receive)
    app, outer = await _pair()
    made = Rig(client, app, inner, outer)
    try:
        yield made
    finally:
        for transport in (inner, outer):
            if not transport.is_closing():
                transport.abort()
        for peer in (client, app):
            peer.sock.close()
        await asyncio.sleep(0)


def test_bytes_pass_both_ways_after_what_came_early(run):
    async def case():
        async with rig() as r:
            r.start(early_to_upstream=b"early ", early_to_client=b"hello ")
            await r.client.send(b"question")
            assert await r.app.read(14) == b"early question"
            await r.app.send(b"answer")
            assert await r.client.read(12) == b"hello answer"
            assert (r.meter.bytes_in, r.meter.bytes_out) == (14, 12)
            assert r.meter.last_user_bytes == 7.0

    run(case)


def test_the_apps_bytes_do_not_move_the_users_clock(run):
    async def case():
        async with rig() as r:
            r.start()
            await r.app.send(b"tick")
            assert await r.client.read(4) == b"tick"
            assert r.meter.last_user_bytes == 0.0

    run(case)


def test_a_client_that_half_closes_still_gets_the_answer(run):
    async def case():
        async with rig() as r:
            r.start()
            await r.client.send(b"all I say")
            r.client.finish()
            assert await r.app.rest() == b"all I say"
            await r.app.send(b"late answer")
            r.app.sock.close()
            assert await r.client.rest() == b"late answer"
            end = await r.end()
            assert (end.first, end.clean) == (Party.CLIENT, True)

    run(case)


def test_an_app_that_half_closes_still_hears_the_client(run):
    async def case():
        async with rig() as r:
            r.start()
            await r.app.send(b"bye")
            r.app.finish()
            assert await r.client.rest() == b"bye"
            await r.client.send(b"one more thing")
            r.client.finish()
            assert await r.app.rest() == b"one more thing"
            end = await r.end()
            assert (end.first, end.clean) == (Party.UPSTREAM, True)

    run(case)


def test_a_reset_of_the_client_resets_the_app(run):
    async def case():
        async with rig() as r:
            r.start()
            await r.client.send(b"x")
            await r.app.read(1)
            r.client.reset()
            with pytest.raises(ConnectionResetError):
                await r.app.rest()
            end = await r.end()
            assert (end.first, end.clean) == (Party.CLIENT, False)

    run(case)


def test_a_reset_of_the_app_is_no_clean_end_for_the_client(run):
    async def case():
        async with rig() as r:
            r.start()
            await r.client.send(b"x")
            await r.app.read(1)
            r.app.reset()
            with pytest.raises(ConnectionResetError):
                await r.client.rest()
            end = await r.end()
            assert (end.first, end.clean) == (Party.UPSTREAM, False)

    run(case)


@pytest.mark.parametrize("side", ["client", "app"])
def test_a_side_that_does_not_read_stops_the_other_and_loses_nothing(run, side):
    async def case():
        async with rig() as r:
            r.start()
            slow, fast = (r.client, r.app) if side == "client" else (r.app, r.client)
            towards = r.inner if side == "client" else r.outer
            block = os.urandom(1 << 20)
            sent = asyncio.get_running_loop().create_task(_send_blocks(fast, block, 48))
            peak = await _fill(towards)
            assert not sent.done()
            assert HIGH_WATER < peak <= HIGH_WATER + (1 << 19)
            assert hashlib.sha256(await slow.read(48 << 20)).digest() == _hash(block, 48)
            await sent

    run(case)


async def _send_blocks(peer: Peer, block: bytes, count: int) -> None:
    for _ in range(count):
        await peer.send(block)


async def _fill(transport: asyncio.Transport) -> int:
    """Wait until the write buffer is over its limit and grows no more."""
    before = -1
    while (size := transport.get_write_buffer_size()) <= HIGH_WATER or size != before:
        before = size
        await asyncio.sleep(0.02)
    return size


def _hash(block: bytes, count: int) -> bytes:
    digest = hashlib.sha256()
    for _ in range(count):
        digest.update(block)
    return digest.digest()


def test_a_buffer_that_was_full_before_the_relay_came_still_pauses_the_other_side(run):
    async def case():
        async with rig() as r:
            before = os.urandom(12 << 20)
            r.inner.write(before)  # the former protocol of the transport is told to pause, not us
            r.start()
            block = os.urandom(1 << 20)
            sent = asyncio.get_running_loop().create_task(_send_blocks(r.app, block, 32))
            await asyncio.sleep(0.1)
            assert not sent.done()
            assert r.inner.get_write_buffer_size() <= len(before)
            assert await r.client.read(len(before)) == before
            assert hashlib.sha256(await r.client.read(32 << 20)).digest() == _hash(block, 32)
            await sent

    run(case)


def test_close_lets_what_was_written_leave(run):
    async def case():
        async with rig() as r:
            relay = r.start()
            body = os.urandom(8 << 20)
            r.inner.write(body)
            relay.close()
            relay.close()
            assert await r.client.rest() == body
            assert await r.app.rest() == b""
            end = await r.end()
            assert (end.first, end.clean) == (Party.GATEWAY, True)

    run(case)


def test_abort_ends_both_at_once(run):
    async def case():
        async with rig() as r:
            relay = r.start()
            relay.abort()
            for peer in (r.client, r.app):
                with pytest.raises(ConnectionResetError):
                    await peer.rest()
            assert (await r.end()).first is Party.GATEWAY
            assert "ENDED" in repr(relay)

    run(case)


def test_a_closed_side_that_takes_no_bytes_is_not_waited_for(run):
    async def case():
        async with rig() as r:
            relay = r.start(linger=0.05)
            r.inner.write(bytes(24 << 20))
            relay.close()
            await r.end()
            assert r.inner.is_closing()

    run(case)


def test_a_closed_side_that_takes_little_at_a_time_gets_everything(run):
    """The system asks for more only when much of what it keeps has left."""

    async def case():
        async with rig(receive=4096) as r:
            keeper = r.inner.get_extra_info("socket")
            keeper.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 200_000)
            relay = r.start(linger=1.5)
            body = os.urandom(1_000_000)
            r.inner.write(body)
            assert r.inner.get_write_buffer_size()
            relay.close()
            received = b""
            for _ in range(40):
                received += await r.client.read(2048)
                await asyncio.sleep(0.06)
            assert received + await r.client.rest() == body
            await r.end()

    run(case)


def test_an_end_that_was_read_before_the_relay_came_is_passed_on(run):
    async def case():
        async with rig() as r:
            r.relay().start(client_ended=True)
            assert await r.app.rest() == b""
            await r.app.send(b"answer")
            assert await r.client.read(6) == b"answer"
            r.app.finish()
            assert (await r.end()).first is Party.CLIENT

    run(case)


def test_a_side_that_left_before_the_relay_came_ends_the_other(run):
    async def case():
        async with rig() as r:
            r.inner.abort()
            await asyncio.sleep(0)
            r.start()
            assert await r.app.rest() == b""
            end = await r.end()
            assert (end.first, end.clean) == (Party.CLIENT, True)

    run(case)


def test_a_side_that_breaks_while_the_other_is_full_ends_both(run):
    async def case():
        async with rig() as r:
            r.start()
            r.inner.write(os.urandom(24 << 20))  # the client reads nothing
            r.app.reset()
            r.outer.write(b"so that the reset is noticed")
            with pytest.raises(ConnectionResetError):
                await r.client.rest()
            end = await r.end()
            assert (end.first, end.clean) == (Party.UPSTREAM, False)

    run(case)


class _Moved:
    """Stands before ``os.splice``: how much the kernel was asked to move."""

    def __init__(self) -> None:
        self.bytes = 0
        self._splice = os.splice

    def __call__(self, *args, **kwargs) -> int:
        moved = self._splice(*args, **kwargs)
        self.bytes += moved
        return moved


@pytest.fixture
def moved(monkeypatch) -> _Moved:
    spy = _Moved()
    monkeypatch.setattr(os, "splice", spy)
    return spy


MUCH = os.urandom(1 << 20) * 24
SOON = 1 << 20


async def _hashed(peer: Peer, size: int) -> bytes:
    found = hashlib.sha256()
    while size and (piece := await peer._loop.sock_recv(peer.sock, min(size, 1 << 18))):
        found.update(piece)
        size -= len(piece)
    assert not size
    return found.digest()


@pytest.mark.parametrize("way", ["to the app", "to the client"])
def test_much_in_one_direction_is_moved_by_the_kernel(run, moved, way):
    async def case():
        async with rig() as r:
            r.start(long=SOON)
            talker, listener = (r.client, r.app) if way == "to the app" else (r.app, r.client)
            for _ in range(2):  # it comes back to us in between
                heard, _ = await asyncio.gather(_hashed(listener, len(MUCH)), talker.send(MUCH))
                assert heard == hashlib.sha256(MUCH).digest()
                await listener.send(b"thanks")
                assert await talker.read(6) == b"thanks"
            assert moved.bytes > SOON
            counted = r.meter.bytes_in if way == "to the app" else r.meter.bytes_out
            assert counted == 2 * len(MUCH)
            talker.finish()
            assert await listener.rest() == b""
            await listener.send(b"the last word")
            listener.sock.close()
            assert await talker.rest() == b"the last word"
            assert (await r.end()).clean

    run(case)


def test_both_directions_at_once_are_moved(run, moved):
    async def case():
        async with rig() as r:
            r.start(long=SOON)
            hashes = await asyncio.gather(
                _hashed(r.app, len(MUCH)),
                _hashed(r.client, len(MUCH)),
                r.client.send(MUCH),
                r.app.send(MUCH),
            )
            assert hashes[0] == hashes[1] == hashlib.sha256(MUCH).digest()
            assert moved.bytes > 2 * SOON

    run(case)


def test_an_end_while_the_kernel_moves_is_seen(run, moved):
    async def case():
        async with rig() as r:
            r.start(long=SOON)
            talking = asyncio.ensure_future(r.client.send(MUCH))
            heard = await _hashed(r.app, len(MUCH) // 2)
            assert heard and moved.bytes
            rest = asyncio.ensure_future(r.app.rest())
            await talking
            r.client.finish()
            assert len(await rest) == len(MUCH) - len(MUCH) // 2
            r.app.sock.close()
            assert (await r.end()).first is Party.CLIENT

    run(case)


def _descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


@pytest.mark.parametrize("who", ["client", "app", "us"])
def test_a_cut_while_the_kernel_moves_leaves_nothing(run, moved, who):
    async def case():
        async with rig():  # the loop opens its own descriptors with the first sockets
            pass
        for _ in range(5):  # transports let go of their sockets in the next turns of the loop
            await asyncio.sleep(0)
        before = _descriptors()
        async with rig() as r:
            relay = r.start(long=SOON)
            talking = asyncio.ensure_future(r.client.send(MUCH))
            await _hashed(r.app, len(MUCH) // 2)
            assert moved.bytes
            if who == "us":
                relay.abort()
            else:
                (r.client if who == "client" else r.app).reset()
            talking.cancel()
            await asyncio.gather(talking, return_exceptions=True)
            if who == "client":
                await r.app.rest_or_reset()
            await r.end()
        await eventually(lambda: _descriptors() <= before, "all are closed")

    run(case)


def test_never_is_never(run, moved):
    async def case():
        async with rig() as r:
            r.start(long=0)
            heard, _ = await asyncio.gather(_hashed(r.app, len(MUCH)), r.client.send(MUCH))
            assert heard == hashlib.sha256(MUCH).digest()
            assert not moved.bytes

    run(case)


@pytest.mark.parametrize("way", ["to the app", "to the client"])
def test_a_side_with_much_to_say_is_read_without_objects(run, way):
    async def case():
        async with rig() as r:
            r.start(long=0)
            talker, listener = (r.client, r.app) if way == "to the app" else (r.app, r.client)
            source = r.inner if way == "to the app" else r.outer
            await talker.send(b"short")
            assert await listener.read(5) == b"short"
            assert not isinstance(source.get_protocol(), asyncio.BufferedProtocol)
            talking = asyncio.ensure_future(talker.send(MUCH))
            heard = await _hashed(listener, len(MUCH))
            await talking
            assert heard == hashlib.sha256(MUCH).digest()
            assert isinstance(source.get_protocol(), asyncio.BufferedProtocol)
            await talker.send(b"short again")
            assert await listener.read(11) == b"short again"
            counted = r.meter.bytes_in if way == "to the app" else r.meter.bytes_out
            assert counted == len(MUCH) + 16

    run(case)


def test_a_listener_that_does_not_read_stops_a_side_that_is_read_straight(run):
    async def case():
        async with rig() as r:
            r.start(long=0)
            talking = asyncio.ensure_future(r.client.send(MUCH))
            await eventually(lambda: not r.inner.is_reading(), "the client is held")
            assert isinstance(r.inner.get_protocol(), asyncio.BufferedProtocol)
            waiting = r.outer.get_write_buffer_size()
            assert 0 < waiting <= HIGH_WATER + SIZE
            assert await _hashed(r.app, len(MUCH)) == hashlib.sha256(MUCH).digest()
            await talking

    run(case)


def test_the_frames_of_a_long_run_are_followed(run):
    async def case():
        async with rig() as r:
            trail = FrameTrail()
            r.start(long=0, trail=trail)
            frame = bytes((0x82, 127)) + len(MUCH).to_bytes(8) + MUCH
            talking = asyncio.ensure_future(r.app.send(frame[:-1]))
            await _hashed(r.client, len(frame) - 1)
            await talking
            seen = [trail.between]
            await r.app.send(frame[-1:])
            await _hashed(r.client, 1)
            seen += [trail.between, trail.closed]
            assert seen == [False, True, False]

    run(case)
