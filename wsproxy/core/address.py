"""The address of a group: text from the settings or a manager, checked and taken apart.

Managers append ``/status`` to this text as it is (protocol 8.1), so nothing may follow the path.
``user:password@`` is allowed, sent as Basic credentials, and never shown.
"""

import base64
import re
from dataclasses import dataclass, field
from urllib.parse import unquote

from yarl import URL

_SCHEMES = ("http", "https")
_BLANK = re.compile(r"[\s\x00-\x20\x7f-\x9f\\]")
_NAME = re.compile(
    r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*\.?"
)
_LONGEST_SHOWN = 200


@dataclass(frozen=True, slots=True)
class Address:
    """A usable address. ``host`` has no brackets; ``path`` is a prefix without a slash at its end.

    ``str()`` gives it back without its credentials.
    """

    scheme: str
    host: str
    port: int
    path: str = ""
    userinfo: str = field(default="", repr=False)

    @property
    def tls(self) -> bool:
        return self.scheme == "https"

    @property
    def authority(self) -> str:
        """What goes into Host: an IPv6 address in brackets, no zone, the default port left out."""
        return self._with_port(self.host.partition("%")[0])

    def _with_port(self, name: str) -> str:
        host = f"[{name}]" if ":" in name else name
        default = 443 if self.tls else 80
        return host if self.port == default else f"{host}:{self.port}"

    @property
    def credentials(self) -> str:
        """The value of Authorization, or "" (RFC 7617)."""
        if not self.userinfo:
            return ""
        return "Basic " + base64.b64encode(self.userinfo.encode()).decode()

    def __str__(self) -> str:
        return f"{self.scheme}://{self._with_port(self.host)}{self.path}"


@dataclass(frozen=True, slots=True)
class Malformed:
    """Not an address; ``why`` is a clause for a person."""

    why: str


def shown(text: str) -> str:
    """An address as it may be printed: no credentials, no control characters, not endless."""
    scheme, slashes, rest = text.rpartition("://")
    place = scheme + slashes + rest.rpartition("@")[2]
    clean = "".join(char if char.isprintable() else "?" for char in place)
    return clean if len(clean) <= _LONGEST_SHOWN else clean[:_LONGEST_SHOWN] + "…"


def parse(text: str) -> Address | Malformed:
    """The address, or what is wrong with it. Never raises, whatever the text.

    >>> str(parse("http://[::1]:10200/"))
    'http://[::1]:10200'
    >>> parse("localhost:10200").why
    'it does not start with http:// or https://'
    """
    if _BLANK.search(text):
        return Malformed("it contains a blank, a control character or a backslash")
    if not text.lower().startswith(("http://", "https://")):
        return Malformed("it does not start with http:// or https://")
    if "?" in text or "#" in text:
        return Malformed("nothing may follow the path: no ? and no #")
    try:
        return _checked(URL(text))
    except (ValueError, TypeError) as error:
        return Malformed(_reason(error))


def _reason(error: Exception) -> str:
    """In our words: yarl sometimes quotes the text, credentials included."""
    if "port" in str(error).lower():
        return "its port is not a number from 1 to 65535"
    return "it is not a URL"


def _checked(url: URL) -> Address | Malformed:
    host = url.raw_host or ""
    if not host:
        return Malformed("it names no host")
    if ":" not in host and not (_NAME.fullmatch(host.lower()) and len(host) <= 253):
        return Malformed("its host is not a name or an IP address")
    if not url.port:
        return Malformed("its port is not a number from 1 to 65535")
    host = host.lower().replace("%25", "%")  # a zone is written with %25 (RFC 6874 section 2)
    return Address(url.scheme, host, url.port, url.raw_path.rstrip("/"), _userinfo(url))


def _userinfo(url: URL) -> str:
    if url.raw_user is None and url.raw_password is None:
        return ""
    return f"{unquote(url.raw_user or '')}:{unquote(url.raw_password or '')}"
