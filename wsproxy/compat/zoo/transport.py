"""Animals that are wrong below HTTP: sockets, names, TLS."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager

from wsproxy.compat.zoo.answers import HTML, Den, den, rendered, saying, status_body
from wsproxy.compat.zoo.keeper import for_ever, hear_out

TLS_ALERT = bytes.fromhex("15030100020246")
"""A TLS record: fatal alert, protocol version (RFC 8446 section 6)."""


@asynccontextmanager
async def refuse() -> AsyncIterator[str]:
    """A port that is taken and not listening: nobody else gets it, and connecting is refused."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"


@asynccontextmanager
async def unanswered() -> AsyncIterator[str]:
    """A listener whose queue is full: the connection attempt itself gets no answer (Linux)."""
    with ExitStack() as stack:
        full = stack.enter_context(socket.socket())
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        address = full.getsockname()
        for _ in range(4):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(address)
        yield f"http://127.0.0.1:{address[1]}"


@asynccontextmanager
async def unresolvable() -> AsyncIterator[str]:
    """A name that has no address anywhere (RFC 6761 section 6.4)."""
    yield "http://no-such-host.wsproxy.invalid:10200"


def literally(address: str) -> Den:
    """An address that is wrong as it is written; there is no server."""

    @asynccontextmanager
    async def enter() -> AsyncIterator[str]:
        yield address

    return enter


async def _hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Accepts, listens, never says a word."""
    await hear_out(reader)
    await for_ever()


async def _reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(65536)
    linger = struct.pack("ii", 1, 0)
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)


async def _half_close(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Ends its own direction without an answer and goes on listening."""
    await reader.read(65536)
    writer.write_eof()
    await hear_out(reader)


async def _close(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(65536)
    writer.close()
    await writer.wait_closed()


async def _plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """What most HTTP servers say to the greeting of TLS, and to anything else."""
    await reader.read(65536)
    writer.write(rendered(400, b"<h1>400 Bad Request</h1>", HTML))
    await writer.drain()
    writer.write_eof()
    await hear_out(reader)


async def _tls_alert(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """What many TLS servers say to plain HTTP."""
    await reader.read(1)
    writer.write(TLS_ALERT)
    await writer.drain()
    writer.write_eof()
    await hear_out(reader)


async def _ssh(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"SSH-2.0-OpenSSH_9.7\r\n")
    await writer.drain()
    await hear_out(reader)


_GOOD = saying(rendered(200, status_body("v2")))

hang = den(_hang)
reset = den(_reset)
half_close = den(_half_close)
close = den(_close)
ssh = den(_ssh)
tls_alert = den(_tls_alert)
tls_on_plain = den(_GOOD, certificate="good")
plain_on_tls = den(_plain, scheme="https")
expired_certificate = den(_GOOD, scheme="https", certificate="expired")
wrong_name = den(_GOOD, scheme="https", certificate="wrong-name")
untrusted = den(_GOOD, scheme="https", certificate="good")
ipv6_only = den(_GOOD, host="::1")
