"""``POST /v2/conf``: a manager announces an app's address and gets a start token (protocol 5.2)."""

import asyncio
import socket
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from ipaddress import ip_address

from aiohttp import hdrs, web

from wsproxy.api.answers import json_response
from wsproxy.api.body import read_document, validate
from wsproxy.api.endpoint import Endpoint
from wsproxy.api.v2.caller import peer_host
from wsproxy.api.v2.parameters import Conf, not_for_inference
from wsproxy.api.v2.start_tokens import StartTokens
from wsproxy.core.apiauth import DENIED
from wsproxy.core.confaccess import ConfRules, fields_of, may_configure
from wsproxy.core.problem import Problem, ProblemError
from wsproxy.core.targets import Listening, TargetRules, check_target
from wsproxy.core.tokens import StartToken
from wsproxy.core.wire import Version

Resolve = Callable[[str, int], Awaitable[tuple[str, ...]]]
"""The addresses of a name, as a connection would find them; empty when it has none (now)."""

RESOLVER_DEADLINE = 1.0
"""Seconds. A name that is not found in time is judged when it is connected to."""


async def resolve(host: str, port: int) -> tuple[str, ...]:
    """The system's resolver. It also knows spellings like ``127.1`` and ``0x7f000001``."""
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(RESOLVER_DEADLINE):
            found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return ()
    return tuple(dict.fromkeys(str(info[4][0]) for info in found))


@dataclass(frozen=True, slots=True)
class ConfPart:
    """What the endpoint needs. ``listening`` gives our own listeners with a port, as of now."""

    tokens: StartTokens
    access: ConfRules
    targets: TargetRules
    listening: Callable[[int], Iterable[Listening]]
    clock: Callable[[], float] = time.time
    resolve: Resolve = field(default=resolve)


def endpoints(part: ConfPart) -> list[Endpoint]:
    """The one route of this module."""
    handler = _Conf(part)
    return [Endpoint(hdrs.METH_POST, "/v2/conf", handler.announce, Version.V2)]


class _Conf:
    def __init__(self, part: ConfPart) -> None:
        self._part = part

    async def announce(self, request: web.Request) -> web.StreamResponse:
        now = self._part.clock()
        fields = fields_of(request.headers.items())
        if not may_configure(peer_host(request), fields, self._part.access, now):
            raise ProblemError(DENIED)
        conf = await self._read(request)
        await self._check_target(conf)
        token = _token(conf, self._part.tokens, now)
        await self._part.tokens.save(token)
        return json_response({"token": str(token.id)})

    async def _read(self, request: web.Request) -> Conf:
        document = await read_document(request)
        if not_for_inference(document):
            raise ProblemError(
                Problem("invalid-api-params", msg="session: Not meant for inference apps")
            )
        return validate(Conf, document)

    async def _check_target(self, conf: Conf) -> None:
        """Early, so that the manager learns of it; the address counts again when connecting."""
        addresses = _literal(conf.kernel_host)
        if addresses is None:
            addresses = await self._part.resolve(conf.kernel_host, conf.kernel_port)
        own = self._part.listening(conf.kernel_port)
        problem = check_target(addresses, conf.kernel_port, own, self._part.targets)
        if problem is not None:
            raise ProblemError(problem)


def _literal(host: str) -> tuple[str, ...] | None:
    try:
        ip_address(host.partition("%")[0])
    except ValueError:
        return None
    return (host,)


def _token(conf: Conf, tokens: StartTokens, now: float) -> StartToken:
    """Without a session block the token is bound to the session that uses it first."""
    session = conf.session
    login_token = conf.login_session_token or ""
    if session is None:
        return StartToken(
            tokens.new_id(), "", conf.kernel_host, conf.kernel_port, now, login_token=login_token
        )
    return StartToken(
        id=tokens.new_id(),
        session_id=str(session.id),
        kernel_host=conf.kernel_host,
        kernel_port=conf.kernel_port,
        created_at=now,
        owner=session.access_key,
        user_id=str(session.user_uuid or ""),
        project_id=str(session.project_id or session.group_id or ""),
        domain_name=session.domain_name or "",
        login_token=login_token,
    )
