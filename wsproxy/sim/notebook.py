"""Runs code in a Jupyter kernel as JupyterLab's page does: REST with XSRF, then a WebSocket."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from aiohttp import ClientError, ClientResponse, ClientSession, ClientWebSocketResponse, WSMsgType
from yarl import URL

from wsproxy.sim.visitor import VisitError

XSRF_COOKIE = "_xsrf"
MESSAGE_LIMIT = 32 << 20


@dataclass(frozen=True, slots=True)
class Lab:
    """A JupyterLab at ``url``, used with ``http``'s cookies."""

    http: ClientSession
    url: URL

    async def visit(self) -> None:
        """Load the page, which sets the XSRF cookie."""
        async with self.http.get(self.url / "lab") as answer:
            body = await answer.read()
        if answer.status != 200 or b"JupyterLab" not in body:
            raise VisitError(f"/lab answered {answer.status}, not the page of JupyterLab")

    @asynccontextmanager
    async def kernel(self) -> AsyncIterator[str]:
        """A new Python kernel's id; it is shut down at the end."""
        await self.visit()
        body = {"name": "python3"}
        async with self.http.post(
            self.url / "api/kernels", json=body, headers=self._headers()
        ) as answer:
            kernel = str((await _json(answer, 201))["id"])
        try:
            yield kernel
        finally:
            await self._remove(self.url / "api/kernels" / kernel)

    async def run(self, kernel: str, code: str) -> str:
        """The text of the result of ``code``; raises ``VisitError`` when it fails."""
        session = uuid4().hex
        channels = (self.url / "api/kernels" / kernel / "channels").with_query(session_id=session)
        async with self.http.ws_connect(
            channels, max_msg_size=MESSAGE_LIMIT, origin=str(self.url.origin())
        ) as socket:
            request = _execute_request(session, code)
            await socket.send_json(request)
            return await _result(socket, request["header"]["msg_id"])

    @asynccontextmanager
    async def terminal(self) -> AsyncIterator[ClientWebSocketResponse]:
        """A shell's WebSocket; the terminal is removed at the end."""
        await self.visit()
        async with self.http.post(self.url / "api/terminals", headers=self._headers()) as answer:
            name = (await _json(answer, 200))["name"]
        try:
            async with self.http.ws_connect(self.url / "terminals/websocket" / name) as socket:
                yield socket
        finally:
            await self._remove(self.url / "api/terminals" / name)

    async def _remove(self, url: URL) -> None:
        """A server that is gone has nothing left to remove."""
        with suppress(ClientError):
            async with self.http.delete(url, headers=self._headers()) as answer:
                await answer.read()

    def _headers(self) -> dict[str, str]:
        cookie = self.http.cookie_jar.filter_cookies(self.url).get(XSRF_COOKIE)
        return {"X-XSRFToken": cookie.value if cookie else ""}


def _execute_request(session: str, code: str) -> dict[str, Any]:
    """Jupyter's messaging protocol 5.3, ``execute_request`` on the shell channel."""
    return {
        "header": {
            "msg_id": uuid4().hex,
            "msg_type": "execute_request",
            "username": "demo",
            "session": session,
            "date": "",
            "version": "5.3",
        },
        "parent_header": {},
        "metadata": {},
        "channel": "shell",
        "buffers": [],
        "content": {
            "code": code,
            "silent": False,
            "store_history": False,
            "user_expressions": {},
            "allow_stdin": False,
            "stop_on_error": True,
        },
    }


async def _result(socket: ClientWebSocketResponse, request_id: str) -> str:
    async for frame in socket:
        if frame.type is not WSMsgType.TEXT:
            continue
        message = json.loads(frame.data)
        if message["parent_header"].get("msg_id") != request_id:
            continue
        if message["msg_type"] == "execute_result":
            return str(message["content"]["data"]["text/plain"])
        if message["msg_type"] == "error":
            raise VisitError(f"the kernel answered {message['content']['evalue']}")
    raise VisitError(f"the kernel's WebSocket ended early (code {socket.close_code})")


async def _json(answer: ClientResponse, status: int) -> dict[str, Any]:
    body = await answer.read()
    if answer.status != status:
        raise VisitError(f"{answer.url.path} answered {answer.status}: {body[:300]!r}")
    value = json.loads(body)
    assert isinstance(value, dict)
    return value
