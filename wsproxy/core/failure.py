"""What went wrong on the way to an app, as a value.

A failure says what happened, on whose side, and what had been sent by then. From that one value
follow the answer (``core.problem``), the log level, the metric label, the penalty of the route,
and whether another try is allowed (design 5.5).
"""

from dataclasses import dataclass, replace
from enum import StrEnum


class Side(StrEnum):
    """Whose fault it is. A client that leaves is never the app's fault (observed 7)."""

    CLIENT = "client"
    GATEWAY = "gateway"
    MANAGER = "manager"
    APP = "app"


class FailureKind(StrEnum):
    """Stable names; used as metric labels and in logs."""

    UNRESOLVABLE = "unresolvable"
    REFUSED = "refused"
    UNREACHABLE = "unreachable"
    CONNECT_TIMEOUT = "connect-timeout"
    TLS = "tls"
    TARGET_NOT_ALLOWED = "target-not-allowed"
    NO_ROUTE = "no-route"
    SLOT_TIMEOUT = "slot-timeout"
    FIRST_BYTE_TIMEOUT = "first-byte-timeout"
    TOTAL_TIMEOUT = "total-timeout"
    CLOSED_EARLY = "closed-early"  # before the first byte of an answer
    CUT = "cut"  # in the middle of an answer
    MALFORMED_ANSWER = "malformed-answer"
    MALFORMED_REQUEST = "malformed-request"
    HEAD_TOO_LARGE = "head-too-large"
    HEAD_TIMEOUT = "head-timeout"
    CLIENT_GONE = "client-gone"
    MANAGER_REFUSED = "manager-refused"  # the manager answered the handshake with a status
    SHUTTING_DOWN = "shutting-down"


SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
"""RFC 9110 section 9.2.1."""

CONNECTING = frozenset(
    {
        FailureKind.UNRESOLVABLE,
        FailureKind.REFUSED,
        FailureKind.UNREACHABLE,
        FailureKind.CONNECT_TIMEOUT,
        FailureKind.TLS,
        FailureKind.MANAGER_REFUSED,
    }
)
"""Failures of opening a way: by definition nothing of the request was sent."""


@dataclass(frozen=True, slots=True)
class Failure:
    """One failure. ``status``: a manager's handshake status; ``detail``: for a log or a person."""

    kind: FailureKind
    side: Side
    detail: str = ""
    status: int | None = None
    sent: bool = False  # some byte of the request had left for the upstream
    reused: bool = False  # the upstream connection came from the pool


NO_WAY_BACK = (
    "There is no way back through the manager: that needs `webserver` in [manager], and an app "
    "that was started with the token of a login session."
)


def without_way_back(failure: Failure) -> Failure:
    """Say also why nothing else was tried, if the way to the app could not be opened (D 5.6)."""
    if failure.kind not in CONNECTING:
        return failure
    return replace(failure, detail=f"{failure.detail} {NO_WAY_BACK}".strip())


def may_retry(failure: Failure, method: str) -> bool:
    """Whether the same request may be tried once more on another connection (design 5.5)."""
    if failure.kind in CONNECTING:
        return True
    if failure.kind is FailureKind.CLOSED_EARLY and failure.reused:
        return not failure.sent or method in SAFE_METHODS
    return False


def counts_against_route(failure: Failure) -> bool:
    """Whether a route's health suffers. Only what the app's side did counts."""
    return failure.side is Side.APP
