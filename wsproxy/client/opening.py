"""Opening an app from outside, in whichever version holds (protocol 5, 2; design 2).

v2 is tried where nobody says that v1 holds; where it cannot be had, v1 is the way, and why is told.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote

from wsproxy.client.calls import Calls
from wsproxy.core.address import Malformed, parse
from wsproxy.core.circuit import Protocol, Transport, transport_of
from wsproxy.core.configuration import Configuration, Mode
from wsproxy.core.deletion import Fault, gateway_fault, manager_fault
from wsproxy.core.failure import Failure, FailureKind
from wsproxy.core.hosts import is_loopback
from wsproxy.core.opening import (
    ListenerNeeded,
    NotOpened,
    Opened,
    Said,
    Started,
    add_url,
    gateway_status,
    opened_v1,
    opened_v2,
    opened_v2_tcp,
    protocol_of,
    said_by_gateway,
    said_by_manager,
    started,
    token_in,
    url_in,
    v1_add_path,
)
from wsproxy.core.strangers import is_uuid, names_a_session
from wsproxy.core.wire import Version
from wsproxy.manager.requests import ManagerClient

STEP = 15.0
"""Seconds for one question to a gateway or coordinator."""

Outcome = Opened | NotOpened | ListenerNeeded


@dataclass(frozen=True, slots=True)
class App:
    """What to open. ``group`` and ``project``: where its version is asked, "" to find out.

    ``port``: preferred local port in v1, 0 for any. ``protocol``: None is what the manager lists.
    """

    session: str
    name: str
    group: str = ""
    project: str = ""
    port: int = 0
    protocol: Protocol | None = None


class Opening:
    """Opens apps with one identity; ``gateway`` is the address of a local one, "" for none."""

    def __init__(self, manager: ManagerClient, gateway: str, calls: Calls) -> None:
        self._manager = manager
        self._gateway = gateway.strip().rstrip("/")
        self._calls = calls

    async def open(self, app: App) -> Outcome:
        """Never raises for what servers do or say."""
        if not names_a_session(app.session):
            detail = "This is neither the id nor the name of a session."
            return NotOpened(Fault("session-malformed", detail))
        listed = await self._manager.apps(app.session)
        if isinstance(listed, Failure):
            unreachable = listed.kind is not FailureKind.MALFORMED_ANSWER
            return NotOpened(manager_fault(listed), unreachable=unreachable)
        protocol = protocol_of(listed.status, listed.body, app.name)
        if isinstance(protocol, Fault):
            return NotOpened(protocol)
        protocol = app.protocol or protocol
        said = await self._version(app)
        if said.version is not Version.V1:
            found = await self._v2(app, protocol)
            if not isinstance(found, Said):
                return found
            said = found
        return await self._v1(app, protocol, said.reason)

    # which version

    async def _version(self, app: App) -> Said:
        if not app.group:
            return Said(None, "")
        path = f"/scaling-groups/{quote(app.group, safe='')}/wsproxy-version"
        if self._gateway and not isinstance(parse(self._gateway), Malformed):
            query = f"?group={quote(app.project, safe='')}" if app.project else ""
            answer = await self._calls.get(self._gateway + path + query, STEP)
            reported = None if isinstance(answer, Failure) else said_by_gateway(answer.body)
            if reported is not None and reported.reason != "group-not-found":
                return reported
        said = await self._manager.group_version(app.group, app.project)
        if isinstance(said, Failure):
            return Said(Version.V1, manager_fault(said).code)
        return said_by_manager(said.status, said.body)

    # v2

    async def _v2(self, app: App, protocol: Protocol) -> Opened | NotOpened | Said:
        """``Said``: v2 is not to be had, and why."""
        who = self._manager.who
        login = who.session if who.mode is Mode.SESSION else ""
        said = await self._manager.start_service(app.session, app.name, login_session_token=login)
        if isinstance(said, Failure):
            return Said(Version.V1, manager_fault(said).code)
        start = started(said.status, said.body)
        if isinstance(start, Fault):
            return NotOpened(start)
        if isinstance(start, Said):
            return start
        opened = await self._with_token(app, protocol, start)
        return Said(Version.V1, opened.code) if isinstance(opened, Fault) else opened

    async def _with_token(self, app: App, protocol: Protocol, start: Started) -> Opened | Fault:
        session = await self._id(app.session)
        auth = await self._url_at(add_url(start, session, app.name, protocol), "url")
        if isinstance(auth, Fault):
            return auth
        page = await self._url_at(auth, "redirect_url")
        if isinstance(page, Fault):
            return page
        if transport_of(protocol) is Transport.HTTP:
            return opened_v2("confirmed", page)
        said = await self._calls.get(page, STEP)
        if isinstance(said, Failure):
            return _address_fault(said)
        return opened_v2_tcp("confirmed", said.status, said.body)

    async def _id(self, session: str) -> str:
        """Coordinators know sessions by their ids only."""
        if is_uuid(session):
            return session
        ids = await self._manager.session_ids(session)
        return ids[0] if len(ids) == 1 else session

    async def _url_at(self, url: str, key: str) -> str | Fault:
        said = await self._calls.get(url, STEP)
        if isinstance(said, Failure):
            return _address_fault(said)
        return url_in(said.status, said.body, key)

    # v1

    async def _v1(self, app: App, protocol: Protocol, reason: str) -> Opened | ListenerNeeded:
        transport = transport_of(protocol)
        if not self._gateway:
            return ListenerNeeded(reason, transport)
        opened = await self._at_gateway(app, protocol, reason)
        if isinstance(opened, Fault):
            return ListenerNeeded(reason, transport, opened)
        return opened

    async def _at_gateway(self, app: App, protocol: Protocol, reason: str) -> Opened | Fault:
        """The configuration holds a secret: it goes to a wsproxy of this machine, nowhere else."""
        address = parse(self._gateway)
        if isinstance(address, Malformed):
            return Fault("gateway-malformed", f"Its address is not usable: {address.why}.")
        if not is_loopback(address.host):
            detail = "Secrets are only sent to a gateway on this machine."
            return Fault("gateway-not-local", detail)
        status = await self._calls.get(f"{self._gateway}/status", STEP)
        if isinstance(status, Failure):
            return gateway_fault(status)
        if (stranger := gateway_status(status.status, status.body)) is not None:
            return stranger
        who = self._manager.who
        said = await self._calls.put(f"{self._gateway}/conf", conf_document(who), STEP)
        if isinstance(said, Failure):
            return gateway_fault(said)
        token = token_in(said.status, said.body)
        if isinstance(token, Fault):
            return token
        path = v1_add_path(token, app.session, app.name, protocol, app.port)
        said = await self._calls.get(self._gateway + path, STEP)
        if isinstance(said, Failure):
            return gateway_fault(said)
        return opened_v1(reason, said.status, said.body, transport_of(protocol))


def conf_document(who: Configuration) -> Mapping[str, object]:
    """The body of ``PUT /conf`` (protocol 2.1)."""
    common = {"endpoint": who.endpoint, "mode": who.mode.value, "api_version": who.api_version}
    if who.mode is Mode.SESSION:
        return {**common, "session": who.session, "auth_mode": who.auth_mode.value}
    return {**common, "access_key": who.access_key, "secret_key": who.secret_key}


_ADDRESS_KINDS: Mapping[FailureKind, str] = {
    FailureKind.UNRESOLVABLE: "address-unresolvable",
    FailureKind.CONNECT_TIMEOUT: "address-silent",
    FailureKind.FIRST_BYTE_TIMEOUT: "address-silent",
    FailureKind.TLS: "address-tls",
    FailureKind.MALFORMED_ANSWER: "address-not-a-wsproxy",
}


def _address_fault(failure: Failure) -> Fault:
    """The coordinator cannot be reached from here, though the manager could."""
    code = _ADDRESS_KINDS.get(failure.kind, "address-refused")
    return Fault(code, f"The address of the group cannot be used: {failure.detail}.")
