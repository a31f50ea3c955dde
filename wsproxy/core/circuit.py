"""A circuit: one open way from a listener to an app (design 2).

    listener (port, host name)  →  admission (who may)  →  route (how to reach the app)

Both dialects make the same value; everything behind the control API works on it.
"""

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from wsproxy.core.healthcheck import HealthCheck
from wsproxy.core.wire import Version


class Protocol(StrEnum):
    """What the app speaks, in the words of the wire (protocol 5.3)."""

    HTTP = "http"
    GRPC = "grpc"
    H2 = "h2"
    TCP = "tcp"
    PREOPEN = "preopen"
    VNC = "vnc"
    RDP = "rdp"


class Transport(StrEnum):
    """How a listener treats the bytes: as HTTP/1 exchanges, or untouched."""

    HTTP = "http"
    TCP = "tcp"


_TRANSPORTS = {
    Protocol.HTTP: Transport.HTTP,
    Protocol.PREOPEN: Transport.HTTP,
    Protocol.GRPC: Transport.TCP,
    Protocol.H2: Transport.TCP,
    Protocol.TCP: Transport.TCP,
    Protocol.VNC: Transport.TCP,
    Protocol.RDP: Transport.TCP,
}


def transport_of(protocol: Protocol) -> Transport:
    """``preopen`` is HTTP; ``vnc`` and ``rdp`` are TCP (protocol 5.4)."""
    return _TRANSPORTS[protocol]


class Alpn(StrEnum):
    """What a listener with TLS offers its clients (RFC 7301): one protocol each, never both."""

    HTTP1 = "http/1.1"
    H2 = "h2"


_H2 = frozenset({Protocol.GRPC, Protocol.H2})


def speaks_h2(protocol: Protocol) -> bool:
    """Whether the app speaks HTTP/2 and nothing else; gRPC is HTTP/2."""
    return protocol in _H2


class Mode(StrEnum):
    INTERACTIVE = "interactive"
    INFERENCE = "inference"


@dataclass(frozen=True, slots=True)
class Direct:
    """Straight to the container. ``generation`` fences against a reused address (design 6).

    ``tls`` verifies the certificate for ``host``; containers speak plain, the server behind a
    front may not.
    """

    host: str
    port: int
    route_id: str = ""
    session_id: str = ""
    ratio: float = 1.0
    generation: str = ""
    tls: bool = False


@dataclass(frozen=True, slots=True)
class ThroughManager:
    """Through the manager's stream over a WebSocket. ``configuration`` names who signs (P 3)."""

    session: str
    app: str
    configuration: str
    envs: str = ""  # JSON text, "" when none
    arguments: str = ""  # JSON text, "" when none


Route = Direct | ThroughManager


@dataclass(frozen=True, slots=True)
class PortListener:
    """A listener of its own. ``host`` is the bound address, ``port`` the bound port."""

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class HostListener:
    """A host name below the wildcard domain; ``label`` is its first DNS label, lower case."""

    label: str


Listener = PortListener | HostListener


@dataclass(frozen=True, slots=True)
class Circuit:
    """Frozen; a change is a new value with a higher ``generation``.

    Of an inference endpoint ``session_id`` is the endpoint's id: its sessions come and go, and
    stand in the routes. ``followed``: the manager tells those routes in its Redis.
    """

    id: UUID
    version: Version
    app: str
    protocol: Protocol
    session_id: str
    listener: Listener
    routes: tuple[Route, ...]  # tried in order of core.selection; ThroughManager is the fall-back
    owner: str = ""  # access key (v2) or configuration (v1): who may find and close it
    user_id: str = ""
    domain_name: str = ""
    project_id: str = ""
    mode: Mode = Mode.INTERACTIVE
    endpoint_id: str = ""
    runtime_variant: str = ""
    session_name: str = ""
    token_id: str = ""  # the start-service token it was opened with
    open_to_public: bool = False
    allowed_client_ips: tuple[str, ...] = ()
    envs: tuple[tuple[str, str], ...] = ()  # names and values, in the order they came
    arguments: str = ""
    health_check: HealthCheck | None = None
    followed: bool = False
    created_at: float = 0.0  # unix seconds
    updated_at: float = 0.0
    generation: int = 1

    @property
    def transport(self) -> Transport:
        """v1 listeners carry every app's bytes untouched (design 5.8)."""
        return Transport.TCP if self.version is Version.V1 else transport_of(self.protocol)

    @property
    def alpn(self) -> Alpn | None:
        """What its port offers where it speaks TLS; None: it never does."""
        if self.transport is Transport.HTTP:
            return Alpn.HTTP1
        h2 = self.version is Version.V2 and speaks_h2(self.protocol)
        return Alpn.H2 if h2 else None

    @property
    def way_back(self) -> bool:
        """False where a way through the manager could be, and is not (design 5.6)."""
        through = any(isinstance(route, ThroughManager) for route in self.routes)
        return through or self.mode is not Mode.INTERACTIVE

    @property
    def port(self) -> int | None:
        return self.listener.port if isinstance(self.listener, PortListener) else None

    @property
    def label(self) -> str | None:
        return self.listener.label if isinstance(self.listener, HostListener) else None


class CloseReason(StrEnum):
    """Why a circuit ended; told in logs, metrics, and where the protocol has a place for it."""

    REQUESTED = "requested"  # a client asked (delete)
    SESSION_ENDED = "session-ended"
    LISTENER_DIED = "listener-died"
    ROUTE_GONE = "route-gone"
    IDLE = "idle"
    SHUTDOWN = "shutdown"
