"""Runs one animal: a server on a port from the system, gone without a trace when left."""

import asyncio
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
    """Serve ``visit`` and give the port; afterwards every connection is cut."""
    tasks = Tasks("zoo")
    writers: set[asyncio.StreamWriter] = set()

    async def guarded(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with suppress(OSError, EOFError, asyncio.LimitOverrunError):
                if tls is not None:  # in our own task: the loop's would outlive the server
                    await writer.start_tls(tls)
                await visit(reader, writer)
        finally:
            writers.discard(writer)
            writer.transport.abort()

    def arrive(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.add(writer)
        tasks.start(guarded(reader, writer), "visit")

    server = await asyncio.start_server(arrive, host, 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await tasks.close()
        for writer in list(writers):
            writer.transport.abort()
        await server.wait_closed()


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
