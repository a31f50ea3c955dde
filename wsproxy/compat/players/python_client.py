"""The Python client: the manager's streams behind a port of this machine, no wsproxy (P 9.4, O 4).

app:      GET / → GET /stream/session/S/apps → per connection a WebSocket /stream/session/S/tcpproxy
destroy:  GET / → DELETE /session/S
"""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import quote

import aiohttp
from aiohttp import WSMsgType, hdrs
from multidict import CIMultiDict
from yarl import URL

from wsproxy.compat.eras.clients import Cli, Client
from wsproxy.compat.players.act import StepFailed, need, take
from wsproxy.compat.players.browser import Browser
from wsproxy.compat.players.conversation import Answer, Conversation, Nothing, Request, connections
from wsproxy.compat.players.manager_calls import joined
from wsproxy.compat.players.use import use
from wsproxy.compat.players.webui import PATIENCE
from wsproxy.compat.scene import Interlude, Outcome, Play, Scene, Step
from wsproxy.core import signing
from wsproxy.core.tunnel import host_field
from wsproxy.net.tasks import Tasks

CHUNK = 1 << 16
LARGEST_MESSAGE = 16 << 20

UNAVAILABLE = "HTTP/1.1 503 Service Unavailable\r\nConnection: Closed\r\n\r\nWebSocket reply: "


class PythonClient:
    """Plays one row. The session is called by its name."""

    def __init__(self, row: Client, *, patience: float = PATIENCE, closes: bool = True) -> None:
        assert row.cli is not None, row.name
        self._row = row
        self._cli: Cli = row.cli
        self._patience = patience
        self._closes = closes

    @property
    def name(self) -> str:
        return self._row.name

    async def play(self, scene: Scene, *, before_terminate: Interlude | None = None) -> Play:
        play = Play(asked=Outcome(True, "does not ask: it needs no wsproxy"))
        async with connections() as http, AsyncExitStack() as open_port:
            conversation = Conversation(http, self._patience)
            play.conversation = conversation.exchanges
            command = Command(self._cli, scene, conversation)
            if await take(play, Step.LAUNCH, _app(command, open_port)):
                await take(play, Step.USE, _use(command))
                if self._closes:
                    await take(play, Step.CLOSE, _close(open_port))
            if before_terminate is not None:
                await before_terminate()
            await take(play, Step.TERMINATE, _destroy(command, play))
        return play


@dataclass(slots=True)
class Command:
    """``backend.ai`` at work. ``port`` is the local one, 0 while nothing listens."""

    cli: Cli
    scene: Scene
    conversation: Conversation
    revision: str = ""
    port: int = 0
    tasks: Tasks = field(default_factory=lambda: Tasks("compat-python-client"))

    @property
    def session(self) -> str:
        return quote(self.scene.session_name, safe="")

    async def negotiate(self) -> None:
        """``GET /``: comes down to what the manager speaks; raises ``StepFailed``."""
        said = need(await self.ask(hdrs.METH_GET, "/", signed=False))
        theirs = said.object.get("version")
        if not isinstance(theirs, str):
            raise StepFailed(f"the manager's version was answered {said.status}")
        self.revision = min(theirs, self.cli.api_revision, key=_order)
        if _order(self.revision) < _order(self.cli.oldest_revision):
            raise StepFailed(f"the manager speaks {theirs}, too old for this client")

    async def ask(self, method: str, path: str, *, signed: bool = True) -> Answer | Nothing:
        url = joined(self.scene.manager, path)
        fields = self.signed(method, url) if signed else self._agent()
        return await self.conversation.ask(Request(method, url, fields))

    def signed(self, method: str, url: URL, *, content_type: bool = True) -> list[tuple[str, str]]:
        """A ``Date`` field, which is signed too; a WebSocket has no content type (P 3.2)."""
        now = datetime.now(UTC)
        covered = signing.ToSign(
            method,
            url.raw_path_qs,
            host_field(url),
            now.isoformat(timespec="microseconds"),
            signing.DEFAULT_CONTENT_TYPE,
            self.revision,
        )
        proof = signing.signature(self.scene.secret_key, covered, now.strftime("%Y%m%d"))
        credential = f"{self.scene.access_key}:{proof}"
        fields = [*self._agent(), ("X-BackendAI-Domain", "default")]
        if content_type:
            fields.append(("Content-Type", covered.content_type))
        return [
            *fields,
            ("X-BackendAI-Version", self.revision),
            ("Date", covered.date),
            ("Authorization", f"BackendAI signMethod={signing.METHOD}, credential={credential}"),
        ]

    def _agent(self) -> list[tuple[str, str]]:
        return [("User-Agent", "Backend.AI Client for Python")]


def _order(revision: str) -> tuple[int, int]:
    major, _, date = revision.removeprefix("v").partition(".")
    return (int(major), int(date)) if major.isdigit() and date.isdigit() else (0, 0)


async def _app(command: Command, open_port: AsyncExitStack) -> str:
    await command.negotiate()
    said = need(await command.ask(hdrs.METH_GET, f"/stream/session/{command.session}/apps"))
    listed = said.document if said.good and isinstance(said.document, list) else []
    names = [one.get("name") for one in listed if isinstance(one, Mapping)]
    if command.scene.app not in names:
        raise StepFailed(f"the app is not among those of the session ({said.status})")
    await open_port.enter_async_context(listening(command))
    return f"listens on 127.0.0.1:{command.port}"


async def _use(command: Command) -> str:
    page = URL(f"http://127.0.0.1:{command.port}/")
    return await use(Browser(str(page.origin()), command.conversation), page, command.scene.marker)


async def _close(open_port: AsyncExitStack) -> str:
    await open_port.aclose()
    return "listens no more"


async def _destroy(command: Command, play: Play) -> str:
    await command.negotiate()
    play.asks_delete = True
    said = need(await command.ask(hdrs.METH_DELETE, f"/session/{command.session}"))
    if not said.good:
        raise StepFailed(f"the manager answered the deletion with {said.status}")
    return "deleted"


@asynccontextmanager
async def listening(command: Command) -> AsyncIterator[None]:
    """A port of this machine; each connection to it is a tunnel of its own."""

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        command.tasks.start(_connection(command, reader, writer), "connection")

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    command.port = server.sockets[0].getsockname()[1]
    try:
        yield
    finally:
        server.close()
        await command.tasks.close()
        await server.wait_closed()


async def _connection(
    command: Command, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    path = f"/stream/session/{command.session}/{command.cli.stream_kind}"
    url = joined(command.scene.manager, f"{path}?app={quote(command.scene.app, safe='')}")
    request = Request("GET", url, command.signed("GET", url, content_type=False))
    started, status, failure = time.monotonic(), 0, ""
    try:
        async with command.conversation.http.ws_connect(
            url,
            headers=CIMultiDict(request.fields),
            heartbeat=command.cli.heartbeat,
            max_msg_size=LARGEST_MESSAGE,
        ) as stream:
            status = 101
            code = await _carry(command.tasks, reader, writer, stream)
        failure = f"closed with {code}" if code != aiohttp.WSCloseCode.OK else ""
    except aiohttp.WSServerHandshakeError as error:
        status, failure = error.status, f"answered {error.status}"
    except (aiohttp.ClientError, OSError) as error:
        failure = str(error)
    finally:
        command.conversation.note(request, None, time.monotonic() - started, status, failure)
        await _end(writer, failure)


async def _end(writer: asyncio.StreamWriter, failure: str) -> None:
    with suppress(OSError):
        if failure:
            writer.write(f"{UNAVAILABLE}{failure}".encode())
        writer.close()
        await writer.wait_closed()


async def _carry(
    tasks: Tasks,
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    stream: aiohttp.ClientWebSocketResponse,
) -> int:
    """Both ways until either ends; the close code."""
    up = tasks.start(_up(reader, stream), "up")
    try:
        with suppress(ConnectionError):
            async for message in stream:
                if message.type is WSMsgType.BINARY:
                    writer.write(message.data)
                    await writer.drain()
    finally:
        up.cancel()
    return stream.close_code or aiohttp.WSCloseCode.OK


async def _up(reader: asyncio.StreamReader, stream: aiohttp.ClientWebSocketResponse) -> None:
    with suppress(OSError):
        while chunk := await reader.read(CHUNK):
            await stream.send_bytes(chunk)
    await stream.close()
