"""From an address to an open WebSocket: connect, CONNECT where a proxy is set, upgrade.

Every error becomes a ``Failure`` on the manager's side; a refused handshake keeps its status.
"""

import asyncio
import secrets
import ssl
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import cast

from yarl import URL

from wsproxy.core.failure import Failure, FailureKind, Side
from wsproxy.core.wshandshake import (
    Answer,
    accepts,
    connect_request,
    new_key,
    proxy_credentials,
    read_head,
    upgrade_request,
)
from wsproxy.net.connect import ConnectRules, connect


class HandshakeError(Exception):
    """Carries the failure out of the steps below."""

    def __init__(self, kind: FailureKind, detail: str, status: int | None = None) -> None:
        super().__init__(detail)
        self.failure = Failure(kind, Side.MANAGER, detail, status)


@dataclass(frozen=True)
class HandshakeRules:
    """``connect`` and ``answer``: seconds; a manager answers only once it started the app.

    ``http_proxy``: an HTTP CONNECT proxy, "" for none; it is used for every tunnel, whatever the
    mode and the scheme (protocol 1, EXT_HTTP_PROXY). May hold a password: not in the ``repr``.
    """

    connect: float = 10.0
    answer: float = 30.0
    verify_tls: bool = True

    @cached_property
    def tls(self) -> ssl.SSLContext:
        """Made once: loading the certificates takes milliseconds."""
        context = ssl.create_default_context()
        if not self.verify_tls:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context


@dataclass(frozen=True, slots=True)
class Upgraded:
    """A socket after the 101; reading is paused. ``rest`` came with the answer."""

    socket: asyncio.Transport
    rest: bytes


class _Conversation(asyncio.Protocol):
    """Asks, and waits for one answer head at a time."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.rest = b""
        self._answer: asyncio.Future[Answer] | None = None
        self._lost: HandshakeError | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport = cast(asyncio.Transport, transport)  # uvloop's is no subclass
        self.transport = transport

    async def ask(self, socket: asyncio.Transport, request: bytes) -> Answer:
        if self._lost is not None:
            raise self._lost
        self._answer = asyncio.get_running_loop().create_future()
        socket.write(request)
        return await self._answer

    def data_received(self, data: bytes) -> None:
        self.rest += data
        if self._answer is None or self._answer.done():
            return
        try:
            found = read_head(self.rest)
        except ValueError as error:
            self._fail(HandshakeError(FailureKind.MALFORMED_ANSWER, str(error)))
            return
        if found is not None:
            answer, self.rest = found
            assert self.transport is not None
            if answer.status == 101:
                self.transport.pause_reading()  # what follows is for the tunnel
            self._answer.set_result(answer)

    def connection_lost(self, error: Exception | None) -> None:
        said = "closed the connection without an answer"
        self._fail(HandshakeError(FailureKind.CLOSED_EARLY, f"The manager {said}."))

    def _fail(self, error: HandshakeError) -> None:
        self._lost = error
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(error)


Fields = Iterable[tuple[str, str]]


async def upgrade(
    url: URL,
    host: str,
    fields: Fields,
    rules: HandshakeRules,
    proxy: URL | None,
    explain: Callable[[Answer], str],
) -> Upgraded | Failure:
    """Open the WebSocket. ``explain`` adds words for a person to a refusal."""
    conversation = _Conversation()
    try:
        async with asyncio.timeout(rules.answer):
            socket = await _reach(url, conversation, rules, proxy)
            key = new_key(secrets.token_bytes(16))
            answer = await conversation.ask(socket, upgrade_request(url, host, key, fields))
            _check(answer, key, explain)
        return Upgraded(socket, conversation.rest)
    except HandshakeError as error:
        failure = error.failure
    except TimeoutError:
        said = "The manager did not answer in time."
        failure = Failure(FailureKind.CONNECT_TIMEOUT, Side.MANAGER, said)
    except (OSError, ValueError) as error:
        kind = FailureKind.TLS if isinstance(error, ssl.SSLError) else FailureKind.CLOSED_EARLY
        failure = Failure(kind, Side.MANAGER, str(error))
    except asyncio.CancelledError:
        _hang_up(conversation)
        raise
    _hang_up(conversation)
    return failure


def _hang_up(conversation: _Conversation) -> None:
    if conversation.transport is not None and not conversation.transport.is_closing():
        conversation.transport.abort()


def _check(answer: Answer, key: str, explain: Callable[[Answer], str]) -> None:
    if answer.status != 101:
        raise HandshakeError(FailureKind.MANAGER_REFUSED, explain(answer), answer.status)
    if not accepts(answer, key):
        said = "The manager's answer is no valid WebSocket handshake."
        raise HandshakeError(FailureKind.MALFORMED_ANSWER, said)


async def _reach(
    url: URL, conversation: _Conversation, rules: HandshakeRules, proxy: URL | None
) -> asyncio.Transport:
    """A connected socket to the manager, with TLS where the URL wants it."""
    host, port = url.host or "", url.port or 0
    tls = rules.tls if url.scheme == "wss" else None
    if proxy is None:
        return await _connect(host, port, conversation, rules, tls)
    socket = await _connect(proxy.host or "", proxy.port or 0, conversation, rules, None)
    authority = f"{url.host_subcomponent}:{port}"
    request = connect_request(authority, proxy_credentials(proxy))
    answer = await conversation.ask(socket, request)
    if not 200 <= answer.status < 300:
        said = f"The HTTP proxy for tunnels answered {answer.status} to CONNECT {authority}."
        raise HandshakeError(FailureKind.UNREACHABLE, said)
    if tls is None:
        return socket
    loop = asyncio.get_running_loop()
    inner = await loop.start_tls(socket, conversation, tls, server_hostname=host)
    assert inner is not None
    conversation.transport = inner
    return inner


async def _connect(
    host: str,
    port: int,
    conversation: _Conversation,
    rules: HandshakeRules,
    tls: ssl.SSLContext | None,
) -> asyncio.Transport:
    how = ConnectRules(deadline=rules.connect, tls=tls, side=Side.MANAGER)
    outcome = await connect(host, port, lambda: conversation, how)
    if isinstance(outcome, Failure):
        raise HandshakeError(outcome.kind, outcome.detail)
    return outcome[0]
