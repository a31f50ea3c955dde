"""All settings of a gateway: read once at start (``config.load``), frozen, complete."""

from pydantic import Field
from yarl import URL

from wsproxy.config import sections as s
from wsproxy.config.values import bracketed

LOOPBACK = ("127.0.0.1", "::1")


class Settings(s.Section):
    """The whole file. Every section has defaults; an empty file is a v1 gateway on loopback."""

    gateway: s.Gateway = Field(default=s.Gateway())
    manager: s.Manager = Field(default=s.Manager())
    groups: dict[str, s.Group] = Field(default={})
    policy: s.Policy = Field(default=s.Policy())
    v1: s.V1 = Field(default=s.V1())
    v2: s.V2 = Field(default=s.V2())
    tls: s.Tls = Field(default=s.Tls())
    limits: s.Limits = Field(default=s.Limits())
    state: s.State = Field(default=s.State())
    engine: s.Engine = Field(default=s.Engine())

    def base_url(self, bound_port: int = 0) -> str:
        """What clients are told. ``bound_port`` replaces a port 0 ("the system chooses")."""
        if self.gateway.advertise:
            url = URL(self.gateway.advertise)
            return str(url.with_port(bound_port) if url.explicit_port == 0 else url).rstrip("/")
        bind = self.gateway.bind
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(bind.host, bind.host)
        scheme = "https" if self.tls.enabled else "http"
        return f"{scheme}://{bracketed(host)}:{bind.port or bound_port}"

    @property
    def v1_advertise_host(self) -> str:
        """The host in the URLs of v1 apps, without brackets."""
        return self.v1.advertise_host or URL(self.base_url()).host or "127.0.0.1"

    @property
    def domain_scheme(self) -> str:
        """How clients reach the wildcard domain: TLS here, or before us on 443."""
        return "https" if self.tls.enabled or self.v2.domain_advertise_port == 443 else "http"

    @property
    def v1_listen_hosts(self) -> tuple[str, ...]:
        """The addresses of v1 app listeners."""
        if self.v1.listen_host:
            return (self.v1.listen_host,)
        if self.v1.remote and not self.gateway.bind.path:
            return (self.gateway.bind.host,)
        return LOOPBACK
