"""What a v1 client told us with ``PUT /conf``: where the manager is and who it is (protocol 2.1).

A configuration may also be made by the gateway itself: the way back to the manager of a v2 circuit
(design 5.6) is one in SESSION mode.
"""

import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from yarl import URL

DEFAULT_API_VERSION = 4.0
"""When ``/conf`` names none (protocol 2.1)."""

_LONGEST = 4096
_NUMBER = re.compile(r"\s*v?(\d+(?:\.\d*)?)")
_SAFE = re.compile(r"[\x21-\x7e]*")
_COOKIE_BREAKERS = frozenset(';,"\\')


class Mode(StrEnum):
    API = "API"
    SESSION = "SESSION"


class AuthMode(StrEnum):
    """How a session id is sent (protocol 3.3)."""

    COOKIE = "cookie"
    HEADER = "header"


@dataclass(frozen=True, slots=True)
class Configuration:
    """One identity at one manager or web server. Its secrets are never in its ``repr``.

    ``endpoint`` has no trailing slash; in SESSION mode it is the web server's, without ``/func``.
    """

    endpoint: str
    mode: Mode
    access_key: str = ""
    secret_key: str = field(default="", repr=False)
    session: str = field(default="", repr=False)
    api_version: float = DEFAULT_API_VERSION
    auth_mode: AuthMode = AuthMode.COOKIE

    @property
    def identity(self) -> tuple[str, ...]:
        """What makes it another user's: the same in two calls means the same configuration."""
        return (self.endpoint, self.mode, self.access_key, self.secret_key, self.session)


class BadConfiguration(ValueError):
    """The body of ``/conf`` cannot be used; the message names the field and no value."""


def parse_api_version(value: object) -> float:
    """Leniently, as clients send it: the WebUI cuts two characters out of ``v8.20240915``.

    >>> parse_api_version("8."), parse_api_version(9), parse_api_version(None)
    (8.0, 9.0, 4.0)
    """
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return DEFAULT_API_VERSION
    match = _NUMBER.match(str(value))
    return float(match[1]) if match else DEFAULT_API_VERSION


def normal_endpoint(text: str) -> str:
    """An http(s) URL without trailing slash, query and fragment; ``ValueError`` if it is none.

    The host stays as given, because signatures cover it.
    """
    url = URL(text.strip())
    if url.scheme not in ("http", "https") or not url.host or url.user is not None:
        raise ValueError("not an http:// or https:// address")
    return str(url.with_query(None).with_fragment(None)).rstrip("/")


def read_configuration(document: object) -> Configuration:
    """The JSON body of ``PUT /conf``. Raises ``BadConfiguration``."""
    if not isinstance(document, dict):
        raise BadConfiguration("The body must be a JSON object.")
    endpoint = _endpoint(document.get("endpoint"))
    version = parse_api_version(document.get("api_version"))
    if document.get("mode") != Mode.SESSION:
        access, secret = _text(document, "access_key"), _text(document, "secret_key")
        return Configuration(endpoint, Mode.API, access, secret, api_version=version)
    session = _text(document, "session")
    if _COOKIE_BREAKERS & set(session):
        raise BadConfiguration("session: not a session id")
    return Configuration(
        endpoint.removesuffix("/func"),
        Mode.SESSION,
        session=session,
        api_version=version,
        auth_mode=_auth_mode(document.get("auth_mode")),
    )


def _auth_mode(value: object) -> AuthMode:
    """Absent is the cookie, which every web server takes; any other value the header (P 3.3)."""
    return AuthMode.COOKIE if value in (None, "", AuthMode.COOKIE) else AuthMode.HEADER


def _endpoint(value: object) -> str:
    if not isinstance(value, str):
        raise BadConfiguration("endpoint: a string is required")
    try:
        return normal_endpoint(value)
    except ValueError:
        raise BadConfiguration("endpoint: must be http://host or https://host") from None


def _text(document: dict[str, Any], name: str) -> str:
    """A value that goes into a header field: nothing there may end the field."""
    value = document.get(name)
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > _LONGEST or not _SAFE.fullmatch(value):
        raise BadConfiguration(f"{name}: a string of printable characters is required")
    return value
