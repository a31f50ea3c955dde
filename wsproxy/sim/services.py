"""What a manager does for sessions: show, list apps, start a service, delete (P 8.2, 8.3)."""

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from aiohttp import ClientError, ClientSession, ClientTimeout
from yarl import URL

from wsproxy.sim import documents
from wsproxy.sim.documents import FaultError
from wsproxy.sim.versions import StatusClient
from wsproxy.sim.world import App, Era, Keypair, Session, TooManyMatches, World

UNDESTROYABLE = frozenset({"PREPARING", "PULLING", "ERROR"})
"""Statuses that older managers delete only with ``forced`` (protocol 8.3)."""

Ended = Callable[[Session], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Services:
    """Operations of one user on sessions. ``ended`` is called after a session was deleted."""

    world: World
    era: Era
    status: StatusClient
    http: ClientSession
    ended: Ended

    def session(self, reference: str, caller: Keypair, owner: str = "") -> Session:
        """The session of that id or name; raises ``FaultError`` (404)."""
        try:
            session = self.world.find(reference, owner or caller.access_key)
        except TooManyMatches as error:
            matches = [{"id": str(found.id), "name": found.name} for found in error.matches]
            raise FaultError(documents.TOO_MANY, data={"matches": matches}) from error
        if session is None:
            raise FaultError(documents.NO_SESSION, f"Session (id={reference}) does not exist.")
        return session

    def app(self, session: Session, reference: str, name: str) -> App:
        """The app of that name; raises ``FaultError`` (404)."""
        app = session.apps.get(name)
        if app is None:
            raise FaultError(documents.NO_APP, f"{reference}:{name}")
        return app

    async def start(self, reference: str, caller: Keypair, wanted: Mapping[str, Any]) -> Any:
        """``POST …/start-service``: the token of the group's proxy and its address."""
        session = self.session(reference, caller)
        name = wanted.get("app") or wanted.get("service")
        if not isinstance(name, str):
            raise FaultError(documents.BAD_PARAMS, "Input validation error", {"app": "is required"})
        group = self.world.groups.get(session.group)
        address = group.address if group else None
        if not address:
            raise FaultError(
                documents.NO_COORDINATOR, "No coordinator configured for this resource group"
            )
        status = await self.status.status(address)
        app = self.app(session, reference, name)
        if wanted.get("port") not in (None, app.port):
            text = f"Service {name} does not open the port number {wanted['port']}."
            raise FaultError(documents.BAD_PARAMS, text)
        token = await self._configure(address, session, app, wanted.get("login_session_token"))
        return {"token": token, "wsproxy_addr": status.get("advertise_address") or address}

    async def _configure(self, address: str, session: Session, app: App, login: Any) -> Any:
        """``POST {address}/v2/conf`` without credentials, as every manager does (protocol 5.2)."""
        body = {
            "login_session_token": login,
            "kernel_host": app.host,
            "kernel_port": app.port,
            "session": self._described(session),
        }
        url = URL(address).with_path("/v2/conf")
        try:
            async with self.http.post(url, json=body, timeout=ClientTimeout(total=30)) as answer:
                return json.loads(await answer.read())["token"]
        except (ClientError, OSError, TimeoutError, ValueError, LookupError, TypeError) as error:
            raise FaultError(documents.INTERNAL) from error

    def _described(self, session: Session) -> dict[str, str]:
        project = "project_id" if self.era is Era.M26_8 else "group_id"
        return {
            "id": str(session.id),
            "user_uuid": str(self.world.keypairs[session.owner].user_id),
            project: str(session.project),
            "access_key": session.owner,
            "domain_name": "default",
        }

    async def delete(
        self, reference: str, caller: Keypair, *, forced: bool = False, owner: str = ""
    ) -> Any:
        """``DELETE /session/…``: stop serving it, end its containers, answer with stats."""
        if owner and owner != caller.access_key and not caller.admin:
            raise FaultError(documents.FORBIDDEN, "You cannot delete another user's session.")
        session = self.session(reference, caller, owner)
        if session.status in UNDESTROYABLE and not forced and self.era is Era.M23_09:
            text = f"The session is {session.status}; use forced=true."
            raise FaultError(documents.FORBIDDEN, text)
        del self.world.sessions[session.id]
        session.cut()
        await self.ended(session)
        return {"stats": {} if self.era is Era.M23_09 else {"status": "terminated"}}

    def shown(self, session: Session) -> dict[str, Any]:
        """``GET /session/…``: the fields that programs around the gateway read."""
        return {
            "domainName": "default",
            "groupId": str(session.project),
            "userId": str(self.world.keypairs[session.owner].user_id),
            "status": session.status,
            "statusInfo": "",
            "terminationTime": None,
        }
