"""Bytes that go past a transport: order, limits and errors stay the transport's."""

import asyncio
import socket
import ssl
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvloop

from wsproxy.net.straight import (
    PIECES,
    SIZE,
    Copied,
    Sink,
    Straight,
    descriptor_of,
    hear,
    scratch,
    sink_of,
)

LOOPS = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}
MUCH = bytes(range(256)) * (32 << 10)
"""8 MiB: more than the sockets of a pair hold."""


@pytest.fixture(params=sorted(LOOPS))
def run(request) -> Callable[[Any], None]:
    def runner(case):
        with asyncio.Runner(loop_factory=LOOPS[request.param]) as made:
            made.run(asyncio.wait_for(case(), 20))

    return runner


@asynccontextmanager
async def pair() -> AsyncIterator[tuple[asyncio.Transport, socket.socket]]:
    """A transport, and the socket at the other end."""
    near, far = socket.socketpair()
    far.setblocking(False)
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_connection(asyncio.Protocol, sock=near)
    try:
        yield transport, far
    finally:
        transport.abort()
        far.close()
        await asyncio.sleep(0)


async def read(far: socket.socket, size: int) -> bytes:
    loop = asyncio.get_running_loop()
    got = bytearray()
    while len(got) < size and (data := await loop.sock_recv(far, 1 << 20)):
        got += data
    return bytes(got)


def test_what_fits_leaves_at_once(run):
    async def case() -> None:
        async with pair() as (transport, far):
            sink = sink_of(transport)
            assert isinstance(sink, Straight) and sink.unit == SIZE
            sink.put(memoryview(b"one "))
            sink.put_all([b"two ", memoryview(b"three "), bytearray(b"four")])
            assert transport.get_write_buffer_size() == 0
            assert far.recv(100) == b"one two three four"  # the loop has not run yet

    run(case)


@pytest.mark.parametrize("pieces", [1, 3, PIECES + 50])
def test_what_does_not_fit_follows_in_order_and_is_a_copy(run, pieces):
    async def case() -> None:
        async with pair() as (transport, far):
            buffer = bytearray(MUCH)
            view, step = memoryview(buffer), len(buffer) // pieces + 1
            parts = [view[at : at + step] for at in range(0, len(view), step)]
            sink = sink_of(transport)
            if pieces == 1:
                sink.put(parts[0])
            else:
                sink.put_all(parts)
            assert transport.get_write_buffer_size() > 0
            sink.put(b"after ")
            sink.put_all([b"all", b"!"])
            buffer[:] = bytes(len(buffer))  # the buffer is its owner's again
            assert await read(far, len(MUCH) + 10) == MUCH + b"after all!"
            await asyncio.sleep(0)
            sink.put(b"again")
            assert await read(far, 5) == b"again"

    run(case)


def test_what_the_transport_has_comes_first(run):
    async def case() -> None:
        async with pair() as (transport, far):
            sink = sink_of(transport)
            transport.write(b"first ")
            sink.put(b"second ")
            transport.write(b"third ")
            sink.put_all([b"four", b"th"])
            assert await read(far, 25) == b"first second third fourth"

    run(case)


@pytest.mark.parametrize("several", [False, True])
def test_an_error_is_the_transport_s_to_tell(run, several):
    async def case() -> None:
        lost: asyncio.Future[Exception | None] = asyncio.get_running_loop().create_future()

        class Hears(asyncio.Protocol):
            def connection_lost(self, error):
                lost.set_result(error)

        async with pair() as (transport, far):
            transport.pause_reading()
            transport.set_protocol(Hears())
            far.close()
            sink = sink_of(transport)
            if several:
                sink.put_all([b"no", b"body"])
            else:
                sink.put(b"nobody")
            assert isinstance(await lost, ConnectionError)

    run(case)


def test_other_transports_get_copies():
    class Known(asyncio.Transport):
        def __init__(self, extra: dict[str, object]) -> None:
            super().__init__(extra)
            self.written: list[object] = []

        def write(self, data) -> None:
            self.written.append(data)

    context = ssl.create_default_context()
    datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with datagrams:
        extras: list[dict[str, object]] = [{}, {"sslcontext": context}, {"socket": datagrams}]
        for extra in extras:
            transport = Known(extra)
            assert descriptor_of(transport) == -1
            sink = sink_of(transport)
            assert isinstance(sink, Copied) and sink.unit == SIZE
            buffer = bytearray(b"abc")
            sink.put(buffer)
            sink.put_all([memoryview(buffer), b"d"])
            buffer[:] = b"xyz"
            assert transport.written == [b"abc", b"abcd"]


def test_a_transport_that_is_a_sink_is_taken_as_it_is():
    class Own(asyncio.Transport):
        unit = 7

        def put(self, data) -> None: ...
        def put_all(self, pieces) -> None: ...

    own = Own()
    assert isinstance(own, Sink)
    assert sink_of(own) is own


def test_without_posix_nothing_goes_past_a_transport(monkeypatch):
    with socket.socket() as sock:
        transport = asyncio.Transport({"socket": sock})
        assert descriptor_of(transport) == sock.fileno()
        monkeypatch.setattr("wsproxy.net.straight.sys.platform", "win32")
        assert descriptor_of(transport) == -1


def test_what_is_read_at_once_fills_six_segments():
    """Those of the loopback interface: 64 KiB less one, the heads of IPv6 and TCP, and options."""
    largest = 65_535 - 40 - 20 - 12
    assert 5 * largest < SIZE <= 6 * largest


def test_every_thread_has_its_own_buffers():
    mine = scratch(1024)
    assert scratch(1024) is mine and len(mine) == 1024
    assert scratch(2048) is not mine
    theirs: list[memoryview] = []
    thread = threading.Thread(target=lambda: theirs.append(scratch(1024)))
    thread.start()
    thread.join()
    assert theirs[0].obj is not mine.obj


class Told(asyncio.Protocol):
    def __init__(self) -> None:
        self.events: list[object] = []
        self.over = asyncio.Event()

    def data_received(self, data):
        self.events.append(("object", bytes(data)))

    def eof_received(self):
        self.events.append("end")
        return False

    def connection_lost(self, error):
        self.events.append(error)
        self.over.set()


def test_a_protocol_hears_a_plain_socket_through_the_buffer(run):
    async def case() -> None:
        told = Told()
        taken: list[bytes] = []

        def take(data: memoryview) -> None:
            assert data.obj is scratch(4096).obj
            taken.append(bytes(data))

        async with pair() as (transport, far):
            hear(transport, told, take, 4096)
            far.send(b"x" * 10_000)
            assert not taken  # until it is told to read
            transport.resume_reading()
            far.close()
            await told.over.wait()
        assert b"".join(taken) == b"x" * 10_000 and max(map(len, taken)) == 4096
        assert told.events == ["end", None]

    run(case)


def test_elsewhere_it_hears_objects_as_before():
    class Ciphered(asyncio.Transport):
        protocol: asyncio.BaseProtocol | None = None

        def is_closing(self) -> bool:
            return True

        def set_protocol(self, protocol) -> None:
            self.protocol = protocol

    transport, told = Ciphered(), asyncio.Protocol()
    hear(transport, told, lambda data: None)
    assert transport.protocol is told
