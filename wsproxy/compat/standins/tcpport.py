"""A port that carries raw TCP to one app, for whoever connects (protocol 7.5)."""

import asyncio
from contextlib import suppress

from wsproxy.compat.standins.circuits import Circuit
from wsproxy.core import clientip
from wsproxy.net.binding import listen
from wsproxy.net.tasks import Tasks

CHUNK = 1 << 20


class TcpPort:
    """Listens from ``open`` to ``close``."""

    def __init__(self, *, enforces_addresses: bool) -> None:
        self.circuit: Circuit | None = None
        self._enforces = enforces_addresses
        self._tasks = Tasks("standin-tcp")
        self._server: asyncio.Server | None = None

    async def open(self, circuit: Circuit, port: int = 0) -> None:
        """Listen; raises ``PortTaken``."""
        sock = (await listen("127.0.0.1", port))[0]
        self._server = await asyncio.start_server(self._accept, sock=sock)
        circuit.port = sock.getsockname()[1]
        self.circuit = circuit

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
            await self._tasks.close()
            await self._server.wait_closed()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._tasks.start(self._carry(reader, writer), "carry")

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        circuit = self.circuit
        try:
            with suppress(OSError):
                if circuit is not None and self._admits(writer, circuit):
                    await _connected(circuit, reader, writer)
        finally:
            writer.transport.abort() if writer.is_closing() else writer.close()

    def _admits(self, writer: asyncio.StreamWriter, circuit: Circuit) -> bool:
        if not self._enforces:
            return True
        peer = clientip.parse_address(str(writer.get_extra_info("peername")[0]))
        return clientip.may_use(peer, clientip.parse_list(circuit.allowed_client_ips or ""))


async def _connected(
    circuit: Circuit, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    start = circuit.start
    from_app, to_app = await asyncio.open_connection(start.kernel_host, start.kernel_port)
    tasks = Tasks("standin-tcp-pipe")
    try:
        both = {
            tasks.start(_pump(reader, to_app), "up"),
            tasks.start(_pump(from_app, writer), "down"),
        }
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
    finally:
        await tasks.close()
        to_app.transport.abort()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while chunk := await reader.read(CHUNK):
            writer.write(chunk)
            await writer.drain()
