"""Error answers of the Python programs: documents, pages, and who gets which (P 4.1, 7.9)."""

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from html import escape
from typing import Any

from aiohttp import web

from wsproxy.core.wire import PROBLEM_TYPE_BASE

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

JSON = "application/json"
BARE = "application/problem+json"
ANY_ORIGIN = {"Access-Control-Allow-Origin": "*"}
EXPOSED = {**ANY_ORIGIN, "Access-Control-Expose-Headers": "*"}


@dataclass(frozen=True, slots=True)
class Fault:
    """An error answer: status, the slug of ``type``, title, and the later ``error_code``."""

    status: int
    slug: str
    title: str
    error_code: str


NO_PATH = Fault(404, "url-not-found", "Unknown URL path.", "agent_request_not-found")
NO_METHOD = Fault(
    405, "method-not-allowed", "HTTP Method Not Allowed.", "agent_request_bad-request"
)
BAD_REQUEST = Fault(400, "generic-bad-request", "Bad request.", "agent_request_bad-request")
BAD_PARAMETERS = Fault(
    400,
    "invalid-api-params",
    "Missing or invalid API parameters.",
    "agent_request_invalid-parameters",
)
BAD_CREDENTIALS = Fault(
    401,
    "invalid-credentials",
    "Authentication credentials not valid.",
    "agent_auth_unauthorized",
)
UNAUTHORIZED = Fault(
    401, "auth-failed", "Credential/signature mismatch.", "agent_auth_unauthorized"
)
FORBIDDEN = Fault(403, "generic-forbidden", "Forbidden operation.", "agent_access_forbidden")
ADDRESS_REFUSED = Fault(
    403, "client-ip-not-allowed", "Client address not allowed.", "appproxy_access_forbidden"
)
INTERNAL = Fault(
    500, "internal-server-error", "Internal server error.", "agent_generic_internal-error"
)
NO_SESSION = Fault(
    -1,
    "appproxy/invalid-session-parameter",
    "Invalid session parameter.",
    "kernel_access_invalid-parameters",
)
PORT_TAKEN = Fault(
    409,
    "appproxy/port-not-available",
    "Designated port already occupied.",
    "agent_setup_already-exists",
)
NO_WORKER = Fault(
    503, "appproxy/worker-not-available", "Worker not available.", "agent_access_not-found"
)
DEAD_APP = Fault(
    502,
    "appproxy/container-connection-refused",
    "Cannot connect to Backend.AI kernel.",
    "kernel_access_unreachable",
)
UNSUPPORTED = Fault(
    400,
    "appproxy/unsupported-protocol",
    "Unsupported protocol.",
    "agent_request_invalid-parameters",
)


def missing(what: str) -> Fault:
    return Fault(404, "object-not-found", f"E00002: No such {what}.", "agent_read_not-found")


class FaultError(Exception):
    """Carries a fault out of a handler. ``bare``: JSON for everybody, as unhandled errors are."""

    def __init__(
        self, fault: Fault, msg: str = "", data: Any = None, *, bare: bool | None = None
    ) -> None:
        super().__init__(fault.slug, msg)
        self.fault = fault
        self.msg = msg
        self.data = data
        self.bare = bare


def crashed(voice: "Voice") -> FaultError:
    """What an error that nobody caught becomes."""
    return FaultError(INTERNAL, bare=voice.bare_platform)


@dataclass(frozen=True, slots=True)
class Voice:
    """How a program words its errors.

    ``strict``: only the literal ``application/json`` gets JSON; else a wildcard does too, and
    ``json_by_default`` says what nobody's Accept gets. ``pages_are_200``: an HTML page hides the
    status. ``bare_platform``: unknown paths and methods and crashes are JSON for everybody.
    ``codes``: statuses that differ from the usual ones, by slug.
    """

    error_codes: bool = True
    strict: bool = True
    json_by_default: bool = False
    pages_are_200: bool = False
    bare_platform: bool = True
    compact: bool = True
    fields: Mapping[str, str] = field(default_factory=dict)
    codes: Mapping[str, int] = field(default_factory=dict)

    def wants_json(self, accept: str | None) -> bool:
        kinds = [part.partition(";")[0].strip().lower() for part in (accept or "").split(",")]
        if self.strict:
            # "text/html, application/json;q=0.9" gets HTML: the parameter spoils the match
            return JSON in [part.strip().lower() for part in (accept or "").split(",")]
        if kinds == [""]:
            return self.json_by_default
        return bool({JSON, "*/*", "application/*"} & set(kinds))

    def render(self, accept: str | None, error: FaultError) -> web.Response:
        fault = error.fault
        status = self.codes.get(fault.slug, fault.status)
        document: dict[str, Any] = {"type": PROBLEM_TYPE_BASE + fault.slug, "title": fault.title}
        if self.error_codes:
            document["error_code"] = fault.error_code
        if error.msg:
            document["msg"] = error.msg
        if error.data is not None:
            document["data"] = error.data
        if error.bare:
            separators = (",", ":") if self.compact else None
            return _text(status, json.dumps(document, separators=separators), BARE)
        if self.wants_json(accept):
            return _text(status, json.dumps(document), JSON, self.fields)
        shown = 200 if self.pages_are_200 else status
        return _text(shown, page(document), "text/html", self.fields)


def _text(
    status: int, text: str, content_type: str, fields: Mapping[str, str] | None = None
) -> web.Response:
    return web.Response(
        status=status, text=text, content_type=content_type, charset="utf-8", headers=fields
    )


def page(document: Mapping[str, Any]) -> str:
    """A page that says what the document says."""
    title = escape(str(document["title"]))
    said = escape(str(document.get("msg", "")))
    return (
        f'<!DOCTYPE html>\n<html>\n<head>\n<meta charset="UTF-8">\n<title>{title}</title>\n'
        f"</head>\n<body>\n<h1>{title}</h1>\n<p>{said}</p>\n</body>\n</html>\n"
    )


def speaking(voice: Voice, server: str = "BackendAI") -> Callable[..., Any]:
    """A middleware that renders faults, unknown paths and methods, and names the server."""

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            answer = await handler(request)
        except FaultError as error:
            answer = voice.render(request.headers.get("Accept"), error)
        except web.HTTPNotFound:
            unknown = FaultError(NO_PATH, data=request.path, bare=voice.bare_platform)
            answer = voice.render(request.headers.get("Accept"), unknown)
        except web.HTTPMethodNotAllowed as refused:
            answer = _no_method(voice, request, refused)
        answer.headers["Server"] = server
        return answer

    return middleware


def _no_method(
    voice: Voice, request: web.Request, refused: web.HTTPMethodNotAllowed
) -> web.StreamResponse:
    allowed = sorted(refused.allowed_methods)
    error = FaultError(NO_METHOD, bare=voice.bare_platform)
    if voice.error_codes:
        error.msg = f"Method {request.method} not allowed"
        error.data = {"allowed_methods": allowed}
    answer = voice.render(request.headers.get("Accept"), error)
    if not voice.error_codes:
        answer.headers["Allow"] = ",".join(allowed)
    return answer
