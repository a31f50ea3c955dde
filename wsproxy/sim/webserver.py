"""The simulated web server: login sessions, and ``/func/…`` signed on to the manager.

It hides what the real one hides: every handshake failure of a stream is 502, an app that refuses is
a 101 and then silence, and a message may have 4 MiB at most (protocol 3.4, observed 2).
"""

import asyncio
import json
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from aiohttp import (
    ClientError,
    ClientSession,
    ClientTimeout,
    ClientWebSocketResponse,
    ClientWSTimeout,
    WSCloseCode,
    WSMsgType,
    hdrs,
    web,
)
from yarl import URL

from wsproxy.net.tasks import Tasks
from wsproxy.sim import documents
from wsproxy.sim.authentication import Signer
from wsproxy.sim.documents import FaultError
from wsproxy.sim.manager import faults_of
from wsproxy.sim.record import Record, recording
from wsproxy.sim.traits import ManagerTraits
from wsproxy.sim.world import Keypair, World

COOKIE = "AIOHTTP_SESSION"
HEADER = "X-BackendAI-SessionID"
LARGEST_MESSAGE = 4 * 1024 * 1024
HIDDEN_CODES = (WSCloseCode.TRY_AGAIN_LATER, WSCloseCode.INTERNAL_ERROR)


@dataclass(frozen=True, slots=True)
class WebServer:
    """Handlers of the web server. ``manager`` is the manager's URL."""

    world: World
    era: ManagerTraits
    record: Record
    http: ClientSession
    manager: URL
    sign: Signer

    def application(self) -> web.Application:
        app = web.Application(
            middlewares=[recording(self.record, "webserver"), faults_of(self.era)]
        )
        app.add_routes(self.routes())
        return app

    def routes(self) -> list[web.RouteDef]:
        """They do not meet the manager's: both may be served at one address."""
        return [
            web.post("/server/login", self.login),
            web.post("/server/login-check", self.login_check),
            web.get("/func/stream/{tail:.*(httpproxy|tcpproxy)}", self.stream),
            web.route(hdrs.METH_ANY, "/func/{tail:.*}", self.forward),
        ]

    async def login(self, request: web.Request) -> web.Response:
        asked = await request.json()
        for keypair in self.world.keypairs.values():
            if (asked["username"], asked["password"]) == (keypair.email, keypair.password):
                session_id = self.world.log_in(keypair.access_key)
                answer = self._about(keypair)
                answer.headers[HEADER] = session_id
                answer.set_cookie(COOKIE, session_id, httponly=True, max_age=604800)
                return answer
        return web.json_response({"authenticated": False, "data": None})

    async def login_check(self, request: web.Request) -> web.Response:
        session_id = _session_id(request, self.era)
        keypair = self._keypair(session_id)
        if keypair is None:
            return web.json_response({"authenticated": False, "data": None, "session_id": ""})
        return self._about(keypair, session_id=session_id)

    async def forward(self, request: web.Request) -> web.Response:
        target = request.raw_path.removeprefix("/func")
        keypair = self._keypair(_session_id(request, self.era))
        if keypair is None and target != "/":
            raise FaultError(documents.NOT_LOGGED_IN)
        headers = dict(self.sign(keypair, request.method, target)) if keypair else {}
        url = URL(str(self.manager.origin()) + target, encoded=True)
        body = await request.read()
        try:
            async with self.http.request(
                request.method, url, headers=headers, data=body, timeout=ClientTimeout(total=30)
            ) as answer:
                return web.Response(
                    status=answer.status,
                    body=await answer.read(),
                    headers={hdrs.CONTENT_TYPE: answer.headers.get(hdrs.CONTENT_TYPE, "")},
                )
        except (ClientError, OSError, TimeoutError) as error:
            raise FaultError(documents.BAD_GATEWAY) from error

    async def stream(self, request: web.Request) -> web.StreamResponse:
        keypair = self._keypair(_session_id(request, self.era))
        if keypair is None:
            raise FaultError(documents.NOT_LOGGED_IN)
        target = request.raw_path.removeprefix("/func")
        headers = self.sign(keypair, hdrs.METH_GET, target)
        url = URL(str(self.manager.origin()) + target, encoded=True)
        try:
            upstream = await self.http.ws_connect(
                url,
                headers=headers,
                max_msg_size=LARGEST_MESSAGE,
                timeout=ClientWSTimeout(ws_close=2.0),
            )
        except (ClientError, OSError, TimeoutError) as error:
            raise FaultError(documents.BAD_GATEWAY) from error
        async with upstream:
            downstream = web.WebSocketResponse(
                compress=False, max_msg_size=LARGEST_MESSAGE, timeout=2.0
            )
            await downstream.prepare(request)
            await _relay(downstream, upstream)
        return downstream

    def _keypair(self, session_id: str) -> Keypair | None:
        return self.world.keypairs.get(self.world.logins.get(session_id, ""))

    def _about(self, keypair: Keypair, **more: str) -> web.Response:
        data = {
            "access_key": keypair.access_key,
            "role": "superadmin" if keypair.admin else "user",
            "status": "active",
        }
        document: dict[str, Any] = {"authenticated": True, "data": data, **more}
        return web.Response(text=json.dumps(document), content_type="application/json")


def _session_id(request: web.Request, era: ManagerTraits) -> str:
    """The header wins over the cookie, where it is known (protocol 3.3)."""
    header = request.headers.get(HEADER, "") if era.header_login else ""
    return header or request.cookies.get(COOKIE, "")


async def _relay(downstream: web.WebSocketResponse, upstream: ClientWebSocketResponse) -> None:
    """Until the client leaves. An app's end closes it with the default code; a refused app is
    silence (observed 2)."""
    tasks = Tasks("sim-webserver")
    leaving = tasks.start(_up(downstream, upstream), "up")
    ending = tasks.start(_down(downstream, upstream), "down")
    try:
        await asyncio.wait({leaving, ending}, return_when=asyncio.FIRST_COMPLETED)
        if upstream.close_code not in HIDDEN_CODES:
            await downstream.close()
        await asyncio.wait({leaving})
    finally:
        await tasks.close()


async def _up(downstream: web.WebSocketResponse, upstream: ClientWebSocketResponse) -> None:
    with suppress(OSError):
        async for message in downstream:
            if message.type is WSMsgType.BINARY:
                await upstream.send_bytes(message.data)


async def _down(downstream: web.WebSocketResponse, upstream: ClientWebSocketResponse) -> None:
    with suppress(OSError):
        async for message in upstream:
            if message.type is WSMsgType.BINARY:
                await downstream.send_bytes(message.data)
