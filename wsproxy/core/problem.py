"""What the gateway says when it must refuse (protocol 7.9, design 5.4).

Every code stands in ``catalogue.CATALOGUE``; making a problem with a code that is not there is a
programming mistake and raises ``KeyError``.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from wsproxy.core.catalogue import CATALOGUE
from wsproxy.core.failure import Failure, FailureKind, Side
from wsproxy.core.wire import PROBLEM_TYPE_BASE


@dataclass(frozen=True, slots=True)
class Problem:
    """The document a client receives. ``extra`` holds further top-level keys (design 3)."""

    code: str
    msg: str = ""
    data: Any = None
    title: str = ""
    retry_after: int | None = None  # seconds
    extra: Mapping[str, Any] = field(default_factory=dict)
    status_override: int | None = None

    @property
    def status(self) -> int:
        return self.status_override or CATALOGUE[self.code].status

    def body(self) -> dict[str, Any]:
        """The JSON document (protocol 7.9)."""
        entry = CATALOGUE[self.code]
        document: dict[str, Any] = {
            "type": PROBLEM_TYPE_BASE + self.code,
            "title": self.title or entry.title,
            "error_code": entry.error_code,
        }
        if self.msg:
            document["msg"] = self.msg
        if self.data is not None:
            document["data"] = self.data
        document.update(self.extra)
        return document


class ProblemError(Exception):
    """Carries a problem out of a handler of the control API; the middleware renders it."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.code, problem.msg)
        self.problem = problem


def no_such(what: str) -> Problem:
    """404 in upstream's words, e.g. ``no_such("circuit")``."""
    return Problem("object-not-found", title=f"E00002: No such {what}.")


_BY_KIND: Mapping[FailureKind, str] = {
    FailureKind.UNRESOLVABLE: "container-unresolvable",
    FailureKind.REFUSED: "appproxy/container-connection-refused",
    FailureKind.UNREACHABLE: "container-unreachable",
    FailureKind.CONNECT_TIMEOUT: "container-timeout",
    FailureKind.TLS: "container-tls",
    FailureKind.TARGET_NOT_ALLOWED: "target-not-allowed",
    FailureKind.NO_ROUTE: "appproxy/worker-not-available",
    FailureKind.SLOT_TIMEOUT: "app-busy",
    FailureKind.FIRST_BYTE_TIMEOUT: "app-silent",
    FailureKind.TOTAL_TIMEOUT: "app-silent",
    FailureKind.CLOSED_EARLY: "app-closed-early",
    FailureKind.CUT: "app-closed-early",
    FailureKind.MALFORMED_ANSWER: "app-malformed",
    FailureKind.MALFORMED_REQUEST: "malformed-request",
    FailureKind.HEAD_TOO_LARGE: "head-too-large",
    FailureKind.HEAD_TIMEOUT: "head-timeout",
    FailureKind.CLIENT_GONE: "malformed-request",
    FailureKind.MANAGER_REFUSED: "manager-refused",
    FailureKind.SHUTTING_DOWN: "shutting-down",
}

_RETRY_AFTER = frozenset({"appproxy/worker-not-available", "app-busy", "shutting-down"})


def of_failure(failure: Failure) -> Problem:
    """The one mapping from what happened to what the client is told."""
    code = _BY_KIND[failure.kind]
    if failure.side is Side.MANAGER and failure.kind is not FailureKind.MANAGER_REFUSED:
        code = "manager-unreachable"
    problem = Problem(code, msg=failure.detail)
    if code in _RETRY_AFTER:
        return replace(problem, retry_after=5)
    return problem
