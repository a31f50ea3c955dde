"""The sections of ``wsproxy.toml`` as frozen models: every key, its type, default and meaning.

The descriptions are the documentation: ``wsproxy config sample`` and ``docs/settings.md`` are
made from them. Keys are written with dashes in the file and with underscores here.
"""

from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationInfo,
    field_validator,
)

from wsproxy.config.values import (
    BaseUrl,
    Bind,
    BindAddress,
    ConnectProxy,
    Domain,
    HostName,
    Hosts,
    Names,
    Network,
    Networks,
    OptionalBind,
    Origins,
    PortRange,
    Ports,
    PositiveSeconds,
    RedisUrl,
    Seconds,
    parse_network,
    parse_secret,
)
from wsproxy.core.portpool import parse_pool

EMPTY = SecretStr("")
Secret = Annotated[SecretStr, AfterValidator(parse_secret)]
Count = Annotated[int, Field(ge=1)]
NETWORKS_OF_THIS_MACHINE: tuple[Network, ...] = (
    parse_network("127.0.0.0/8"),
    parse_network("::1/128"),
)


class Section(BaseModel):
    """Strict (a quoted number is a wrong type), closed (no unknown keys), frozen."""

    model_config = ConfigDict(
        strict=True,
        extra="forbid",
        frozen=True,
        alias_generator=lambda name: name.replace("_", "-"),
        validate_by_name=True,
        validate_by_alias=True,
        arbitrary_types_allowed=True,
    )


class Gateway(Section):
    """Where the gateway listens, and what it calls itself."""

    bind: BindAddress = Field(
        default=Bind("127.0.0.1", 5050),
        description="Control API, both dialects: host:port, [v6]:port or unix:/path.",
    )
    advertise: BaseUrl = Field(
        default="",
        description='What clients are told, e.g. "https://proxy.example.com". Empty: from bind.',
    )
    admin_bind: OptionalBind = Field(
        default=Bind("127.0.0.1", 5051),
        description="Metrics and health detail; keep it private. Empty: not served.",
    )
    hosts: Hosts = Field(
        default=(), description="Further names by which clients may call the API (Host header)."
    )
    allowed_origins: Origins = Field(
        default=(),
        description='Web origins that may call with credentials: "https://ui.example.com". '
        '"null" only for desktop apps of before 2026.',
    )
    trusted_proxies: Networks = Field(
        default=(), description="Networks whose X-Forwarded-* and Forwarded headers are believed."
    )
    processes: Annotated[int, Field(ge=0)] = Field(
        default=1,
        description="Processes that carry the traffic of apps. 1: the gateway's own does. 0: one "
        "for each core. Not on Windows.",
    )
    grace: Seconds = Field(
        default=30.0,
        description="Seconds that running requests and tunnels get when the gateway stops.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="What is written to stderr."
    )
    log_format: Literal["text", "json"] = Field(
        default="text", description="One line an event, or JSON."
    )


class Manager(Section):
    """The Backend.AI manager behind the gateway. All of it is optional."""

    endpoint: BaseUrl = Field(default="", description='The manager, e.g. "http://127.0.0.1:8081".')
    webserver: BaseUrl = Field(
        default="",
        description="The web server; needed to fall back to v1 with a login session's token.",
    )
    access_key: str = Field(
        default="",
        description="With secret-key: read groups (all addresses with a superadmin's key), notice "
        "sessions that ended.",
    )
    secret_key: SecretStr = Field(default=EMPTY, description="The secret key of access-key.")
    redis: RedisUrl = Field(
        default=EMPTY,
        description="The manager's Redis (redis://, rediss:// or unix:///path): the use of "
        "sessions is written where idle checkers look, and sessions that end are noticed at once. "
        "Managers 25.12 to 26.4.3 tell the routes of inference endpoints there. Empty: not used.",
    )
    activity: Literal["connection", "user", "none"] = Field(
        default="connection",
        description='What counts as use of a session in that Redis. "connection": a request, or '
        'a connection that is open, as managers expect. "user": only bytes that the user\'s side '
        'sends, so that a page left open does not keep its session. "none": nothing is written.',
    )
    forward: bool = Field(
        default=False,
        description="Front mode: stand before the manager or web server at endpoint, pass "
        "everything on, repair the version route.",
    )
    verify_tls: bool = Field(
        default=True, description="Check the certificate of endpoint and webserver."
    )


class Group(Section):
    """One resource group. A group without an address is v1."""

    address: str = Field(
        default="", description="The wsproxy of this group; this gateway's own address works too."
    )


class Policy(Section):
    """What is answered when a group's address cannot be used."""

    on_invalid_address: Literal["fallback", "strict"] = Field(
        default="fallback",
        description='"fallback": status 200 with v1 and the reason. "strict": the statuses that '
        "managers give.",
    )
    probe_deadline: PositiveSeconds = Field(
        default=2.0, description="Seconds for one probe of an address, name look-up included."
    )
    probe_cache: Seconds = Field(default=30.0, description="Seconds that a probe's result is kept.")


class V1(Section):
    """The local proxy: client, local listener, WebSocket, manager, container."""

    remote: bool = Field(
        default=False,
        description="Answer clients that are not on this machine. /conf then accepts only "
        "the endpoints of [manager].",
    )
    legacy_tokens: bool = Field(
        default=False, description='Accept the constant token "local" and access keys as tokens.'
    )
    answers: Literal["hardened", "classic"] = Field(
        default="hardened",
        description='"classic": HTTP 200 with the code in the body for refusals too, as the '
        "programs of before 2026 did.",
    )
    listen_host: HostName = Field(
        default="",
        description="Address of the app listeners. Empty: both loopback addresses; with "
        "remote = true the host of gateway.bind.",
    )
    advertise_host: HostName = Field(
        default="", description="Host in the URLs of apps. Empty: the host of gateway.advertise."
    )
    port_pool: str = Field(
        default="", description='Ports for apps: "10000-10100,20022". Empty: the system chooses.'
    )
    rate_limit: Annotated[int, Field(ge=0)] = Field(
        default=600, description="Requests a minute and client on /proxy routes; 0: no limit."
    )
    http_proxy: ConnectProxy = Field(
        default=EMPTY,
        description='HTTP proxy (CONNECT) for tunnels to the manager: "http://proxy:3128".',
    )

    @field_validator("port_pool")
    @classmethod
    def _check_port_pool(cls, value: str, info: ValidationInfo) -> str:
        """Bad entries are errors, but under the classic name they are skipped (protocol 1)."""
        skipped = parse_pool(value)[1]
        if skipped and not (info.context or {}).get("lenient_pool"):
            raise ValueError(f"{', '.join(map(repr, skipped))}: no port, and no rising range")
        return value


class V2(Section):
    """The App Proxy: client, gateway, container. It is on when the three secrets are set."""

    api_secret: Secret = Field(
        default=EMPTY,
        description="Managers and tools show it (X-BackendAI-Token). At least 16 bytes.",
    )
    jwt_secret: Secret = Field(default=EMPTY, description="Signs tokens. At least 16 bytes.")
    permit_secret: Secret = Field(default=EMPTY, description="Signs permits. At least 16 bytes.")
    conf_from: Networks = Field(
        default=NETWORKS_OF_THIS_MACHINE,
        description="Networks whose calls of /v2/conf need no secret: your managers.",
    )
    targets: Networks = Field(
        default=(),
        description="Networks of the containers. Empty: all but loopback, link-local, multicast "
        "and metadata addresses.",
    )
    listen_host: HostName = Field(default="127.0.0.1", description="Address of the app ports.")
    advertise_host: HostName = Field(default="127.0.0.1", description="Host in the URLs of apps.")
    ports: Ports = Field(
        default=PortRange(10200, 10300),
        description="The ports for apps; in wildcard mode those of raw apps alone.",
    )
    domain: Domain = Field(
        default="", description='Wildcard mode: ".apps.example.com", one name below it an app.'
    )
    domain_bind: BindAddress = Field(
        default=Bind("0.0.0.0", 8443),
        description="Where the apps of the wildcard domain are served.",
    )
    domain_advertise_port: Annotated[int, Field(ge=1, le=65535)] = Field(
        default=443, description="The port of the wildcard domain as clients see it."
    )
    tcp_admission: Literal["setup-address", "any"] = Field(
        default="setup-address",
        description='Who may connect to TCP apps: the addresses that opened them, or "any".',
    )
    classic_permits: bool = Field(
        default=False, description="Accept the permit cookies of upstream, one per user."
    )
    login_cookies: Names = Field(
        default=("AIOHTTP_SESSION",),
        description="Cookies of the web server that apps on its host name must not see.",
    )

    @property
    def secrets(self) -> dict[str, SecretStr]:
        return {
            "api-secret": self.api_secret,
            "jwt-secret": self.jwt_secret,
            "permit-secret": self.permit_secret,
        }

    @property
    def enabled(self) -> bool:
        """The one condition for ``/status`` to say v2 (design 3)."""
        return all(secret.get_secret_value() for secret in self.secrets.values())


class Tls(Section):
    """TLS on the control API and on the ports of HTTP and HTTP/2 apps. Both files, or none."""

    certificate: str = Field(default="", description="PEM file with the certificate and its chain.")
    key: str = Field(default="", description="PEM file with the private key.")

    @property
    def enabled(self) -> bool:
        return bool(self.certificate and self.key)


class Limits(Section):
    """Sizes, counts and deadlines. Deadlines are separate; none covers for another."""

    head_bytes: Annotated[int, Field(ge=1024, le=1 << 20)] = Field(
        default=65536, description="Longest request head, in bytes; above it 431."
    )
    head_seconds: PositiveSeconds = Field(
        default=10.0, description="Seconds for a request head to arrive; then 408."
    )
    slot_wait: PositiveSeconds = Field(
        default=10.0, description="Seconds to wait for a free connection to an app; then 503."
    )
    connect: PositiveSeconds = Field(
        default=5.0, description="Seconds to connect to an app or the manager."
    )
    first_byte: PositiveSeconds = Field(
        default=300.0,
        description="Seconds from the end of a request to the first byte of its answer.",
    )
    idle: PositiveSeconds = Field(
        default=75.0, description="Seconds a kept-alive HTTP connection may rest. Not for tunnels."
    )
    stalled: Seconds = Field(
        default=300.0,
        description="Seconds a client may take nothing of an answer of which there is more; then "
        "its connection is reset. Not for tunnels. 0: no limit.",
    )
    total: Seconds = Field(default=0.0, description="Seconds for a whole exchange; 0: no limit.")
    connections_per_client: Annotated[int, Field(ge=0)] = Field(
        default=512,
        description="Connections at once from one address on the app ports, and as many on the "
        "API; v1 apps that serve this machine alone have no limit. 0: no limit.",
    )
    connections_per_app: Count = Field(
        default=512, description="Connections at once to one app for plain HTTP."
    )
    circuits_per_session: Count = Field(
        default=64, description="Circuits open at once in one session."
    )
    unused_circuit: Seconds = Field(
        default=3600.0,
        description="Seconds until an interactive v2 circuit that nobody uses is closed; 0: never.",
    )


class State(Section):
    """Where circuits are kept."""

    url: SecretStr = Field(
        default=SecretStr("memory:"),
        description='"memory:": circuits end with the process. "sqlite:" and "redis:" come with '
        "a later release.",
    )


class Engine(Section):
    """What carries the traffic."""

    kind: Literal["embedded", "haproxy"] = Field(
        default="embedded",
        description='"embedded": this process. "haproxy" comes with a later release.',
    )
