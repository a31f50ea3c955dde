"""Bytes moved by the kernel are the same bytes, on both event loops."""

import asyncio
import contextlib
import os
import socket
from collections.abc import Awaitable, Callable

import pytest

from tests.net.test_pump import LOOPS, run  # noqa: F401 (a fixture)
from wsproxy.net import splice
from wsproxy.net.splice import MOST, End, Splice, plain_socket

pytestmark = pytest.mark.skipif(not splice.possible, reason="splice(2) is Linux's")

assert set(LOOPS) == {"asyncio", "uvloop"}
Run = Callable[[Callable[[], Awaitable[None]]], None]
BLOB = os.urandom(5 << 20)


class Kept(asyncio.Protocol):
    """Collects what its transport reads."""

    def __init__(self) -> None:
        self.read = b""
        self.grew = asyncio.Event()
        self.gone = asyncio.Event()

    def data_received(self, data: bytes) -> None:
        self.read += data
        self.grew.set()

    def connection_lost(self, error: Exception | None) -> None:
        self.gone.set()


class Line:
    """A TCP connection: ``near`` is a transport, ``far`` a plain socket."""

    near: asyncio.Transport
    kept: Kept
    far: socket.socket

    @classmethod
    async def made(cls) -> "Line":
        line, loop = cls(), asyncio.get_running_loop()
        with socket.create_server(("127.0.0.1", 0)) as door:
            line.far = socket.create_connection(door.getsockname())
            accepted, _ = door.accept()
        line.far.setblocking(False)
        line.near, line.kept = await loop.connect_accepted_socket(Kept, accepted)
        return line

    async def say(self, data: bytes) -> None:
        await asyncio.get_running_loop().sock_sendall(self.far, data)

    async def hear(self, size: int) -> bytes:
        heard = bytearray()
        while len(heard) < size:
            part = await asyncio.get_running_loop().sock_recv(self.far, size - len(heard))
            if not part:
                break
            heard += part
        return bytes(heard)

    async def close(self) -> None:
        self.far.close()
        self.near.abort()
        await self.kept.gone.wait()


class Move:
    """A splice between two lines, and what it called back."""

    def __init__(self, source: Line, sink: Line, count: int) -> None:
        self.moved = 0
        self.ended: asyncio.Future[End] = asyncio.get_running_loop().create_future()
        source.near.pause_reading()
        self.splice = Splice(source.near, sink.near, count, self._add, self.ended.set_result)

    def _add(self, size: int) -> None:
        self.moved += size


def descriptors() -> int:
    """Ends of pipes, and of connections: other sockets may come and go beside us, in threads that
    ask for names.
    """
    found = 0
    for number in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):  # that of the listing itself
            kind = os.readlink(f"/proc/self/fd/{number}").partition(":")[0]
            found += kind == "pipe" or (kind == "socket" and _carries_bytes(int(number)))
    return found


def _carries_bytes(descriptor: int) -> bool:
    with socket.socket(fileno=os.dup(descriptor)) as copy:
        return copy.type == socket.SOCK_STREAM and copy.family in (socket.AF_INET, socket.AF_INET6)


def test_so_many_bytes_pass_and_not_one_more(run: Run) -> None:  # noqa: F811
    async def case() -> None:
        source, sink = await Line.made(), await Line.made()
        before = descriptors()
        sink.near.write(b"before ")
        move = Move(source, sink, len(BLOB))
        assert move.splice.start()
        saying = asyncio.gather(source.say(BLOB + b" after"), sink.hear(7 + len(BLOB)))
        _, heard = await saying
        assert await move.ended is End.COMPLETE
        assert heard == b"before " + BLOB
        assert (move.moved, move.splice.left) == (len(BLOB), 0)
        assert descriptors() == before
        source.near.resume_reading()
        await source.kept.grew.wait()
        assert source.kept.read == b" after"  # it is the transport's again
        sink.near.write(b"and after")
        assert await sink.hear(9) == b"and after"
        await source.close()
        await sink.close()

    run(case)


def test_a_sink_that_does_not_read_stops_the_source(run: Run) -> None:  # noqa: F811
    async def case() -> None:
        source, sink = await Line.made(), await Line.made()
        size = 64 << 20
        move = Move(source, sink, size)
        assert move.splice.start()
        writing = asyncio.ensure_future(source.say(bytes(size)))
        stalled = -1
        while move.moved != stalled:  # until nothing moves any more
            stalled = move.moved
            for _ in range(50):
                await asyncio.sleep(0.001)
        assert not writing.done() and move.moved < size
        assert repr(move.splice).startswith("Splice(left=")
        heard = await sink.hear(size)
        await writing
        assert len(heard) == size and await move.ended is End.COMPLETE
        await source.close()
        await sink.close()

    run(case)


def test_a_source_that_ends_early_is_told_after_its_bytes(run: Run) -> None:  # noqa: F811
    async def case() -> None:
        source, sink = await Line.made(), await Line.made()
        move = Move(source, sink, 1 << 30)
        assert move.splice.start()
        await source.say(b"x" * 1000)
        source.far.close()
        assert await move.ended is End.SOURCE_ENDED
        assert await sink.hear(1000) == b"x" * 1000
        assert move.moved == 1000
        await source.close()
        await sink.close()

    run(case)


def test_a_sink_that_is_gone_ends_it(run: Run) -> None:  # noqa: F811
    async def case() -> None:
        source, sink = await Line.made(), await Line.made()
        before = descriptors()
        move = Move(source, sink, 1 << 30)
        assert move.splice.start()
        sink.far.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        sink.far.close()
        await sink.kept.gone.wait()
        saying = asyncio.ensure_future(source.say(BLOB))
        assert await move.ended is End.SINK_BROKE
        saying.cancel()
        await asyncio.gather(saying, return_exceptions=True)
        assert descriptors() <= before
        await source.close()

    run(case)


def test_what_is_cancelled_calls_nobody(run: Run) -> None:  # noqa: F811
    async def case() -> None:
        source, sink = await Line.made(), await Line.made()
        before = descriptors()
        move = Move(source, sink, MOST)
        assert move.splice.start()
        move.splice.cancel()
        assert descriptors() == before
        await source.say(b"late")
        source.near.resume_reading()
        await source.kept.grew.wait()
        assert source.kept.read == b"late" and not move.ended.done()
        await source.close()
        await sink.close()

    run(case)


def test_a_closing_sink_is_not_begun(run: Run) -> None:  # noqa: F811
    async def case() -> None:
        source, sink = await Line.made(), await Line.made()
        sink.near.close()
        move = Move(source, sink, MOST)
        if move.splice.start():  # uvloop still shows the socket
            assert await move.ended is End.SINK_BROKE
        sink.far.close()
        await sink.kept.gone.wait()
        await source.close()

    run(case)


def test_without_descriptors_nothing_has_happened(
    run: Run,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def none_left(flags: int) -> tuple[int, int]:
        raise OSError("too many open files")

    async def case() -> None:
        source, sink = await Line.made(), await Line.made()
        before = descriptors()
        with monkeypatch.context() as patched:
            patched.setattr(os, "pipe2", none_left)
            assert not Move(source, sink, MOST).splice.start()
        assert descriptors() == before
        await source.close()
        await sink.close()

    run(case)


class Dressed:
    """A transport that says one thing about itself."""

    def __init__(self, **extra: object) -> None:
        self._extra = extra

    def get_extra_info(self, name: str, default: object = None) -> object:
        return self._extra.get(name, default)


def test_only_a_bare_stream_socket_will_do(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as stream, socket.socket(type=socket.SOCK_DGRAM) as datagram:
        assert plain_socket(Dressed(socket=stream)) is stream  # type: ignore[arg-type]
        assert plain_socket(Dressed(socket=datagram)) is None  # type: ignore[arg-type]
        assert plain_socket(Dressed(socket=stream, sslcontext=1)) is None  # type: ignore[arg-type]
        assert plain_socket(Dressed()) is None  # type: ignore[arg-type]
        monkeypatch.setattr(splice, "possible", False)
        assert plain_socket(Dressed(socket=stream)) is None  # type: ignore[arg-type]
