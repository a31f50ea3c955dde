"""The Node proxy's gateways: a listener for each app, a WebSocket for each connection (P 3)."""

import asyncio
import socket
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import quote

from aiohttp import (
    ClientError,
    ClientSession,
    ClientWebSocketResponse,
    WSMsgType,
    WSServerHandshakeError,
)
from yarl import URL

from wsproxy.compat.eras.proxies import NodeTraits
from wsproxy.compat.standins import nodepages
from wsproxy.core import signing
from wsproxy.net.binding import PortTaken, listen
from wsproxy.net.tasks import Tasks

HOST = "127.0.0.1"
LARGEST_MESSAGE = 16 * 1024 * 1024
CHUNK = 1 << 16
UNRESERVED = "~()*!'-._;/?:@&=+$,#"
"""What ``encodeURI`` leaves alone beside letters and digits."""


@dataclass(frozen=True, slots=True)
class Configuration:
    """What ``PUT /conf`` left; the last one wins for everybody."""

    endpoint: str
    session_mode: bool
    session: str = field(default="", repr=False)
    auth_mode: str = ""
    access_key: str = ""
    secret_key: str = field(default="", repr=False)
    api_version: float = 4

    @property
    def base(self) -> str:
        return f"{self.endpoint}/func" if self.session_mode else self.endpoint


@dataclass(frozen=True, slots=True)
class App:
    """Which app, and what it is started with: JSON text of objects, or ""."""

    session: str
    name: str
    envs: str = ""
    arguments: str = ""

    @property
    def key(self) -> str:
        return f"{self.session}|{self.name}"


class Gateway:
    """Keeps the configuration it was made with."""

    def __init__(
        self, traits: NodeTraits, app: App, configuration: Configuration, http: ClientSession
    ) -> None:
        self._traits = traits
        self._app = app
        self._configuration = configuration
        self._http = http
        self._server: asyncio.Server | None = None
        self._tasks = Tasks("standin-node")
        self._starting = 0
        self.port = 0

    @property
    def listens(self) -> bool:
        return self._server is not None and self._server.is_serving()

    async def start(self, preferred: int) -> None:
        """Listen; raises ``PortTaken`` when five attempts have failed."""
        sock = await _bound(preferred)
        self._server = await asyncio.start_server(self._accept, sock=sock)
        self.port = sock.getsockname()[1]

    def stop(self) -> None:
        """The listener only: what is open runs on (protocol 2.5)."""
        if self._server is not None:
            self._server.close()

    async def close(self) -> None:
        self.stop()
        await self._tasks.close()
        if self._server is not None:
            await self._server.wait_closed()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._tasks.start(self._connection(reader, writer), "connection")

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with suppress(OSError):
                await self._tunnel(reader, writer)
                await writer.drain()
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    async def _tunnel(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        url = self._url()
        try:
            stream = await self._http.ws_connect(
                url, headers=self._fields(url), max_msg_size=LARGEST_MESSAGE, autoping=True
            )
        except WSServerHandshakeError as error:
            writer.write(self._refused(error.status))
            return
        except (ClientError, OSError, ValueError):
            writer.write(nodepages.failed(nodepages.NO_NETWORK))
            return
        async with stream:
            if self._configuration.session_mode:
                self._starting = 0
            await self._pump(reader, writer, stream)

    def _url(self) -> URL:
        app, configuration = self._app, self._configuration
        prefix = "session" if configuration.api_version > 4 else "kernel"
        kind = "tcpproxy" if app.name in self._traits.tcp_apps else "httpproxy"
        query = f"app={quote(app.name, safe=UNRESERVED)}"
        if self._traits.before_2022:
            query += "".join(f"&{name}={text}" for name, text in _given(app, "args"))
        else:
            wanted = _given(app, "arguments")
            query += "".join(f"&{name}={quote(text, safe=UNRESERVED)}" for name, text in wanted)
        path = f"/stream/{prefix}/{app.session}/{kind}?{query}"
        return URL(configuration.base + path, encoded=True)

    def _fields(self, url: URL) -> dict[str, str]:
        configuration = self._configuration
        if not configuration.session_mode:
            keypair = signing.Keypair(configuration.access_key, configuration.secret_key)
            host = configuration.endpoint.partition("://")[2]  # a path would stay in it
            now, version = datetime.now(UTC), self._traits.api_version_header
            return dict(signing.signed_fields(keypair, "GET", url.raw_path_qs, host, now, version))
        if configuration.auth_mode == "cookie" or self._traits.before_2022:
            login = {"Cookie": f"AIOHTTP_SESSION={configuration.session}"}
        else:
            login = {"X-BackendAI-SessionID": configuration.session}
        return {"Content-Type": "application/json", **login}

    def _refused(self, status: int) -> bytes:
        session = self._configuration.session_mode
        if status == 500 and self._starting < self._traits.starting_pages:
            self._starting += 1
            return nodepages.STARTING
        return nodepages.failed(nodepages.trouble(status, session=session))

    async def _pump(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        stream: ClientWebSocketResponse,
    ) -> None:
        """Until either ends, or nothing passed for the idle time (protocol 3.1)."""
        session = self._configuration.session_mode
        idle = self._traits.idle_session if session else self._traits.idle_api
        tasks = Tasks("standin-node-pump")
        try:
            async with asyncio.timeout(idle) as clock:
                touch = _Touch(clock, idle)
                both = {
                    tasks.start(_up(reader, stream, touch), "up"),
                    tasks.start(_down(stream, writer, touch), "down"),
                }
                await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        except TimeoutError:
            writer.transport.abort()
        finally:
            await tasks.close()


def _given(app: App, arguments: str) -> list[tuple[str, str]]:
    """What the app is started with; ``arguments`` is the name that its arguments go by."""
    pairs = [("envs", app.envs), (arguments, app.arguments)]
    return [(name, text) for name, text in pairs if text]


@dataclass(frozen=True, slots=True)
class _Touch:
    """Says that something passed."""

    clock: asyncio.Timeout
    idle: float

    def __call__(self) -> None:
        if not self.clock.expired():
            self.clock.reschedule(asyncio.get_running_loop().time() + self.idle)


async def _up(reader: asyncio.StreamReader, stream: ClientWebSocketResponse, touch: _Touch) -> None:
    with suppress(OSError):
        while chunk := await reader.read(CHUNK):
            touch()
            await stream.send_bytes(chunk)


async def _down(
    stream: ClientWebSocketResponse, writer: asyncio.StreamWriter, touch: _Touch
) -> None:
    with suppress(OSError):
        async for message in stream:
            if message.type is WSMsgType.BINARY:
                touch()
                writer.write(message.data)
                await writer.drain()


async def _bound(preferred: int) -> socket.socket:
    """The wanted port, the three after it, and at last any (protocol 2.4)."""
    wanted = [preferred + step for step in range(4)] if preferred else [0] * 4
    for port in (*wanted, 0):
        with suppress(PortTaken):
            return (await listen(HOST, port))[0]
    raise PortTaken("five attempts have failed")
