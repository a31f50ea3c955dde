"""What single values from outside may be: ports, UUIDs, hosts. ``ValueError`` says why not.

Models of HTTP bodies and of the manager's keys use the same functions.
"""

import re
from math import isfinite
from uuid import UUID

from wsproxy.core.tokens import parse_uuid

_DIGITS = re.compile(r"[0-9]{1,9}")
_HOST = re.compile(r"[A-Za-z0-9._:%-]{1,253}")


def whole(value: object) -> object:
    """A port is a number or its digits; ``true`` and ``"8_0"`` are neither."""
    if isinstance(value, str) and _DIGITS.fullmatch(value):
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise ValueError("a port is a whole number from 1 to 65535")


def uuid(value: object) -> object:
    """A UUID in its dashed form."""
    found = value if isinstance(value, UUID) else parse_uuid(str(value))
    if found is None:
        raise ValueError("this is not a UUID")
    return found


def host(value: str) -> str:
    """A name or an IP address; brackets around an IPv6 address are dropped."""
    bare = value.strip()
    if bare.startswith("[") and bare.endswith("]"):
        bare = bare[1:-1]
    if not _HOST.fullmatch(bare):
        raise ValueError("this is neither a host name nor an IP address")
    return bare


def number(value: object) -> object:
    """A finite number; ``true`` and texts are none."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
        raise ValueError("this is not a number")
    return value


def path(value: str) -> str:
    """The target of a health check, with its leading slash; nothing that could end a request."""
    if not all("!" <= character <= "~" for character in value):
        raise ValueError("a path has visible ASCII characters only")
    return value if value.startswith("/") else f"/{value}"
