"""The tunnel through the manager: its URL, what its end means, who is to blame (protocol 3)."""

from dataclasses import dataclass, replace
from enum import Enum, auto
from urllib.parse import quote

from yarl import URL

from wsproxy.core.circuit import Circuit, Protocol, ThroughManager
from wsproxy.core.configuration import Configuration, Mode
from wsproxy.core.failure import Failure, FailureKind

LARGEST_FRAME_OUT = 255 * 1024
"""Bytes of payload; managers take 16 MiB, the web server in between 4 MiB (protocol 3.1). Not quite
256 KiB: with its head it fits four of the largest segments that TCP makes (64 KiB less the heads),
and leaves no few bytes for a fifth.
"""

LARGEST_MESSAGE_IN = 64 * 1024 * 1024

TRY_AGAIN_LATER = 1013
"""Close code: the app's port accepts no connection (RFC 6455 and its IANA registry)."""

ABNORMAL = 1006
"""Closed without a close frame (RFC 6455 section 7.1.5)."""

_ORDERLY = frozenset({1000, 1001, 1005})
_TCP_APPS = frozenset({"vnc", "xrdp", "sshd", "vscode-desktop"})
_JSON_SAFE = ":,/?@!$'()*~"
"""Left as they are in ``envs`` and ``arguments``, as ``encodeURI`` leaves them; what could end a
parameter (``&``, ``#``, ``+``, ``=``, ``;``) is encoded."""


_OLDER_API = 4.0
"""Up to here managers have ``/stream/kernel/…``; those of 22.03 and later have it no more."""


def newer_path(configuration: Configuration, status: int | None) -> Configuration | None:
    """How to ask again where the older path was refused by somebody who may not know it.

    Clients that tell no API version count as old, whatever their manager is (protocol 12). Behind
    a web server the manager's 404 is a 502.
    """
    unknown = status == 404 or (status == 502 and configuration.mode is Mode.SESSION)
    if configuration.api_version > _OLDER_API or not unknown:
        return None
    return replace(configuration, api_version=_OLDER_API + 1)


def stream_url(configuration: Configuration, route: ThroughManager) -> URL:
    """The WebSocket URL, encoded once; this exact text is signed and sent (protocol 3.1)."""
    kind = "tcpproxy" if route.app in _TCP_APPS else "httpproxy"
    prefix = "session" if configuration.api_version > _OLDER_API else "kernel"
    below = "/func" if configuration.mode is Mode.SESSION else ""
    query = f"app={quote(route.app, safe='')}"
    if route.envs:
        query += f"&envs={quote(route.envs, safe=_JSON_SAFE)}"
    if route.arguments:
        query += f"&arguments={quote(route.arguments, safe=_JSON_SAFE)}"
    session = quote(route.session, safe="")
    base = "ws" + configuration.endpoint.removeprefix("http")
    return URL(f"{base}{below}/stream/{prefix}/{session}/{kind}?{query}", encoded=True)


def host_field(url: URL) -> str:
    """The Host field of a request to ``url``: the port only where it is not the default one."""
    host = url.host_subcomponent or ""
    return host if url.is_default_port() or url.port is None else f"{host}:{url.port}"


def orderly(code: int, mode: Mode) -> bool:
    """Whether a close was the app's end and no fault.

    Web servers do not pass close codes on; some just drop the connection (protocol 3.4).
    """
    return code in _ORDERLY or (mode is Mode.SESSION and code == ABNORMAL)


class Verdict(Enum):
    """What a tunnel that brought no byte means for its client."""

    STARTING = auto()  # the app may come up: try again, a bounded number of times
    GONE = auto()  # the manager does not know the session or app: drop the listener
    FAILED = auto()
    ENDED = auto()  # the app took the connection and closed it: that is its answer


@dataclass(frozen=True, slots=True)
class Trouble:
    """A tunnel that brought no byte: a handshake status, a close code, silence, or a failure."""

    status: int = 0
    close_code: int = 0
    silent: bool = False
    failure: Failure | None = None

    @property
    def number(self) -> str:
        """The number that the page names; "" when there is none."""
        if self.silent:
            return "504"
        return str(self.status or self.close_code or "")


def trouble_of(failure: Failure) -> Trouble:
    """A refused handshake names its status; everything else is the failure itself."""
    refused = failure.kind is FailureKind.MANAGER_REFUSED
    return Trouble(status=failure.status or 0 if refused else 0, failure=failure)


_STARTING_STATUSES = frozenset({500, 503})


def judge(trouble: Trouble, mode: Mode) -> Verdict:
    """Design 5.8. Through a web server 502 is everything that may go wrong behind it."""
    if trouble.silent:  # a manager that is asked directly tells a dead app
        return Verdict.STARTING if mode is Mode.SESSION else Verdict.FAILED
    if trouble.close_code == TRY_AGAIN_LATER:
        return Verdict.STARTING
    if trouble.close_code:
        return _judge_close(trouble.close_code, mode)
    if trouble.status in _STARTING_STATUSES:
        return Verdict.STARTING
    if trouble.status == 502 and mode is Mode.SESSION:
        return Verdict.STARTING
    return Verdict.GONE if trouble.status == 404 else Verdict.FAILED


def _judge_close(code: int, mode: Mode) -> Verdict:
    """Closed before a byte. Only a manager that is asked directly says 1001, the app's own end."""
    if code == 1001:
        return Verdict.ENDED
    if code == 1000 or (code in (1005, ABNORMAL) and mode is Mode.SESSION):
        return Verdict.STARTING
    return Verdict.FAILED


_GREETING_APPS = frozenset({"sshd", "sftp", "vnc", "vscode-desktop"})


def greets(circuit: Circuit) -> bool:
    """Whether the app speaks before its client does, so that silence means that it is dead."""
    return circuit.app in _GREETING_APPS or circuit.protocol is Protocol.VNC


def always_answers(circuit: Circuit) -> bool:
    """Whether the app answers what a client says first; of most that are no HTTP nobody knows."""
    return greets(circuit) or circuit.app == "xrdp" or circuit.protocol is Protocol.RDP


_METHOD_LIMIT = 20
"""Longest method name that is taken for HTTP; the longest registered one has 17 letters."""


def looks_http(start: bytes) -> bool | None:
    """Whether a client's first bytes begin an HTTP/1 request; None: too few to tell.

    >>> looks_http(b"GET / HT"), looks_http(b"SSH-2.0-x"), looks_http(b"PO")
    (True, False, None)
    """
    method, space, target = start[: _METHOD_LIMIT + 2].partition(b" ")
    letters = method.replace(b"-", b"")
    if (letters and not (letters.isalpha() and letters.isupper())) or len(method) > _METHOD_LIMIT:
        return False
    if space and not method:
        return False
    if not space or not target:
        return None
    return target[:1] in (b"/", b"*") or target[:1].isalpha()
