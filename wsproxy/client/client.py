"""The one object of the library: an identity at a manager, and perhaps a gateway."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from wsproxy.client.calls import Calls
from wsproxy.client.gateway import GatewayClient
from wsproxy.client.opening import App, Opening, Outcome
from wsproxy.client.terminate import Deletion, DeletionRules, Done, Wish
from wsproxy.core.circuit import Protocol
from wsproxy.core.configuration import Configuration
from wsproxy.core.deletion import Terminated
from wsproxy.manager.requests import PATIENCE, ManagerClient


@dataclass(frozen=True, slots=True)
class ClientRules:
    """``patience``: seconds for one request to the manager."""

    patience: float = PATIENCE
    deletion: DeletionRules = field(default_factory=DeletionRules)


class Client:
    """Use it with ``async with``. Nothing it does raises for what a server does or says.

    ``gateway``: the address of a gateway, "" for none. ``gateway_token`` is shown there when
    circuits are closed; without one the access key is, as older clients do.
    """

    def __init__(
        self,
        who: Configuration,
        gateway: str = "",
        gateway_token: str = "",
        *,
        rules: ClientRules | None = None,
        verify_tls: bool = True,
    ) -> None:
        self._rules = rules or ClientRules()
        self._manager = ManagerClient(who, patience=self._rules.patience, verify_tls=verify_tls)
        self._address = gateway
        self._gateway = GatewayClient(gateway, verify_tls=verify_tls) if gateway else None
        self._calls = Calls(verify_tls=verify_tls)
        self._token = gateway_token

    def __repr__(self) -> str:
        return f"Client({self._manager!r}, {self._gateway!r})"

    async def __aenter__(self) -> "Client":
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Let go of every connection. Idempotent."""
        await self._manager.close()
        await self._calls.close()
        if self._gateway is not None:
            await self._gateway.close()

    async def terminate(
        self, session: str, *, forced: bool = False, owner_access_key: str | None = None
    ) -> Terminated:
        """Delete one session by id or name, and close its circuits at the gateway."""
        results = await self.terminate_many(
            [session], forced=forced, owner_access_key=owner_access_key
        )
        return results[0]

    async def terminate_many(
        self,
        sessions: Sequence[str],
        *,
        forced: bool = False,
        owner_access_key: str | None = None,
        done: Done | None = None,
    ) -> list[Terminated]:
        """Delete several at once; results in the order given, ``done`` is called as each ends."""
        wish = Wish(forced, owner_access_key or "", self._token)
        deletion = Deletion(self._manager, self._gateway, wish, self._rules.deletion)
        return await deletion.all(sessions, done)

    async def open_app(
        self,
        session: str,
        app: str,
        *,
        group: str = "",
        project: str = "",
        port: int = 0,
        protocol: Protocol | None = None,
    ) -> Outcome:
        """Open an app in whichever version holds.

        ``Opened`` says where; ``NotOpened`` why not; ``ListenerNeeded`` that v1 holds and nobody
        but this process could listen (``wsproxy open`` does). ``group``: the session's resource
        group, where it is known; ``port``: preferred local port in v1; ``protocol``: what the app
        speaks, None for what the manager lists.
        """
        opening = Opening(self._manager, self._address, self._calls)
        return await opening.open(App(session, app, group, project, port, protocol))
