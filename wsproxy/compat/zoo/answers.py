"""Animals that speak HTTP, and say the wrong thing."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from http import HTTPStatus

from wsproxy.compat.zoo.keeper import Visit, hear_out, living, request_head, tls_context

Den = Callable[[], AbstractAsyncContextManager[str]]
"""Enter it, and it gives the address."""

JSON = "application/json; charset=utf-8"
HTML = "text/html; charset=utf-8"
PAGE = b"<!doctype html><html><head><title>It works!</title></head><body>It works!</body></html>"


def status_body(version: object) -> bytes:
    """The body of a ``/status`` that names ``version`` (protocol 5.1)."""
    return json.dumps({"api_version": version}).encode()


def rendered(status: int, body: bytes, content_type: str = JSON, headers: str = "") -> bytes:
    """A complete answer that ends its connection."""
    phrase = HTTPStatus(status).phrase
    head = (
        f"HTTP/1.1 {status} {phrase}\r\nContent-Type: {content_type}\r\n"
        f"Content-Length: {len(body)}\r\n{headers}Connection: close\r\n\r\n"
    )
    return head.encode() + body


def saying(answer: bytes) -> Visit:
    """Answer every request with these bytes; HEAD gets the head of them."""

    async def visit(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await request_head(reader)
        end = answer.find(b"\r\n\r\n") + 4 if head.startswith(b"HEAD ") else len(answer)
        writer.write(answer[:end])
        await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()
        else:  # TLS has no half-close here
            writer.close()
        await hear_out(reader)

    return visit


def den(visit: Visit, scheme: str = "http", host: str = "127.0.0.1", certificate: str = "") -> Den:
    """A den for ``visit``; ``certificate`` makes its server speak TLS."""

    @asynccontextmanager
    async def enter() -> AsyncIterator[str]:
        tls = tls_context(certificate) if certificate else None
        async with living(visit, host, tls) as port:
            name = f"[{host}]" if ":" in host else host
            yield f"{scheme}://{name}:{port}"

    return enter


def answers(status: int, body: bytes, content_type: str = JSON) -> Den:
    return den(saying(rendered(status, body, content_type)))


def says(version: object) -> Den:
    """A good ``/status``, as far as HTTP and JSON go."""
    return answers(200, status_body(version))


def fails(status: int) -> Den:
    """An error page of the usual kind."""
    return answers(status, f"<h1>{status} {HTTPStatus(status).phrase}</h1>".encode(), HTML)


@asynccontextmanager
async def with_slash() -> AsyncIterator[str]:
    """A good answer; managers before 26.2 append to the address as it is (protocol 8.1)."""
    async with says("v2")() as address:
        yield f"{address}/"


async def _redirect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Everything leads to /elsewhere, and there is a healthy v2."""
    head = await request_head(reader)
    if head.split(b" ", 2)[1] == b"/elsewhere":
        writer.write(rendered(200, status_body("v2")))
    else:
        writer.write(rendered(302, b"", HTML, "Location: /elsewhere\r\n"))
    await writer.drain()
    writer.write_eof()
    await hear_out(reader)


async def _redirect_loop(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    target = (await request_head(reader)).split(b" ", 2)[1].decode("latin-1")
    writer.write(rendered(302, b"", HTML, f"Location: {target}\r\n"))
    await writer.drain()
    writer.write_eof()
    await hear_out(reader)


async def _infinite_body(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await request_head(reader)
    writer.write(
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    chunk = b"1000\r\n" + b" " * 4096 + b"\r\n"
    while not writer.is_closing():
        writer.write(chunk)
        await writer.drain()
        await asyncio.sleep(0)


async def _endless_head(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await request_head(reader)
    writer.write(b"HTTP/1.1 200 OK\r\n")
    while not writer.is_closing():
        writer.write(b"X-Filler: " + b"x" * 1000 + b"\r\n")
        await writer.drain()
        await asyncio.sleep(0)


async def _drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A good answer, one byte a second."""
    await request_head(reader)
    for byte in rendered(200, status_body("v2")):
        writer.write(bytes([byte]))
        await writer.drain()
        await asyncio.sleep(1.0)


async def _stalled_body(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """The head of a good answer and half of its body, then nothing."""
    await request_head(reader)
    writer.write(rendered(200, status_body("v2"))[:-8])
    await writer.drain()
    await hear_out(reader)


redirect = den(_redirect)
redirect_loop = den(_redirect_loop)
infinite_body = den(_infinite_body)
endless_head = den(_endless_head)
drip = den(_drip)
stalled_body = den(_stalled_body)
truncated = den(saying(rendered(200, status_body("v2"))[:-8]))
