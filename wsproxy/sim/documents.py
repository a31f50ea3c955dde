"""Problem documents of managers and web servers, worded as the recorded ones (observed 1, 2).

Releases of 23.09 write JSON with spaces and know no ``error_code``; 26.8 writes it compactly and
has one.
"""

import json
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from wsproxy.core.wire import PROBLEM_TYPE_BASE
from wsproxy.sim.traits import ManagerTraits

CONTENT_TYPE = "application/problem+json"


@dataclass(frozen=True, slots=True)
class Fault:
    """An error answer: status, the slug of ``type``, title, and the later ``error_code``."""

    status: int
    slug: str
    title: str
    error_code: str


AUTH_PARAMS = Fault(
    400,
    "invalid-auth-params",
    "Missing or invalid authorization parameters.",
    "auth_parsing_invalid",
)
AUTH_FAILED = Fault(401, "auth-failed", "Credential/signature mismatch.", "user_auth_unauthorized")
NO_GROUP = Fault(404, "object-not-found", "No such scaling group.", "backendai_read_not-found")
NO_SESSION = Fault(404, "object-not-found", "No such session.", "session_read_not-found")
TOO_MANY = Fault(
    404,
    "too-many-sessions-matched",
    "Too many sessions matched.",
    "session_read_duplicated",
)
NO_APP = Fault(404, "object-not-found", "No such app service.", "backendai_read_not-found")
NO_ADDRESS = Fault(404, "object-not-found", "No such AppProxy address.", "appproxy_read_not-found")
UNKNOWN_PATH = Fault(404, "url-not-found", "Unknown URL path.", "api_read_not-found")
BAD_REQUEST = Fault(400, "generic-bad-request", "Bad request.", "backendai_generic_bad-request")
BAD_PARAMS = Fault(
    400, "invalid-api-params", "Missing or invalid API parameters.", "api_parsing_invalid"
)
BAD_PARAMS_LATER = Fault(
    400,
    "generic-bad-request",
    "Invalid or Missing API Parameters.",
    "api_parsing_invalid-parameters",
)
FORBIDDEN = Fault(403, "generic-forbidden", "Forbidden operation.", "backendai_generic_forbidden")
BAD_SCHEMA = Fault(
    400,
    "schema-validation-failed",
    "Schema validation failed.",
    "backendai_parsing_invalid-parameters",
)
INTERNAL = Fault(
    500, "internal-server-error", "Internal server error.", "backendai_generic_internal-error"
)
APP_START = Fault(
    500, "app-service-start-failed", "Failed to launch the app service.", "kernel_start_failed"
)
MISCONFIGURED = Fault(
    500, "server-misconfigured", "Service misconfigured.", "backendai_setup_misconfigured"
)
PROXY_REFUSED = Fault(
    500,
    "appproxy-connection-error",
    "Failed to connect to AppProxy.",
    "appproxy_request_unavailable",
)
PROXY_REFUSED_503 = Fault(
    503,
    "appproxy-connection-error",
    "Failed to connect to AppProxy.",
    "appproxy_request_unavailable",
)
PROXY_ANSWER = Fault(
    500,
    "appproxy-response-error",
    "Invalid response from AppProxy.",
    "appproxy_request_invalid-data-format",
)
NO_COORDINATOR = Fault(
    503,
    "service-unavailable",
    "Serivce unavailable.",  # spelt so upstream
    "backendai_generic_unavailable",
)
BAD_GATEWAY = Fault(
    502,
    "bad-gateway",
    "The proxy target server is inaccessible.",
    "backendai_generic_bad-gateway",
)
NOT_LOGGED_IN = Fault(
    401, "auth-failed", "Credential/signature mismatch.", "user_auth_unauthorized"
)


class FaultError(Exception):
    """Carries a fault out of a handler; the middleware renders it."""

    def __init__(self, fault: Fault, msg: str = "", data: Any = None) -> None:
        super().__init__(fault.slug, msg)
        self.fault = fault
        self.msg = msg
        self.data = data


def bad_parameters(era: ManagerTraits, msg: str, data: Any = None) -> FaultError:
    """What is wrong with a request's query or body, in the era's words."""
    if era.pydantic_parameters:
        return FaultError(BAD_PARAMS_LATER, msg)
    return FaultError(BAD_PARAMS, msg, data)


def render(era: ManagerTraits, error: FaultError) -> web.Response:
    """The answer a manager of that era gives."""
    fault = error.fault
    document: dict[str, Any] = {"type": PROBLEM_TYPE_BASE + fault.slug, "title": fault.title}
    if era.error_codes:
        document["error_code"] = fault.error_code
    if error.msg:
        document["msg"] = error.msg
    if error.data is not None:
        document["data"] = error.data
    return web.Response(
        status=fault.status, text=dump(era, document), content_type=CONTENT_TYPE, charset="utf-8"
    )


def dump(era: ManagerTraits, value: Any) -> str:
    """JSON text with the separators of the era's problem documents."""
    return json.dumps(value, separators=(",", ":") if era.compact_json else None)
