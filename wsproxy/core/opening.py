"""Opening an app from outside: what each answer on the way means (protocol 2.4, 5.3 to 5.5, 8).

v2:  start-service → add → auth → (TCP apps) setup
v1:  /conf → add at a local gateway, or a listener of our own

Nobody is believed: an answer is either exactly what the next step needs, or a fault.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qs, quote, urlencode, urlsplit

from wsproxy.core.circuit import Protocol, Transport
from wsproxy.core.deletion import Fault
from wsproxy.core.manager_version import of_manager
from wsproxy.core.strangers import line, parsed, problem_slug
from wsproxy.core.version import Answer, judge
from wsproxy.core.wire import Version


@dataclass(frozen=True, slots=True)
class Opened:
    """An app that can be used now.

    ``url`` is what a browser opens, "" for TCP apps; ``host`` and ``port`` are where the app
    listens. ``reason`` is the stable code of the version report.
    """

    version: Version
    reason: str
    url: str
    host: str
    port: int

    def document(self) -> dict[str, object]:
        """For ``--json``."""
        return {
            "version": self.version.value,
            "reason": self.reason,
            "url": self.url,
            "host": self.host,
            "port": self.port,
        }

    @property
    def place(self) -> str:
        """What a person needs: the URL, or ``host:port`` (an IPv6 address in brackets)."""
        if self.url:
            return self.url
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class NotOpened:
    """Why not. ``unreachable``: the manager cannot be reached."""

    fault: Fault
    unreachable: bool = False


@dataclass(frozen=True, slots=True)
class ListenerNeeded:
    """v1 holds, and no gateway opened the app: a listener in this process can.

    ``gateway_fault``: what was wrong with the gateway that was asked, None without one.
    """

    reason: str
    transport: Transport
    gateway_fault: Fault | None = None


@dataclass(frozen=True, slots=True)
class Said:
    """Which version holds, None while nobody has told, and why."""

    version: Version | None
    reason: str


def said_by_manager(status: int, body: bytes) -> Said:
    """The manager's answer to the version query (protocol 8.1)."""
    report = judge(of_manager(status, body))
    return Said(report.version, report.reason)


def said_by_gateway(body: bytes) -> Said | None:
    """A gateway's version report, whatever its status; None when it is none."""
    document = parsed(body)
    said = document if isinstance(document, dict) else {}
    if said.get("wsproxy_version") not in (Version.V1, Version.V2):
        return None
    return Said(Version(said["wsproxy_version"]), line(said.get("reason", "confirmed")))


def protocol_of(status: int, body: bytes, app: str) -> Protocol | Fault:
    """What the app speaks, from the manager's list of a session's apps (protocol 3.4)."""
    document = parsed(body)
    if not (200 <= status < 300 and isinstance(document, list)):
        return _refused(status, document)
    apps = {one.get("name"): one.get("protocol") for one in document if isinstance(one, dict)}
    if app not in apps:
        known = ", ".join(sorted(line(name) for name in apps)) or "none"
        return Fault("app-not-found", f"The session has no such app; it has: {known}.")
    try:
        return Protocol(str(apps[app]))
    except ValueError:
        return Protocol.TCP  # as clients do with what they do not know (protocol 9.2)


def _refused(status: int, document: object) -> Fault:
    slug = problem_slug(document)
    if not slug:
        return Fault(
            f"manager-answers-{status}", f"The manager answers {status}, and not as managers do."
        )
    title = document.get("msg") or document.get("title") if isinstance(document, dict) else ""
    return Fault(slug, line(title or slug))


@dataclass(frozen=True, slots=True)
class Started:
    """What start-service gives: permission to open, and where."""

    token: str
    address: str


def started(status: int, body: bytes) -> Started | Said | Fault:
    """The manager's answer to start-service: ``Said`` (v1, and why) when v2 is not to be had.

    A fault is about the session or the app, so no other way would help (protocol 8.2).
    """
    document = parsed(body)
    if 200 <= status < 300:
        said = document if isinstance(document, dict) else {}
        token, address = said.get("token"), said.get("wsproxy_addr")
        if isinstance(token, str) and token and is_web(address):
            return Started(token, str(address))
        return Said(Version.V1, "manager-not-a-manager")
    slug = problem_slug(document)
    if status < 500 and slug not in ("appproxy-response-error", "schema-validation-failed"):
        return _refused(status, document)
    if slug == "service-unavailable":
        return Said(Version.V1, "address-not-set")
    return said_by_manager(status, body)


def is_web(text: object) -> bool:
    """Whether a text is an http(s) URL that may be printed and opened."""
    if not isinstance(text, str) or not text.isprintable() or " " in text:
        return False
    try:
        parts = urlsplit(text)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def add_url(start: Started, session: str, app: str, protocol: Protocol) -> str:
    """Where the token becomes a circuit (protocol 5.3)."""
    query = urlencode({"app": app, "protocol": protocol.value})
    path = f"/v2/proxy/{quote(start.token, safe='')}/{quote(session, safe='')}/add"
    return f"{start.address.rstrip('/')}{path}?{query}"


def url_in(status: int, body: bytes, key: str) -> str | Fault:
    """The URL under ``key`` in a coordinator's answer: ``url`` of add, ``redirect_url`` of auth."""
    document = parsed(body)
    if 200 <= status < 300:
        found = document.get(key) if isinstance(document, dict) else None
        if is_web(found):
            return str(found)
        return NOT_A_COORDINATOR
    return _not_coordinator(status, document)


NOT_A_COORDINATOR = Fault("address-not-a-wsproxy", "What answers there is not a coordinator.")


def _not_coordinator(status: int, document: object) -> Fault:
    if problem_slug(document):
        return _refused(status, document)
    return Fault(f"address-answers-{status}", f"The address of the group answers {status}.")


def opened_v2(reason: str, url: str) -> Opened:
    """An HTTP app: the setup page gives the browser its cookie and leads to the app."""
    host, port = _place(url)
    return Opened(Version.V2, reason, url, host, port)


def _place(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    return parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)


def opened_v2_tcp(reason: str, status: int, body: bytes) -> Opened | Fault:
    """A TCP app: the setup page names ``gateway=tcp://host:port`` (protocol 5.5, 7.7)."""
    document = parsed(body)
    said = document if isinstance(document, dict) else {}
    text = said.get("redirectURI") or said.get("redirect")
    if not 200 <= status < 300:
        return _not_coordinator(status, document)
    if not isinstance(text, str):
        return NOT_A_COORDINATOR
    host, port = _gateway_in(text)
    if not (host and port and host.isprintable()):
        return Fault("address-not-a-wsproxy", "The setup page names no host and port.")
    return Opened(Version.V2, reason, "", host, port)


def _gateway_in(text: str) -> tuple[str, int]:
    try:
        gateway = urlsplit(parse_qs(urlsplit(text).query).get("gateway", [""])[0])
        return gateway.hostname or "", gateway.port or 0
    except ValueError:
        return "", 0


def gateway_status(status: int, body: bytes) -> Fault | None:
    """None when a local gateway's ``/status`` is a wsproxy's: then it may have our secrets."""
    if judge(Answer(status, body)).reason == "confirmed":
        return None
    return Fault("gateway-not-a-wsproxy", "What answers at the gateway is not a wsproxy.")


def token_in(status: int, body: bytes) -> str | Fault:
    """The token in a local gateway's answer to ``/conf`` (protocol 2.1)."""
    document = parsed(body)
    token = document.get("token") if isinstance(document, dict) else None
    if 200 <= status < 300 and isinstance(token, str) and token:
        return token
    detail = f"The gateway does not take the configuration (it answers {status})."
    return Fault("gateway-refuses-conf", detail)


def v1_add_path(token: str, session: str, app: str, protocol: Protocol, port: int) -> str:
    """Where a local gateway opens an app (protocol 2.4); ``port`` 0: no preference."""
    query: Mapping[str, str] = {"app": app, "protocol": protocol.value}
    if port:
        query = {**query, "port": str(port)}
    return f"/proxy/{quote(token, safe='')}/{quote(session, safe='')}/add?{urlencode(query)}"


def opened_v1(reason: str, status: int, body: bytes, transport: Transport) -> Opened | Fault:
    """A local gateway's answer to add: status line and code both count (protocol 2.4)."""
    document = parsed(body)
    said = document if isinstance(document, dict) else {}
    if not 200 <= status < 300 or said.get("code") != 200:
        code = said.get("code", status)
        return Fault("gateway-cannot-open", f"The gateway cannot open the app (code {line(code)}).")
    if not (is_web(said.get("url")) and is_web(said.get("proxy"))):
        return Fault("gateway-not-a-wsproxy", "What answers at the gateway is not a wsproxy.")
    host, port = _place(said["proxy"])
    url = said["url"] if transport is Transport.HTTP else ""
    return Opened(Version.V1, reason, url, host, port)
