"""Settings as the small values that the parts take. Pure, except that TLS files are read."""

import ssl
from collections.abc import Callable, Iterable, Mapping
from uuid import UUID

from yarl import URL

from wsproxy.config.settings import Settings
from wsproxy.config.tlsfiles import NO_PASSWORD
from wsproxy.config.values import Bind, bracketed
from wsproxy.core.admission import AdmissionRules
from wsproxy.core.circuit import Alpn, Direct
from wsproxy.core.configuration import AuthMode, Configuration, Mode
from wsproxy.core.cors import Origins
from wsproxy.core.documents import NodeFacts
from wsproxy.core.framing import HeadLimits
from wsproxy.core.hosts import HostGuard
from wsproxy.core.permits import PermitRules
from wsproxy.core.pooling import PoolRules
from wsproxy.core.setup import Keys, Places
from wsproxy.core.sharing import share
from wsproxy.core.slots import SlotRules
from wsproxy.core.targets import Listening, TargetRules, may_connect
from wsproxy.core.v1 import Places as V1Places
from wsproxy.core.wire import Version
from wsproxy.data.dial import DialRules
from wsproxy.data.rules import EngineRules
from wsproxy.manager.handshake import HandshakeRules
from wsproxy.manager.stream import StreamRules
from wsproxy.net.connect import UNIX
from wsproxy.net.machine import cores, is_local

API_OF_FALL_BACK = 9.0
"""The API version of the fall-back route: today's paths (protocol 3.1)."""


def own_version(settings: Settings) -> Version:
    """What ``/status`` says (design 3)."""
    return Version.V2 if settings.v2.enabled else Version.V1


def tls_contexts(settings: Settings) -> Mapping[Alpn, ssl.SSLContext]:
    """For listeners, by what they offer; empty is plain. ``OSError``: a file cannot be used."""
    if not settings.tls.enabled:
        return {}
    return {alpn: _tls_context(settings, alpn) for alpn in Alpn}


def _tls_context(settings: Settings, alpn: Alpn) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols([alpn.value])
    context.load_cert_chain(settings.tls.certificate, settings.tls.key, NO_PASSWORD)
    return context


def processes(settings: Settings) -> int:
    """How many carry traffic; 1: the gateway's own process does."""
    return settings.gateway.processes or cores()


def engine_rules(settings: Settings, processes: int = 1) -> EngineRules:
    """``processes``: so many share what one client and one app may have."""
    limits = settings.limits
    return EngineRules(
        head=HeadLimits(head_bytes=limits.head_bytes),
        pool=PoolRules(total=share(limits.connections_per_app, processes)),
        head_seconds=limits.head_seconds,
        slot_wait=limits.slot_wait,
        first_byte=limits.first_byte,
        stalled=limits.stalled,
        idle=limits.idle,
        total=limits.total,
        per_client=share(limits.connections_per_client, processes),
        trusted=settings.gateway.trusted_proxies,
    )


def target_rules(settings: Settings) -> TargetRules:
    return TargetRules(allowed=settings.v2.targets, is_local=is_local)


def slot_rules(settings: Settings) -> SlotRules:
    """Where v2 circuits may listen."""
    v2 = settings.v2
    return SlotRules(v2.listen_host, v2.ports.numbers, wildcard=bool(v2.domain))


def behind(settings: Settings) -> Direct | None:
    """The server behind a front, or None without front mode."""
    if not settings.manager.forward:
        return None
    url = URL(settings.manager.endpoint)
    assert url.host is not None and url.port is not None
    return Direct(url.host, url.port, tls=url.scheme == "https")


def dial_rules(settings: Settings, at: Callable[[int], Iterable[Listening]]) -> DialRules:
    """``/v2/conf`` names targets, so they are judged; the server behind a front is our own.

    ``at`` gives our own listeners with a port, as of now.
    """
    own = behind(settings)
    targets = target_rules(settings)

    def manager_tls() -> ssl.SSLContext:
        return client_tls(settings.manager.verify_tls)

    return DialRules(
        connect=settings.limits.connect,
        allow=lambda host, port: may_connect(host, port, at(port), targets),
        own=frozenset((own,)) if own is not None else frozenset(),
        tls=manager_tls,
    )


def client_tls(verify: bool) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def stream_rules(settings: Settings) -> StreamRules:
    handshake = HandshakeRules(
        connect=settings.limits.connect,
        verify_tls=settings.manager.verify_tls,
    )
    return StreamRules(handshake=handshake, http_proxy=settings.v1.http_proxy.get_secret_value())


def host_guard(settings: Settings, base: str) -> HostGuard:
    """Names of bind, advertise and ``hosts``; everywhere when bound to loopback (design 9)."""
    bind = settings.gateway.bind
    return HostGuard(
        _names(settings, bind, base), bind.is_loopback and not settings.manager.forward
    )


def admin_guard(settings: Settings, bind: Bind, base: str) -> HostGuard:
    """The same for the admin port, which may be bound elsewhere than the API."""
    return HostGuard(_names(settings, bind, base), everywhere=bind.is_loopback)


def _names(settings: Settings, bind: Bind, base: str) -> list[str]:
    gateway = settings.gateway
    urls = (base, gateway.advertise)
    return [bind.host, *(URL(url).host or "" for url in urls if url), *gateway.hosts]


def api_origins(settings: Settings, base: str) -> Origins:
    """Who may use credentials at the API: listed origins, ours, and pages of this machine."""
    listed = {*settings.gateway.allowed_origins, str(URL(base).origin())}
    return Origins(frozenset(listed), loopback=settings.gateway.bind.is_loopback)


def v1_origins(settings: Settings) -> Origins:
    return Origins(frozenset(settings.gateway.allowed_origins), loopback=True)


def permit_rules(settings: Settings) -> PermitRules:
    return PermitRules(settings.v2.permit_secret.get_secret_value(), settings.v2.classic_permits)


def admission_rules(settings: Settings, places: Places) -> AdmissionRules:
    return AdmissionRules(
        permits=permit_rules(settings),
        jwt_secret=settings.v2.jwt_secret.get_secret_value(),
        secure_cookies=places.tls,
    )


def keys(settings: Settings) -> Keys:
    return Keys(
        settings.v2.jwt_secret.get_secret_value(), settings.v2.permit_secret.get_secret_value()
    )


def v2_places(settings: Settings, base: str, domain_port: int) -> Places:
    """Where clients find v2 apps. ``domain_port`` is the bound one; 0 in the settings means it."""
    v2 = settings.v2
    return Places(
        api=base,
        app_host=v2.advertise_host,
        domain=v2.domain,
        domain_port=domain_port or v2.domain_advertise_port,
        tls=settings.domain_scheme == "https" if v2.domain else settings.tls.enabled,
        port_tls=settings.tls.enabled,
    )


def node_facts(
    settings: Settings, base: str, places: Places, node_id: UUID, started_at: float
) -> NodeFacts:
    """This node as the management API shows it; ``base`` is the API's advertised address."""
    url = URL(base)
    return NodeFacts(
        id=node_id,
        authority=f"{bracketed(url.host or '')}:{url.port}",
        hostname=settings.v2.advertise_host,
        api_port=url.port or 0,
        started_at=started_at,
        ports=settings.v2.ports.numbers if settings.v2.enabled else (),
        domain=places.domain,
        traffic_port=places.domain_port if places.domain else 0,
        tls=places.tls,
    )


def v1_places(settings: Settings, base: str) -> V1Places:
    host = settings.v1_advertise_host
    return V1Places(base=base, host=f"[{host}]" if ":" in host else host)


def login_configuration(settings: Settings, login_token: str) -> Configuration:
    """The identity of the fall-back route: a login session at the web server (design 5.6)."""
    return Configuration(
        endpoint=settings.manager.webserver.rstrip("/"),
        mode=Mode.SESSION,
        session=login_token,
        api_version=API_OF_FALL_BACK,
        auth_mode=AuthMode.COOKIE,
    )


def own_identity(settings: Settings) -> Configuration | None:
    """The gateway's own credentials at the manager, where they are set."""
    manager = settings.manager
    secret = manager.secret_key.get_secret_value()
    if not (manager.endpoint and manager.access_key and secret):
        return None
    return Configuration(
        endpoint=manager.endpoint.rstrip("/"),
        mode=Mode.API,
        access_key=manager.access_key,
        secret_key=secret,
        api_version=8.0,
    )


def bind_host(host: str, path: str) -> str:
    """A bind address as ``data.listeners`` takes it."""
    return f"{UNIX}{path}" if path else host
