"""A browser's cookies: kept as text, sent by host name, whatever the port (RFC 6265)."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from yarl import URL


@dataclass(frozen=True, slots=True)
class _Cookie:
    value: str
    host: str
    below: bool
    path: str
    secure: bool

    def goes_to(self, url: URL) -> bool:
        host = url.host or ""
        fits = host == self.host or (self.below and host.endswith(f".{self.host}"))
        return fits and _under(self.path, url.path) and (not self.secure or _is_safe(url))


@dataclass(slots=True)
class Jar:
    """Cookies of one person. Values are sent back exactly as they came, quotes included."""

    _kept: dict[tuple[str, str, str], _Cookie] = field(default_factory=dict)

    def put(self, url: URL, name: str, value: str) -> None:
        """A cookie for every path of the host of ``url``."""
        host = url.host or ""
        self._kept[name, host, "/"] = _Cookie(value, host, below=False, path="/", secure=False)

    def take(self, url: URL, set_cookies: Sequence[str]) -> None:
        """What an answer of ``url`` set; an age of 0 deletes."""
        for text in set_cookies:
            first, *rest = (part.strip() for part in text.split(";"))
            name, equals, value = first.partition("=")
            if equals:
                self._take(url, name.strip(), value.strip(), dict(map(_attribute, rest)))

    def _take(self, url: URL, name: str, value: str, said: dict[str, str]) -> None:
        own = url.host or ""
        domain = said.get("domain", "").lstrip(".").lower()
        if domain and own != domain and not own.endswith(f".{domain}"):
            return
        path = said.get("path", "/")
        host = domain or own
        key = name, host, path
        self._kept.pop(key, None)
        if said.get("max-age") != "0":
            self._kept[key] = _Cookie(value, host, bool(domain), path, "secure" in said)

    def field(self, url: URL) -> str:
        """The ``Cookie`` field for a request to ``url``; "" when there is none."""
        pairs = [f"{key[0]}={one.value}" for key, one in self._kept.items() if one.goes_to(url)]
        return "; ".join(pairs)


def _attribute(text: str) -> tuple[str, str]:
    name, _, value = text.partition("=")
    return name.strip().lower(), value.strip()


def _under(path: str, asked: str) -> bool:
    return asked == path or asked.startswith(path if path.endswith("/") else f"{path}/")


def _is_safe(url: URL) -> bool:
    """Browsers take this machine for safe without TLS."""
    host = url.host or ""
    loopback = host in ("localhost", "127.0.0.1", "::1") or host.endswith(".localhost")
    return url.scheme == "https" or loopback
