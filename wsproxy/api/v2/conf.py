"""``POST /v2/conf``: a manager announces an app's address and gets a start token (protocol 5.2)."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

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
from wsproxy.core.targets import Listening, TargetRules
from wsproxy.core.tokens import StartToken
from wsproxy.core.wire import Version
from wsproxy.net.targets import Resolve, TargetCheck, resolve

Announced = Callable[[str, str], None]
"""Told (owner, session): that one exists now."""


def _nobody(owner: str, session: str) -> None:
    pass


@dataclass(frozen=True, slots=True)
class ConfPart:
    """What the endpoint needs. ``listening`` gives our own listeners with a port, as of now."""

    tokens: StartTokens
    access: ConfRules
    targets: TargetRules
    listening: Callable[[int], Iterable[Listening]]
    clock: Callable[[], float] = time.time
    resolve: Resolve = field(default=resolve)
    announced: Announced = _nobody


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
        if token.session_id:
            self._part.announced(token.owner_key, token.session_id)
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
        part = self._part
        check = TargetCheck(part.targets, part.listening, part.resolve)
        problem = await check.problem(conf.kernel_host, conf.kernel_port)
        if problem is not None:
            raise ProblemError(problem)


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
