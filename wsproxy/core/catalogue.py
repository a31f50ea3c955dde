"""The one catalogue of problems (protocol 7.9, design 5.4).

A problem has a *stable code* (the last part of ``type``), a status, a title, and an ``error_code``
in the shape upstream uses.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Entry:
    """``mend``: what a person can do about it, for the documents."""

    status: int
    title: str
    error_code: str
    mend: str


CATALOGUE: Mapping[str, Entry] = {
    # requests to the control API
    "invalid-api-params": Entry(
        400,
        "Missing or invalid API parameters.",
        "api_parse_invalid",
        "Correct the parameter that `data.errors` names.",
    ),
    "generic-bad-request": Entry(
        400, "Bad request.", "api_generic_bad-request", "Correct the request as `msg` says."
    ),
    "malformed-request": Entry(
        400,
        "This is not a valid HTTP request.",
        "http_parse_malformed",
        "Send HTTP/1.1 as RFC 9112 has it; what was wrong is in `msg`.",
    ),
    "auth-failed": Entry(
        401,
        "Credential/signature mismatch.",
        "auth_verify_failed",
        "Send the api-secret of [v2] as `X-BackendAI-Token`.",
    ),
    "invalid-credentials": Entry(
        401,
        "Invalid credentials for authentication.",
        "auth_verify_bad",
        "Open the app again: that gives a new permit or token.",
    ),
    "generic-forbidden": Entry(
        403,
        "Forbidden.",
        "auth_authorize_forbidden",
        "Ask the owner of the app, or an administrator.",
    ),
    "client-ip-not-allowed": Entry(
        403,
        "This address may not use the app.",
        "auth_authorize_ip",
        "Add the address to the app's allowed client addresses, or use an address of the list.",
    ),
    "host-not-allowed": Entry(
        403,
        "This host name is not one of ours.",
        "auth_authorize_host",
        "Use the advertised name, or add this one to `hosts` in [gateway].",
    ),
    "origin-not-allowed": Entry(
        403,
        "This origin may not call us.",
        "auth_authorize_origin",
        "Add the origin to `allowed-origins` in [gateway].",
    ),
    "target-not-allowed": Entry(
        403,
        "Routes to this address are not allowed.",
        "route_check_target",
        "Add the network of the containers to `targets` in [v2].",
    ),
    "url-not-found": Entry(
        404,
        "Unknown URL path.",
        "api_route_not-found",
        "Check the path; other programs of Backend.AI have other paths.",
    ),
    "object-not-found": Entry(
        404,
        "E00002: No such object.",
        "api_read_not-found",
        "It is gone, or never was: open the app again.",
    ),
    "group-not-found": Entry(
        404,
        "No such scaling group.",
        "group_read_not-found",
        "Check the name of the group, and that your project may use it.",
    ),
    "method-not-allowed": Entry(
        405, "HTTP method not allowed.", "api_route_method", "Use a method that `Allow` names."
    ),
    "head-timeout": Entry(
        408,
        "The request head did not arrive in time.",
        "http_read_timeout",
        "Look for a slow line, or a client that hangs.",
    ),
    "body-timeout": Entry(
        408,
        "The request body did not arrive in time.",
        "http_read_body-timeout",
        "Look for a slow line, or a client that hangs.",
    ),
    "payload-too-large": Entry(413, "The body is too large.", "http_read_too-large", "Send less."),
    "uri-too-long": Entry(
        414, "The request target is too long.", "http_read_uri", "Shorten the address."
    ),
    "too-many-requests": Entry(
        429, "Too many requests.", "api_limit_rate", "Wait as long as `Retry-After` says."
    ),
    "head-too-large": Entry(
        431,
        "The request head is too large.",
        "http_read_head-too-large",
        "Delete cookies of this host name, or send fewer header fields.",
    ),
    "internal-server-error": Entry(
        500,
        "Internal server error.",
        "api_generic_internal",
        "This is our fault: report it with the lines of the log.",
    ),
    "wsproxy-address": Entry(
        500,
        "The address of the wsproxy is not usable.",
        "group_probe_failed",
        "See the report's `reason` among the version reports below.",
    ),
    "not-implemented": Entry(
        501,
        "This gateway does not offer that.",
        "api_generic_not-implemented",
        "Use what this gateway offers instead; `msg` names it.",
    ),
    "http-version": Entry(
        505,
        "This HTTP version is not spoken here.",
        "http_read_version",
        "Use an HTTP/2 client; over TLS it must offer `h2` in ALPN.",
    ),
    "store-unavailable": Entry(
        503,
        "The state store is not available.",
        "state_access_unavailable",
        "Start the state store, or wait until it answers; open apps go on.",
    ),
    "shutting-down": Entry(
        503,
        "The gateway is shutting down.",
        "gateway_stop_draining",
        "Try again: the gateway is restarting.",
    ),
    # circuits and slots
    "appproxy/port-not-available": Entry(
        409,
        "The port is not available.",
        "circuit_create_port",
        "Ask for another port, or for none.",
    ),
    "appproxy/no-free-port": Entry(
        503,
        "No free port is left.",
        "circuit_create_exhausted",
        "Close apps, or widen `ports` in [v2].",
    ),
    "appproxy/circuit-limit": Entry(
        503,
        "Too many circuits in this session.",
        "circuit_create_limit",
        "Close apps of the session, or raise `circuits-per-session` in [limits].",
    ),
    "appproxy/worker-not-available": Entry(
        503,
        "Proxy worker not available.",
        "circuit_route_none",
        "Wait until a replica of the app is healthy; look into its log.",
    ),
    "slot-not-registered": Entry(
        400,
        "No app is registered here.",
        "circuit_read_unregistered",
        "The app was closed, or never opened: open it again.",
    ),
    # traffic
    "appproxy/container-connection-refused": Entry(
        502,
        "Cannot connect to Backend.AI kernel.",
        "container_connect_refused",
        "Wait until the app has started; look into its log.",
    ),
    "container-unresolvable": Entry(
        502,
        "The container's name has no address.",
        "container_resolve_none",
        "Correct the DNS of this machine, or the name of the agent.",
    ),
    "container-unreachable": Entry(
        502,
        "The container cannot be reached.",
        "container_connect_net",
        "Check the network between this machine and the agent.",
    ),
    "container-timeout": Entry(
        504,
        "The container accepts no connection.",
        "container_connect_slow",
        "Look for a firewall between this machine and the agent.",
    ),
    "container-tls": Entry(
        502,
        "TLS with the container failed.",
        "container_connect_tls",
        "Check the certificate of the app, and whether it speaks TLS at all.",
    ),
    "app-closed-early": Entry(
        502,
        "The app closed without an answer.",
        "app_read_closed",
        "Look into the log of the app: it may have crashed.",
    ),
    "app-malformed": Entry(
        502,
        "The app's answer is not valid HTTP.",
        "app_read_malformed",
        "Look whether the app speaks HTTP, or is a raw TCP app.",
    ),
    "app-silent": Entry(
        504,
        "The app did not answer in time.",
        "app_read_timeout",
        "Look into the log of the app: it hangs, or needs longer.",
    ),
    "app-busy": Entry(
        503,
        "All connections to the app are in use.",
        "app_connect_busy",
        "Wait: all connections to the app are in use.",
    ),
    "manager-unreachable": Entry(
        502,
        "The manager cannot be reached.",
        "manager_connect_failed",
        "Start the manager, or correct `endpoint` in [manager].",
    ),
    "manager-refused": Entry(
        502,
        "The manager refused the connection.",
        "manager_connect_refused",
        "Log in again; look into the log of the manager.",
    ),
}
