"""A closed loop of small HTTP requests over kept-alive connections, and who answers them."""

import asyncio
import time
from dataclasses import dataclass
from typing import cast

import click

from wsproxy.cli.serve import loop_factory

BODY = b"x" * 128
ANSWER = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nServer: bench\r\n"
    b"Content-Length: %d\r\n\r\n%s" % (len(BODY), BODY)
)
END_OF_HEAD = b"\r\n\r\n"


class Backend(asyncio.Protocol):
    """Answers every request head with the same 128 bytes."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is no subclass
        self._rest = b""

    def data_received(self, data: bytes) -> None:
        data = self._rest + data
        heads = data.count(END_OF_HEAD)
        self._rest = data.rpartition(END_OF_HEAD)[2]
        if heads:
            self._transport.write(ANSWER * heads)


async def serve_backend() -> None:
    """Listen on a port of the system's choice, print it, and answer until the end."""
    server = await asyncio.get_running_loop().create_server(Backend, "127.0.0.1", 0)
    click.echo(server.sockets[0].getsockname()[1])
    await server.serve_forever()


@dataclass
class Count:
    """What one run of the loop saw."""

    answers: int = 0
    faults: int = 0
    running: bool = True


class Caller(asyncio.Protocol):
    """One connection that always has one request under way. Checks status and length."""

    def __init__(self, request: bytes, count: Count) -> None:
        self._request = request
        self._count = count
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is no subclass
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, end, body = self._received.partition(END_OF_HEAD)
        if not end or len(body) < len(BODY):
            return
        self._received = b""
        if head.startswith(b"HTTP/1.1 200 ") and body == BODY:
            self._count.answers += 1
        else:
            self._count.faults += 1
        if self._count.running:
            self._transport.write(self._request)
        else:
            self._transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        self._count.faults += self._count.running


def request(port: int, cookie: str) -> bytes:
    """Six fields, one of them a permit cookie of about 108 bytes."""
    return (
        f"GET /api/kernels?1 HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUser-Agent: bench/1\r\n"
        "Accept: */*\r\nAccept-Encoding: gzip, deflate\r\nReferer: http://127.0.0.1/lab\r\n"
        f"Cookie: {cookie}\r\n\r\n"
    ).encode()


async def run(port: int, cookie: str, seconds: float, connections: int) -> tuple[Count, float]:
    """Load one port; the count, and the seconds it took."""
    loop = asyncio.get_running_loop()
    count = Count()
    text = request(port, cookie)
    began = time.monotonic()
    opened = [
        await loop.create_connection(lambda: Caller(text, count), "127.0.0.1", port)
        for _ in range(connections)
    ]
    await asyncio.sleep(seconds)
    took = time.monotonic() - began
    count.running = False
    for transport, _ in opened:
        transport.abort()
    return count, took


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(serve_backend())
