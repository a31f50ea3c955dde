"""The groups and their addresses as a manager lists them for its administrators.

Every release has them in its GraphQL API, and nowhere else; other keys than a superadmin's are
refused there.
"""

from dataclasses import dataclass, field
from enum import StrEnum

from wsproxy.core.strangers import parsed

PATH = "/admin/gql"
QUERY = "query { scaling_groups { name wsproxy_addr } }"

MOST = 10_000
"""Groups that are remembered; more is no list of groups."""


class Unread(StrEnum):
    """Why there is no list."""

    NOT_FOR_US = "not-for-us"  # the key may not see it, or this manager has none
    TROUBLE = "trouble"  # it could not be had now


@dataclass(frozen=True, slots=True)
class Listed:
    """Address by group; "" where a group has none. Addresses may hold credentials."""

    addresses: dict[str, str] = field(repr=False)


def listed(status: int, body: bytes) -> Listed | Unread:
    """What a manager's answer to ``QUERY`` means. Never raises."""
    if status >= 500:
        return Unread.TROUBLE
    document = parsed(body) if 200 <= status < 300 else None
    data = document.get("data") if isinstance(document, dict) else None
    groups = data.get("scaling_groups") if isinstance(data, dict) else None
    if not isinstance(groups, list) or len(groups) > MOST:
        return Unread.NOT_FOR_US
    return Listed(dict(filter(None, map(_group, groups))))


def _group(entry: object) -> tuple[str, str] | None:
    """Name and address; an address that is no text is none, as for managers."""
    name = entry.get("name") if isinstance(entry, dict) else None
    if not isinstance(entry, dict) or not isinstance(name, str):
        return None
    address = entry.get("wsproxy_addr")
    return name, address.strip() if isinstance(address, str) else ""
