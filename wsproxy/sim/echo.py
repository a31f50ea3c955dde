"""A small TCP app that stands for sshd: it speaks first, then echoes."""

import asyncio
from contextlib import suppress
from typing import Self

from wsproxy.net.tasks import Tasks

GREETING = b"wsproxy demo echo\r\n"
"""Sent first, as sshd does: apps that speak first must work too."""

CHUNK = 1 << 18


class Echo:
    """Greets, then sends back what it receives; half-close ends it politely."""

    def __init__(self) -> None:
        self._server: asyncio.Server | None = None
        self._tasks = Tasks("sim-echo")
        self.port = 0

    async def start(self, host: str = "127.0.0.1") -> Self:
        self._server = await asyncio.start_server(self._accept, host, 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._tasks.start(_talk(reader, writer), "talk")

    async def close(self) -> None:
        """Stop listening and drop every connection."""
        if self._server is not None:
            self._server.close()
            await self._tasks.close()
            await self._server.wait_closed()
            self._server = None


async def _talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        with suppress(OSError):
            writer.write(GREETING)
            while chunk := await reader.read(CHUNK):
                writer.write(chunk)
                await writer.drain()
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()
