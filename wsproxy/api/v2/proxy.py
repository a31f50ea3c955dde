"""``/v2/proxy/…``: from a start token to an open app, and back (protocol 5.3, 5.4, 7.8).

/v2/proxy/{token}/{session}/add       says where to go next
/v2/proxy/auth                        opens the circuit, says where the setup page is
/v2/proxy/{token}/{session}           is something open?
/v2/proxy/{token}/{session}/delete    close it
"""

import json
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import hdrs, web

from wsproxy.api.answers import json_response
from wsproxy.api.body import read_query
from wsproxy.api.circuits import CircuitsLike
from wsproxy.api.endpoint import Cors, Endpoint
from wsproxy.api.v2.parameters import App, Auth, Delete
from wsproxy.api.v2.start_tokens import StartTokens
from wsproxy.circuits import Opened, Want
from wsproxy.core import closing, setup, tokens
from wsproxy.core.circuit import (
    Circuit,
    CloseReason,
    Direct,
    Mode,
    Route,
    ThroughManager,
    Transport,
)
from wsproxy.core.closing import Caller, Right
from wsproxy.core.cors import Origins
from wsproxy.core.negotiate import Form, app_form
from wsproxy.core.permits import PermitRules, cookies
from wsproxy.core.problem import Problem, ProblemError
from wsproxy.core.setup import Places
from wsproxy.core.slots import SlotRules
from wsproxy.core.tokens import StartToken
from wsproxy.core.wire import Version

log = logging.getLogger(__name__)


Fallback = Callable[[str], Awaitable[str]]
"""Registers a web server's login token; returns the configuration's name (``ThroughManager``)."""

SessionGone = Callable[[str, str], Awaitable[bool | None]]
"""Whether (owner, session) is gone according to the manager; None when nobody can say."""


async def _nobody_knows(owner: str, session_id: str) -> bool | None:
    return None


@dataclass(frozen=True, slots=True)
class ProxyPart:
    """What the endpoints need. ``fallback`` is None without a web server (design 5.6)."""

    circuits: CircuitsLike
    tokens: StartTokens
    places: Places
    slots: SlotRules
    jwt_secret: str = field(repr=False)
    permits: PermitRules
    origins: Origins = field(default_factory=Origins)
    fallback: Fallback | None = None
    session_gone: SessionGone = _nobody_knows
    clock: Callable[[], float] = time.time


def endpoints(part: ProxyPart) -> list[Endpoint]:
    """The four routes of this module."""
    opening, ending = _Opening(part), _Ending(part)
    get, v2 = hdrs.METH_GET, Version.V2
    seen = Cors.CREDENTIALED
    return [
        Endpoint(get, "/v2/proxy/auth", opening.auth, v2),
        Endpoint(get, "/v2/proxy/{token}/{session}/add", opening.add, v2),
        Endpoint(get, "/v2/proxy/{token}/{session}", ending.exists, v2, seen),
        Endpoint(get, "/v2/proxy/{token}/{session}/delete", ending.delete, v2, seen),
    ]


class _Opening:
    def __init__(self, part: ProxyPart) -> None:
        self._part = part

    async def add(self, request: web.Request) -> web.StreamResponse:
        """Everything is checked here already, where the client can still show the reason."""
        app = read_query(request, App)
        session_id = _session(request)
        token = await self._token(request.match_info["token"], session_id)
        named = [("token", str(token.id)), ("session_id", session_id)]
        return json_response(
            {"code": 200, "url": setup.auth_url(self._part.places, [*app.as_query(), *named])}
        )

    async def auth(self, request: web.Request) -> web.StreamResponse:
        wanted = read_query(request, Auth)
        token = await self._token(wanted.token, str(wanted.session_id))
        opened = await self._open(wanted, await self._bound(token, str(wanted.session_id)))
        text = tokens.issue_setup(
            token.id,
            opened.circuit.id,
            wanted.redirect or "",
            self._part.jwt_secret,
            self._part.clock(),
        )
        page = setup.setup_url(opened.circuit, text, self._part.places)
        if app_form(request.headers.get(hdrs.ACCEPT)) is Form.HTML:
            # Not 308, as upstream: a browser would keep it, with the old token in it.
            raise web.HTTPFound(page, headers={"Cache-Control": "no-store"})
        # With "reuse" a client would dial the host of redirect_url itself (protocol 9.2).
        reuse = opened.reused and opened.circuit.transport is Transport.HTTP
        return json_response({"redirect_url": page, "reuse": reuse})

    async def _token(self, text: str, session_id: str) -> StartToken:
        token = await self._part.tokens.find(text)
        problem = tokens.check_start(token, session_id, self._part.clock())
        if token is None or problem is not None:
            raise ProblemError(problem or tokens.NO_SUCH_TOKEN)
        return token

    async def _bound(self, token: StartToken, session_id: str) -> StartToken:
        """The token of an old manager becomes this session's now (protocol 13.3)."""
        if token.session_id:
            return token
        token = tokens.bound(token, session_id)
        await self._part.tokens.save(token)
        return token

    async def _open(self, wanted: Auth, token: StartToken) -> Opened:
        opened = await self._part.circuits.open(await self._want(wanted, token))
        if isinstance(opened, Problem):
            raise ProblemError(opened)
        return opened

    async def _want(self, wanted: Auth, token: StartToken) -> Want:
        addresses = wanted.allowed_client_ips
        return Want(
            version=Version.V2,
            app=wanted.app,
            protocol=wanted.protocol,
            session_id=token.session_id,
            routes=await self._routes(wanted, token),
            slot=self._part.slots.wish(wanted.protocol, wanted.port, wanted.subdomain),
            owner=token.owner_key,
            user_id=token.user_id,
            domain_name=token.domain_name,
            project_id=token.project_id,
            token_id=str(token.id),
            mode=Mode.INTERACTIVE,
            open_to_public=wanted.open_to_public,
            allowed_client_ips=tuple(addresses.split(",")) if addresses else (),
            envs=tuple((wanted.envs or {}).items()),
            arguments=wanted.args or "",
            reuse=not wanted.no_reuse,
        )

    async def _routes(self, wanted: Auth, token: StartToken) -> tuple[Route, ...]:
        """The direct way, and behind it the one through the manager where there is one (D 5.6)."""
        direct = Direct(token.kernel_host, token.kernel_port, session_id=token.session_id)
        if self._part.fallback is None or not token.login_token:
            return (direct,)
        behind = ThroughManager(
            session=token.session_id,
            app=wanted.app,
            configuration=await self._part.fallback(token.login_token),
            envs=json.dumps(wanted.envs) if wanted.envs else "",
            arguments=wanted.args or "",
        )
        return (direct, behind)


class _Ending:
    def __init__(self, part: ProxyPart) -> None:
        self._part = part

    async def exists(self, request: web.Request) -> web.StreamResponse:
        """Always 200: old clients read ``code`` (protocol 9.3), and 4xx confuses them."""
        circuits, _ = await self._circuits(request, Delete())
        return _answer(200 if circuits else 404)

    async def delete(self, request: web.Request) -> web.StreamResponse:
        asked = read_query(request, Delete)
        circuits, caller = await self._circuits(request, asked)
        verdict = closing.right(caller, circuits, self._part.permits, self._part.clock())
        if verdict is Right.NONE:
            return _answer(404)
        if verdict is Right.SEE and not await self._gone(circuits[0]):
            return _answer(403)
        closed = await self._close(circuits, asked.app)
        return _answer(200 if closed else 404)

    async def _circuits(
        self, request: web.Request, asked: Delete
    ) -> tuple[tuple[Circuit, ...], Caller]:
        token = await self._part.tokens.find(request.match_info["token"])
        caller = Caller(
            key=request.match_info["token"],
            token=token,
            permit_key=asked.permit_key or "",
            cookies=self._cookies(request),
        )
        session_id = _session(request)
        owner = closing.owner_of(caller, session_id, self._part.clock())
        if not owner:
            return (), caller
        found = self._part.circuits.find(session_id, app=asked.app, owner=owner, version=Version.V2)
        # An endpoint is the manager's: no user's key says that its circuit may go.
        return tuple(one for one in found if one.mode is Mode.INTERACTIVE), caller

    def _cookies(self, request: web.Request) -> list[tuple[str, str]]:
        field_of = request.headers.get
        context = closing.Context(
            origin=field_of(hdrs.ORIGIN, ""),
            fetch_site=field_of("Sec-Fetch-Site", ""),
            fetch_mode=field_of("Sec-Fetch-Mode", ""),
        )
        places, ports = self._part.places, self._part.circuits.table.ports()
        listed = self._part.origins.allow(context.origin) and not closing.is_app(
            context.origin, ports, places.domain
        )
        if not closing.cookies_count(context, places.api.rstrip("/"), listed):
            return []
        return list(cookies(request.headers.getall(hdrs.COOKIE, [])))

    async def _gone(self, circuit: Circuit) -> bool:
        """A delete without the right to is still a hint (design 7)."""
        gone = await self._part.session_gone(circuit.owner, circuit.session_id)
        if gone:
            log.info("session %s is gone, its circuits are closed", circuit.session_id)
        return gone is True

    async def _close(self, circuits: tuple[Circuit, ...], app: str | None) -> int:
        return await self._part.circuits.close_session(
            circuits[0].session_id,
            app=app,
            owner=circuits[0].owner,
            version=Version.V2,
            reason=CloseReason.REQUESTED,
        )


def _session(request: web.Request) -> str:
    """The session's id in its usual spelling; names of other kinds are kept as they are."""
    text = request.match_info["session"]
    found = tokens.parse_uuid(text)
    return str(found) if found is not None else text


def _answer(code: int) -> web.Response:
    document: dict[str, Any] = {"success": code == 200, "code": code}
    return json_response(document)
