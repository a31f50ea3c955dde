"""What a manager does for sessions: show, list apps, start a service, delete (P 8.2, 8.3)."""

import json
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from aiohttp import ClientError, ClientSession, ClientTimeout

from wsproxy.sim import documents
from wsproxy.sim.documents import FaultError
from wsproxy.sim.traits import ConfBody, Deletion, ManagerTraits
from wsproxy.sim.versions import StatusClient, at
from wsproxy.sim.world import App, Keypair, Session, TooManyMatches, World

UNDESTROYABLE = frozenset({"PREPARING", "PULLING", "ERROR"})
"""Statuses that older managers delete only with ``forced`` (protocol 8.3)."""

START_KEYS = frozenset({"app", "service", "port", "envs", "arguments"})
"""What the body of ``start-service`` may have; ``login_session_token`` since 22.09."""

Ended = Callable[[Session], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Services:
    """Operations of one user on sessions. ``ended`` is called after a session was deleted."""

    world: World
    era: ManagerTraits
    status: StatusClient
    http: ClientSession
    ended: Ended
    proxy_token: str = ""

    def session(self, reference: str, caller: Keypair, owner: str = "") -> Session:
        """The session of that id or name; raises ``FaultError`` (404)."""
        try:
            session = self.world.find(reference, self._keys(owner or caller.access_key))
        except TooManyMatches as error:
            matches = [{"id": str(found.id), "name": found.name} for found in error.matches]
            raise FaultError(documents.TOO_MANY, data={"matches": matches}) from error
        if session is None:
            raise FaultError(documents.NO_SESSION, self._missing(reference))
        return session

    def _keys(self, access_key: str) -> Collection[str]:
        return self.world.keys_of(access_key) if self.era.by_user else (access_key,)

    def _missing(self, reference: str) -> str:
        if self.era.by_user:
            return f"Session (name={reference}) does not exist for the user."
        return f"Session (id={reference}) does not exist."

    def check_keys(self, given: Collection[str], known: frozenset[str]) -> None:
        """Refuse unknown keys as managers up to 26.2 do; raises ``FaultError`` (400)."""
        unknown = sorted(set(given) - known)
        if unknown and not self.era.pydantic_parameters:
            said = dict.fromkeys(unknown, f"{unknown[0]} is not allowed key")
            raise documents.bad_parameters(self.era, "Input validation error", said)

    def app(self, session: Session, reference: str, name: str) -> App:
        """The app of that name; raises ``FaultError`` (404)."""
        app = session.apps.get(name)
        if app is None:
            raise FaultError(documents.NO_APP, f"{reference}:{name}")
        return app

    async def start(self, reference: str, caller: Keypair, wanted: Mapping[str, Any]) -> Any:
        """``POST …/start-service``: the token of the group's proxy and its address."""
        session = self.session(reference, caller)
        name = self._wanted_app(wanted)
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
            raise documents.bad_parameters(self.era, text)
        token = await self._configure(address, session, app, wanted.get("login_session_token"))
        return {"token": token, "wsproxy_addr": status.get("advertise_address") or address}

    def _wanted_app(self, wanted: Mapping[str, Any]) -> str:
        """The app's name in the body of a start; raises ``FaultError`` (400)."""
        keys = START_KEYS | {"login_session_token"} if self.era.takes_login_token else START_KEYS
        self.check_keys(wanted, keys)
        for key in ("envs", "arguments"):
            if wanted.get(key) is not None and not isinstance(wanted[key], str):
                said = {key: "value is not a string"}
                raise documents.bad_parameters(self.era, "Input validation error", said)
        name = wanted.get("app") or wanted.get("service")
        if not isinstance(name, str):
            said = {"app": "is required"}
            raise documents.bad_parameters(self.era, "Input validation error", said)
        return name

    async def _configure(self, address: str, session: Session, app: App, login: Any) -> Any:
        """``POST {address}/v2/conf`` without credentials, as every manager does (protocol 5.2),
        unless there is a ``proxy_token``."""
        body: dict[str, Any] = {"kernel_host": app.host, "kernel_port": app.port}
        if self.era.conf_body is not ConfBody.MINIMAL:
            body["login_session_token"] = login
        if self.era.conf_body is ConfBody.FULL:
            body["session"] = self._described(session)
        url = at(self.era, address, "/v2/conf")
        shown = {"X-BackendAI-Token": self.proxy_token} if self.proxy_token else {}
        limit = ClientTimeout(total=30)
        try:
            async with self.http.post(url, json=body, headers=shown, timeout=limit) as answer:
                return json.loads(await answer.read())["token"]
        except (ClientError, OSError, TimeoutError, ValueError, LookupError, TypeError) as error:
            raise FaultError(documents.INTERNAL) from error

    def _described(self, session: Session) -> dict[str, str]:
        return {
            "id": str(session.id),
            "user_uuid": str(self.world.keypairs[session.owner].user_id),
            self.era.project_key: str(session.project),
            "access_key": session.owner,
            "domain_name": "default",
        }

    async def delete(
        self,
        reference: str,
        caller: Keypair,
        *,
        forced: bool = False,
        recursive: bool = False,
        owner: str = "",
    ) -> Any:
        """``DELETE /session/…``: stop serving it, end its containers, answer with stats."""
        if owner and owner != caller.access_key and not caller.admin:
            raise FaultError(documents.FORBIDDEN, "You cannot delete another user's session.")
        session = self.session(reference, caller, owner)
        if session.status in UNDESTROYABLE and not forced and self.era.spares_unsettled:
            text = f"The session is {session.status}; use forced=true."
            raise FaultError(documents.FORBIDDEN, text)
        del self.world.sessions[session.id]
        session.cut()
        await self.ended(session)
        if self.era.deletion is Deletion.STATUS:
            return {"stats": {"status": "terminated"}}
        listed = recursive and self.era.deletion is Deletion.LISTED
        return [{"stats": {}}] if listed else {"stats": {}}

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
