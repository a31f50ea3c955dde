"""Front mode: which requests are the gateway's own, and which of the others end a session.

The gateway then stands before a manager or a web server. What it serves itself is listed here
exactly, because everything else belongs to the server behind it, new routes of later releases
included (design 8).
"""

import re
from urllib.parse import unquote
from uuid import UUID

_OWN_EXACT = frozenset(
    {"/status", "//status", "/conf", "/setup", "/v2/conf", "/redirect"}
    | {"/sftp", "/sshd", "/vnc", "/xrdp"}
    | {"/api/slots", "/v1/api/slots", "/v1/api/worker"}
)

_OWN_BELOW = (
    "/proxy",
    "/v2/proxy",
    "/api/circuit",
    "/api/circuits",
    "/api/worker",
    "/v1/api/circuit",
)

_VERSION_ROUTE = re.compile(r"(?:/func)?/scaling-groups/[^/]+/wsproxy-version")

_SESSION = re.compile(r"(?:/func)?(?:/v\d+)?/session/([^/]+)/?")

DELETION_STATUSES = range(200, 300)


def owns(path: str) -> bool:
    """Whether the gateway answers ``path`` (as sent, without the query) itself.

    >>> owns("/v2/proxy/T/S/add"), owns("/session/S"), owns("/scaling-groups/g/wsproxy-version")
    (True, False, True)
    """
    if path in _OWN_EXACT or _VERSION_ROUTE.fullmatch(path):
        return True
    return any(path == prefix or path.startswith(prefix + "/") for prefix in _OWN_BELOW)


def ended_session(method: str, path: str) -> str | None:
    """The session (id or name) that a request deletes if it succeeds (protocol 8.3), or None.

    >>> ended_session("DELETE", "/func/session/3F1C0B3E-1111-4222-8333-444455556666")
    '3f1c0b3e-1111-4222-8333-444455556666'
    """
    match = _SESSION.fullmatch(path) if method == "DELETE" else None
    if match is None:
        return None
    session = unquote(match[1])
    return session.lower() if is_id(session) else session


def is_id(session: str) -> bool:
    """Whether a deletion names a session by its id; clients may also use its name (protocol 8.3).

    >>> is_id("3f1c0b3e-1111-4222-8333-444455556666"), is_id("my-session")
    (True, False)
    """
    try:
        return str(UUID(session)) == session.lower()
    except ValueError:
        return False
