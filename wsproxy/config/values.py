"""The small values that settings are made of: addresses, networks, port ranges, secrets.

Each parser takes the text of the file or the environment and returns a value, or raises
``ValueError`` whose text says what is wrong and what would be right. Nothing is looked up.
"""

import ipaddress
import re
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, SecretStr
from yarl import URL

from wsproxy.core.hosts import is_loopback

SECRET_BYTES = 16
"""The shortest secret (design 9)."""

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_HOST_NAME = re.compile(r"(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9_-]{1,63})*")
_PORTS = re.compile(r"(\d{1,5})\s*-\s*(\d{1,5})|(\d{1,5})")
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*")


@dataclass(frozen=True, slots=True)
class Bind:
    """Where to listen: ``host`` and ``port`` (0: the system chooses), or a UNIX socket path."""

    host: str = ""
    port: int = 0
    path: str = ""

    def __str__(self) -> str:
        return f"unix:{self.path}" if self.path else f"{bracketed(self.host)}:{self.port}"

    @property
    def is_loopback(self) -> bool:
        """UNIX sockets count as loopback: only this machine reaches them."""
        return bool(self.path) or is_loopback(self.host)

    @property
    def is_any(self) -> bool:
        return self.host in ("0.0.0.0", "::")


@dataclass(frozen=True, slots=True)
class PortRange:
    """Inclusive at both ends."""

    first: int
    last: int

    def __str__(self) -> str:
        return f"{self.first}-{self.last}"

    def __contains__(self, port: int) -> bool:
        return self.first <= port <= self.last

    @property
    def numbers(self) -> tuple[int, ...]:
        return tuple(range(self.first, self.last + 1))


def bracketed(host: str) -> str:
    """An IPv6 address as URLs and ``host:port`` need it (design 12)."""
    return f"[{host}]" if ":" in host else host


def parse_host(text: str) -> str:
    """An IP address (no brackets) or a host name, in lower case."""
    host = text.strip().lower()
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        pass
    if not _HOST_NAME.fullmatch(host) or re.fullmatch(r"[\d.]+", host):
        raise ValueError(f"{text!r} is neither an IP address nor a host name")
    return host


def parse_port(text: str, lowest: int = 1) -> int:
    if not re.fullmatch(r"\d{1,5}", text) or not lowest <= int(text) <= 65535:
        raise ValueError(f"{text!r} is no port; ports are {lowest} to 65535")
    return int(text)


def _already(value: Any, kind: Any) -> Any:
    """A value that is parsed already (a default), or an error for what is no text."""
    if not isinstance(value, kind):
        raise ValueError("must be text in quotes")
    return value


def parse_bind(value: Any) -> Any:
    """``host:port``, ``[v6]:port`` or ``unix:/path``."""
    if not isinstance(value, str):
        return _already(value, Bind)
    if value.startswith("unix:"):
        path = value.removeprefix("unix:")
        if not path.startswith("/"):
            raise ValueError("the path of a UNIX socket starts with '/': unix:/run/wsproxy.sock")
        return Bind(path=path)
    host, colon, port = value.rpartition(":")
    if not colon or not host or (":" in host and not host.startswith("[")):
        raise ValueError(
            f"{value!r} is no address to listen on; write host:port, [v6]:port or unix:/path"
        )
    return Bind(host=parse_host(host), port=parse_port(port, lowest=0))


def parse_optional_bind(value: Any) -> Any:
    return None if value is None or value == "" else parse_bind(value)


def parse_ports(value: Any) -> Any:
    """``first-last``, or one port."""
    if not isinstance(value, str):
        return _already(value, PortRange)
    match = _PORTS.fullmatch(value.strip())
    if match is None:
        raise ValueError(f'{value!r} is no port range; write "10200-10300"')
    first = parse_port(match[1] or match[3])
    last = parse_port(match[2] or match[3])
    if first > last:
        raise ValueError(f"the range {value!r} runs backwards")
    return PortRange(first, last)


def parse_network(value: Any) -> Any:
    """A network in CIDR notation, or one address. Host bits are an error, not a guess."""
    if not isinstance(value, str):
        return _already(value, Network)
    try:
        return ipaddress.ip_network(value.strip())
    except ValueError:
        pass
    try:
        meant = ipaddress.ip_network(value.strip(), strict=False)
    except ValueError:
        raise ValueError(f'{value!r} is no network; write "10.0.0.0/8" or one address') from None
    raise ValueError(f'{value!r} has bits set beyond its prefix; perhaps "{meant}" is meant')


def _check_url(text: str, schemes: tuple[str, ...]) -> URL:
    wanted = " or ".join(f"{scheme}://" for scheme in schemes)
    try:
        url = URL(text)
    except ValueError:
        raise ValueError(f"is no URL; write {wanted}host:port") from None
    if url.scheme not in schemes or not url.host:
        raise ValueError(f"is no URL of this kind; write {wanted}host:port")
    if url.query_string or url.fragment:
        raise ValueError("must not have a '?' or a '#'")
    try:
        parse_host(url.raw_host or "")
    except ValueError:
        raise ValueError(f"has no valid host; write {wanted}host:port") from None
    return url


def parse_url(value: Any) -> Any:
    """An http(s) base URL without a trailing slash, or "" (not set)."""
    if not isinstance(value, str) or not value:
        return value
    _check_url(value, ("http", "https"))
    return value.rstrip("/")


def parse_connect_proxy(value: Any) -> Any:
    """``http://[user:password@]host:port`` of a proxy that knows CONNECT, or ""."""
    if isinstance(value, str) and value:
        _check_url(value, ("http",))
    return value


def parse_redis(value: Any) -> Any:
    """``redis://[user:password@]host[:port]``, ``rediss://`` with TLS, ``unix:///path``, or ""."""
    if isinstance(value, str) and value:
        if value.startswith("unix:"):
            if not re.fullmatch(r"unix://(:[^@/]*@)?/[^?#]+", value):
                raise ValueError("is no path of a socket; write unix:///run/redis.sock")
        else:
            _check_url(value, ("redis", "rediss"))
    return value


def parse_origin(value: Any) -> Any:
    """What browsers send as ``Origin``: scheme, host, port, and nothing more; or ``null``."""
    if not isinstance(value, str) or value == "null":
        return value
    scheme, sep, rest = value.partition("://")
    if not sep or not rest or not _SCHEME.fullmatch(scheme) or re.search(r"[/?#\s*,]", rest):
        raise ValueError(f'{value!r} is no origin; write "https://ui.example.com", without a path')
    return value


def parse_domain(value: Any) -> Any:
    """The wildcard domain with its leading dot (``.apps.example.com``), or ""."""
    if not isinstance(value, str) or not value:
        return value
    if not value.startswith("."):
        raise ValueError(f'{value!r} must start with a dot: ".{value.removeprefix("*.")}"')
    return "." + parse_host(value[1:])


def parse_secret(value: SecretStr) -> SecretStr:
    """Not set (""), or long enough. The text itself never appears in the error."""
    size = len(value.get_secret_value().encode())
    if 0 < size < SECRET_BYTES:
        raise ValueError(f"is too short: {size} bytes, at least {SECRET_BYTES} are needed")
    return value


def parse_host_setting(value: Any) -> Any:
    return parse_host(value) if isinstance(value, str) and value else value


BindAddress = Annotated[Bind, BeforeValidator(parse_bind)]
OptionalBind = Annotated[Bind | None, BeforeValidator(parse_optional_bind)]
Ports = Annotated[PortRange, BeforeValidator(parse_ports)]
NetworkItem = Annotated[Network, BeforeValidator(parse_network)]
Networks = Annotated[tuple[NetworkItem, ...], Field(strict=False)]
BaseUrl = Annotated[str, BeforeValidator(parse_url)]
ConnectProxy = Annotated[SecretStr, BeforeValidator(parse_connect_proxy)]
RedisUrl = Annotated[SecretStr, BeforeValidator(parse_redis)]
HostName = Annotated[str, BeforeValidator(parse_host_setting)]
Hosts = Annotated[tuple[HostName, ...], Field(strict=False)]
Origins = Annotated[tuple[Annotated[str, BeforeValidator(parse_origin)], ...], Field(strict=False)]
Names = Annotated[tuple[str, ...], Field(strict=False)]
Domain = Annotated[str, BeforeValidator(parse_domain)]
Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]
PositiveSeconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]
