"""Runs one animal: a server on a port from the system, gone without a trace when left."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from wsproxy.net.tasks import Tasks

Visit = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
"""What an animal does with one connection."""

CERTIFICATES = Path(__file__).parent / "certificates"
AUTHORITY = CERTIFICATES / "authority.pem"
"""Signed the zoo's certificates; trust it, and only the fault that was meant is left."""


@asynccontextmanager
async def living(
    visit: Visit, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None
) -> AsyncIterator[int]:
    """Serve ``visit`` and give the port; afterwards every connection is cut.

    The loop's own server accepts in tasks that outlive it, so the door is kept by hand here.
    """
    tasks = Tasks("zoo")
    guests: list[socket.socket] = []
    loop = asyncio.get_running_loop()
    family = socket.AF_INET6 if ":" in host else socket.AF_INET

    def welcome() -> None:
        with suppress(BlockingIOError, ConnectionError):  # the guest has left again
            guest, _ = door.accept()
            guest.setblocking(False)
            guests.append(guest)
            tasks.start(_receive(guest, visit, tls), "visit")

    with socket.create_server((host, 0), family=family, backlog=100) as door:
        door.setblocking(False)
        loop.add_reader(door, welcome)
        try:
            yield door.getsockname()[1]
        finally:
            loop.remove_reader(door)
            await tasks.close()
            await asyncio.sleep(0)  # transports let go of their sockets
            for guest in guests:
                guest.close()


async def _receive(guest: socket.socket, visit: Visit, tls: ssl.SSLContext | None) -> None:
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    protocol = asyncio.StreamReaderProtocol(reader)
    # RuntimeError: uvloop's word for a transport that the visitor has ended
    with suppress(OSError, EOFError, asyncio.LimitOverrunError, RuntimeError):
        transport, _ = await loop.connect_accepted_socket(lambda: protocol, guest, ssl=tls)
        writer = asyncio.StreamWriter(transport, protocol, reader, loop)
        try:
            await visit(reader, writer)
        finally:
            transport.abort()
            await asyncio.sleep(0)


def tls_context(certificate: str) -> ssl.SSLContext:
    """A server's context with one of the zoo's certificates: good, expired, wrong-name."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATES / f"{certificate}.pem")
    return context


async def request_head(reader: asyncio.StreamReader) -> bytes:
    """What the visitor asked, up to the empty line."""
    return await reader.readuntil(b"\r\n\r\n")


async def hear_out(reader: asyncio.StreamReader) -> None:
    """Read until the visitor leaves: closing with unread bytes would reset, and lose the answer."""
    while await reader.read(65536):
        pass


async def for_ever() -> None:
    """Wait until the keeper closes."""
    await asyncio.get_running_loop().create_future()
