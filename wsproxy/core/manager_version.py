"""What a manager's own answer about a group's version means (protocol 8.1, observed 1).

Managers of different ages answer the same situation with different errors; several block deletion.
Here they become the observations that ``core.version`` judges.
"""

from typing import Any

from wsproxy.core.strangers import parsed, problem_slug
from wsproxy.core.version import GroupUnknown, ManagerFault, ManagerSaid, NoAddress, Observation

_CANNOT_CONNECT = frozenset({"appproxy-connection-error", "server-misconfigured"})
_BAD_ANSWER = frozenset({"appproxy-response-error", "schema-validation-failed"})
_BAD_CREDENTIALS = frozenset({"invalid-auth-params", "auth-failed", "invalid-credentials"})


def of_manager(status: int, body: bytes) -> Observation:
    """The observation behind a manager's answer. Never raises."""
    document = _object(body)
    if 200 <= status < 300:
        if "wsproxy_version" in document:
            return ManagerSaid(document["wsproxy_version"])
        return ManagerFault("not-a-manager", "its answer names no wsproxy_version")
    if status == 404:
        return _not_found(document)
    return _error(status, document)


def _object(body: bytes) -> dict[str, Any]:
    document = parsed(body)
    return document if isinstance(document, dict) else {}


def _not_found(document: dict[str, Any]) -> Observation:
    """404: no address (26.2 to 26.3), no such group, or not a manager's route at all."""
    title = str(document.get("title", "")).lower()
    if "appproxy address" in title:
        return NoAddress()
    if "scaling group" in title or "resource group" in title:
        return GroupUnknown()
    if problem_slug(document) in ("object-not-found", "group-not-found"):
        return GroupUnknown()
    return ManagerFault("answers-404")


def _error(status: int, document: dict[str, Any]) -> ManagerFault:
    slug = problem_slug(document)
    if status in (401, 403) or slug in _BAD_CREDENTIALS:
        return ManagerFault("denies", f"it answers {status}")
    if slug in _CANNOT_CONNECT:
        return ManagerFault("cannot-reach-address", f"it answers {status} {slug}")
    if slug in _BAD_ANSWER:
        return ManagerFault("rejects-address", f"it answers {status} {slug}")
    return ManagerFault(f"answers-{status}", f"{status} {slug}".strip())
