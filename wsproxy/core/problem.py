"""The one catalogue of what the gateway says when it must refuse (protocol 7.9, design 5.4).

A problem has a *stable code* (the last part of ``type``), a status, a title, and an ``error_code``
in the shape upstream uses. Every code of the gateway stands in ``CATALOGUE``; making a problem with
a code that is not there is a programming mistake and raises ``KeyError``.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from wsproxy.core.failure import Failure, FailureKind, Side
from wsproxy.core.wire import PROBLEM_TYPE_BASE


@dataclass(frozen=True, slots=True)
class Entry:
    status: int
    title: str
    error_code: str


CATALOGUE: Mapping[str, Entry] = {
    # requests to the control API
    "invalid-api-params": Entry(400, "Missing or invalid API parameters.", "api_parse_invalid"),
    "generic-bad-request": Entry(400, "Bad request.", "api_generic_bad-request"),
    "malformed-request": Entry(400, "This is not a valid HTTP request.", "http_parse_malformed"),
    "auth-failed": Entry(401, "Credential/signature mismatch.", "auth_verify_failed"),
    "invalid-credentials": Entry(401, "Invalid credentials for authentication.", "auth_verify_bad"),
    "generic-forbidden": Entry(403, "Forbidden.", "auth_authorize_forbidden"),
    "client-ip-not-allowed": Entry(403, "This address may not use the app.", "auth_authorize_ip"),
    "host-not-allowed": Entry(403, "This host name is not one of ours.", "auth_authorize_host"),
    "origin-not-allowed": Entry(403, "This origin may not call us.", "auth_authorize_origin"),
    "target-not-allowed": Entry(
        403, "Routes to this address are not allowed.", "route_check_target"
    ),
    "url-not-found": Entry(404, "Unknown URL path.", "api_route_not-found"),
    "object-not-found": Entry(404, "E00002: No such object.", "api_read_not-found"),
    "group-not-found": Entry(404, "No such scaling group.", "group_read_not-found"),
    "method-not-allowed": Entry(405, "HTTP method not allowed.", "api_route_method"),
    "head-timeout": Entry(408, "The request head did not arrive in time.", "http_read_timeout"),
    "body-timeout": Entry(
        408, "The request body did not arrive in time.", "http_read_body-timeout"
    ),
    "payload-too-large": Entry(413, "The body is too large.", "http_read_too-large"),
    "uri-too-long": Entry(414, "The request target is too long.", "http_read_uri"),
    "too-many-requests": Entry(429, "Too many requests.", "api_limit_rate"),
    "head-too-large": Entry(431, "The request head is too large.", "http_read_head-too-large"),
    "internal-server-error": Entry(500, "Internal server error.", "api_generic_internal"),
    "wsproxy-address": Entry(
        500, "The address of the wsproxy is not usable.", "group_probe_failed"
    ),
    "not-implemented": Entry(
        501, "This gateway does not offer that.", "api_generic_not-implemented"
    ),
    "store-unavailable": Entry(
        503, "The state store is not available.", "state_access_unavailable"
    ),
    "shutting-down": Entry(503, "The gateway is shutting down.", "gateway_stop_draining"),
    # circuits and slots
    "appproxy/port-not-available": Entry(409, "The port is not available.", "circuit_create_port"),
    "appproxy/no-free-port": Entry(503, "No free port is left.", "circuit_create_exhausted"),
    "appproxy/circuit-limit": Entry(
        503, "Too many circuits in this session.", "circuit_create_limit"
    ),
    "appproxy/unsupported-protocol": Entry(400, "Unsupported protocol.", "circuit_create_protocol"),
    "appproxy/worker-not-available": Entry(
        503, "Proxy worker not available.", "circuit_route_none"
    ),
    "slot-not-registered": Entry(400, "No app is registered here.", "circuit_read_unregistered"),
    # traffic
    "appproxy/container-connection-refused": Entry(
        502, "Cannot connect to Backend.AI kernel.", "container_connect_refused"
    ),
    "container-unresolvable": Entry(
        502, "The container's name has no address.", "container_resolve_none"
    ),
    "container-unreachable": Entry(
        502, "The container cannot be reached.", "container_connect_net"
    ),
    "container-timeout": Entry(
        504, "The container accepts no connection.", "container_connect_slow"
    ),
    "container-tls": Entry(502, "TLS with the container failed.", "container_connect_tls"),
    "app-closed-early": Entry(502, "The app closed without an answer.", "app_read_closed"),
    "app-malformed": Entry(502, "The app's answer is not valid HTTP.", "app_read_malformed"),
    "app-silent": Entry(504, "The app did not answer in time.", "app_read_timeout"),
    "app-busy": Entry(503, "All connections to the app are in use.", "app_connect_busy"),
    "manager-unreachable": Entry(502, "The manager cannot be reached.", "manager_connect_failed"),
    "manager-refused": Entry(502, "The manager refused the connection.", "manager_connect_refused"),
}


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
