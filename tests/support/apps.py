"""Apps and clients for tests, byte by byte.

``RawApp`` records exactly what arrived and answers what a script says; ``RawClient`` sends and
reads bytes. Neither knows HTTP beyond finding the end of a head, so neither repairs anything.
"""

import asyncio
import contextlib
import random
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable

WAIT = 20.0
"""Seconds after which a test that waits for something has failed: a busy machine stalls."""

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class AppLink:
    """One connection that the app accepted. ``received`` is all that ever arrived on it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.received = b""
        self.ended = asyncio.Event()  # the other side's end (or reset) was seen

    async def _more(self) -> bytes:
        try:
            data = await asyncio.wait_for(self.reader.read(65536), WAIT)
        except ConnectionError:
            data = b""
        self.received += data
        if not data:
            self.ended.set()
        return data

    async def until(self, mark: bytes) -> bytes:
        """Read until ``mark`` arrived after everything read so far by this script."""
        start = len(self.received)
        while mark not in self.received[max(0, start - len(mark) + 1) :]:
            if not await self._more():
                raise ConnectionResetError(f"ended while waiting for {mark!r}")
        return self.received

    async def head(self) -> bytes:
        """Read up to the first blank line, or return what has arrived if it holds one."""
        if b"\r\n\r\n" not in self.received:
            await self.until(b"\r\n\r\n")
        return self.received.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"

    async def size(self, count: int) -> bytes:
        """Read until ``count`` bytes have arrived on this connection altogether."""
        while len(self.received) < count:
            if not await self._more():
                raise ConnectionResetError(f"ended after {len(self.received)} of {count} bytes")
        return self.received

    async def end(self) -> bytes:
        """Read until the other side ends."""
        while await self._more():
            pass
        return self.received

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    def reset(self) -> None:
        """Close with a TCP reset."""
        sock = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    async def close(self) -> None:
        self.writer.close()
        with contextlib.suppress(ConnectionError):
            await self.writer.wait_closed()


Script = Callable[[AppLink], Awaitable[None]]


def answering(answer: bytes = OK) -> Script:
    """A script that answers every request without a body on a connection with the same bytes."""

    async def script(link: AppLink) -> None:
        seen = 0
        while True:
            while link.received.count(b"\r\n\r\n") <= seen:
                if not await link._more():
                    return
            seen += 1
            await link.send(answer)

    return script


async def just_read(link: AppLink) -> None:
    """A script that never answers."""
    await link.end()


class RawApp:
    """A server whose connections are ``links``; each runs ``script``, which may be replaced."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.links: list[AppLink] = []
        self.errors: list[BaseException] = []
        self._accepted = asyncio.Condition()
        self._server: asyncio.Server | None = None
        self._running: set[asyncio.Task[None]] = set()
        self.host = ""
        self.port = 0

    async def start(self, host: str = "127.0.0.1", path: str = "") -> None:
        """Listen on any free port, or on a UNIX socket."""
        if path:
            self._server = await asyncio.start_unix_server(self._serve, path)
            self.host = "unix:" + path
            return
        self._server = await asyncio.start_server(self._serve, host, 0)
        self.host, self.port = self._server.sockets[0].getsockname()[:2]

    @property
    def received(self) -> bytes:
        """All bytes of all connections, in the order of connections."""
        return b"".join(link.received for link in self.links)

    async def link(self, number: int = 0) -> AppLink:
        """The connection with that number, once it was accepted."""
        async with self._accepted:
            await asyncio.wait_for(self._accepted.wait_for(lambda: len(self.links) > number), WAIT)
        return self.links[number]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        link = AppLink(reader, writer)
        task = asyncio.current_task()
        assert task is not None
        self._running.add(task)
        async with self._accepted:
            self.links.append(link)
            self._accepted.notify_all()
        try:
            await self.script(link)
        except (ConnectionError, asyncio.CancelledError):
            pass
        except BaseException as error:
            self.errors.append(error)
        finally:
            await link.close()
            self._running.discard(task)

    async def close(self) -> None:
        """Stop listening, end every connection, and report what a script got wrong."""
        assert self._server is not None
        self._server.close()
        running = list(self._running)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        await self._server.wait_closed()
        if self.errors:
            raise self.errors[0]


@contextlib.asynccontextmanager
async def raw_app(
    script: Script | None = None, *, host: str = "127.0.0.1", path: str = ""
) -> AsyncIterator[RawApp]:
    """A running ``RawApp``; without a script it answers ``OK`` to every request."""
    app = RawApp(script or answering())
    await app.start(host, path)
    try:
        yield app
    finally:
        await app.close()


async def unused_port(host: str = "127.0.0.1") -> int:
    """A port where nobody listens, and where nobody will by chance.

    A port that was bound for a moment and closed is soon given to the next server of the same
    test; so this one lies below those that the system gives away, and above the gateways' own.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for _ in range(200):
        port = random.randrange(30_000, 32_768)
        with socket.socket(family) as sock, contextlib.suppress(OSError):
            sock.bind((host, port))
            return port
    raise AssertionError("no free port")


async def unused_range(count: int, host: str = "127.0.0.1") -> range:
    """``count`` ports in a row where nobody listens at the moment.

    Below those that the system gives to clients: after a busy minute hardly any of them are free.
    """
    for _ in range(200):
        first = random.randrange(12_000, 19_000)
        with contextlib.ExitStack() as held, contextlib.suppress(OSError, OverflowError):
            for port in range(first, first + count):
                held.enter_context(socket.socket()).bind((host, port))
            return range(first, first + count)
    raise AssertionError("no free ports in a row")


class RawClient:
    """One client connection; ``received`` is all that ever arrived on it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.received = b""
        self._at = 0  # what the test has taken

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def _more(self) -> bool:
        data = await asyncio.wait_for(self.reader.read(65536), WAIT)
        self.received += data
        return bool(data)

    async def until(self, mark: bytes) -> bytes:
        """Take everything up to and including ``mark``."""
        while (found := self.received.find(mark, self._at)) < 0:
            if not await self._more():
                raise ConnectionResetError(f"ended with {self.received[self._at :]!r}")
        return self._take(found + len(mark))

    async def size(self, count: int) -> bytes:
        """Take exactly ``count`` bytes."""
        while len(self.received) < self._at + count:
            if not await self._more():
                raise ConnectionResetError(f"ended with {self.received[self._at :]!r}")
        return self._take(self._at + count)

    async def end(self) -> bytes:
        """Take everything until the other side ends in order; a reset raises."""
        while await self._more():
            pass
        return self._take(len(self.received))

    async def head(self) -> bytes:
        return await self.until(b"\r\n\r\n")

    async def answer(self) -> tuple[bytes, bytes]:
        """Take one answer with a Content-Length (or none): head and body."""
        head = await self.head()
        return head, await self.answer_body(head)

    async def answer_body(self, head: bytes) -> bytes:
        """Take the body that a head announces by its Content-Length."""
        length = 0
        for line in head.split(b"\r\n"):
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        return await self.size(length)

    def _take(self, end: int) -> bytes:
        taken, self._at = self.received[self._at : end], end
        return taken

    def half_close(self) -> None:
        self.writer.write_eof()

    def reset(self) -> None:
        """Close with a TCP reset."""
        sock = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    async def close(self) -> None:
        self.writer.close()
        with contextlib.suppress(ConnectionError):
            await self.writer.wait_closed()


@contextlib.asynccontextmanager
async def raw_client(port: int, host: str = "127.0.0.1") -> AsyncIterator[RawClient]:
    """A connected ``RawClient``."""
    client = RawClient(*await asyncio.open_connection(host, port))
    try:
        yield client
    finally:
        await client.close()


async def exchange(port: int, data: bytes, host: str = "127.0.0.1") -> bytes:
    """Send ``data`` on a new connection and return everything until the end."""
    async with raw_client(port, host) as client:
        await client.send(data)
        return await client.end()


async def eventually(condition: Callable[[], bool], what: str = "condition") -> None:
    """Let the loop run until ``condition()`` holds; fail after ``WAIT`` seconds."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + WAIT
    while not condition():
        if loop.time() > deadline:
            raise AssertionError(f"never happened: {what}")
        await asyncio.sleep(0.002)
