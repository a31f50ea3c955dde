"""What the codes mean that have no catalogue of their own in the package, for ``docs/errors.md``.

Each is a meaning and what to do. A test collects the codes that the package can produce, and fails
when one of them stands neither here nor in a catalogue.
"""

from collections.abc import Mapping

from wsproxy.core.circuit import CloseReason
from wsproxy.core.failure import FailureKind

Row = tuple[str, str]
"""Meaning, what to do."""

_OPEN_AGAIN = "Open the app again."
_TELL = "Look into the log of the app."

MESSAGES: Mapping[str, Row] = {
    "E00002": ("There is no such token, circuit or object.", _OPEN_AGAIN),
    "E20004": ("The request shows no permit.", "Open the app from where it was opened first."),
    "E20005": ("The permit is not of this app, or has ended.", _OPEN_AGAIN),
    "E20006": ("The request to an endpoint has no `Authorization`.", "Send the endpoint's token."),
    "E20007": (
        "The session is not the one that the token is for; at an endpoint: the scheme of "
        "`Authorization` is not known.",
        "Start the app of this session; at an endpoint, send `Bearer` and its token.",
    ),
    "E20008": ("The endpoint's token is forged or has ended.", "Make a new one."),
    "E20009": (
        "The token is another endpoint's; at a domain: no app has this name.",
        "Send this endpoint's token; at a domain, open the app again.",
    ),
    "E20011": ("The page to open an app was asked for an endpoint.", "Send requests to its URL."),
}
"""At the start of a problem's ``msg``, in upstream's words."""

V1: Mapping[str, Row] = {
    "200": ("Done.", ""),
    "400": ("A parameter or the configuration is not usable; `msg` says which.", "Correct it."),
    "401": ("Nothing was configured yet.", "`PUT /conf` first."),
    "403": ("The token, the origin or the machine is not accepted.", "`PUT /conf` again."),
    "404": ("The session or the app has no listener here.", ""),
    "500": ("No port could be taken.", "Close apps, or widen `port-pool` in [v1]."),
}
"""``code`` in the bodies of the v1 routes, whose status is mostly 200."""

COMMANDS: Mapping[str, Row] = {
    "app-not-found": ("The session has no such app.", "Take one of those that it names."),
    "cannot-listen": ("The gateway cannot be started.", "Do what its second line says."),
    "demo-timeout": ("A step of the demo took too long.", "Run it on a less busy machine."),
    "gateway-answers-N": ("The gateway answers with an error.", "Look into its log."),
    "gateway-cannot-open": ("The gateway answers `add` with a code.", "See the v1 codes above."),
    "gateway-malformed": ("The gateway's address is no URL.", "Write it as http://HOST:PORT."),
    "gateway-not-a-wsproxy": ("Something else answers there.", "See `wsproxy status URL`."),
    "gateway-not-local": (
        "The configuration holds a secret, and the gateway is on another machine.",
        "Name a gateway of this machine, or none.",
    ),
    "gateway-refused": ("The gateway cannot be reached.", "Start it, or correct `--gateway`."),
    "gateway-refuses-conf": (
        "The gateway does not take the configuration.",
        "Name this manager in its settings, or use another gateway.",
    ),
    "gateway-silent": ("The gateway gives no answer in time.", "See `wsproxy status URL`."),
    "gateway-tls": ("TLS with the gateway fails.", "Correct the scheme, or the certificate."),
    "gateway-unreachable": ("The gateway gives no answer.", "Start it, or correct `--gateway`."),
    "gateway-unresolvable": ("The gateway's name has no address.", "Correct `--gateway`."),
    "id-ambiguous": ("Several circuits begin so.", "Write more of the id."),
    "id-too-short": ("Too few characters of an id.", "Write more of the id."),
    "interrupted": ("It was interrupted; the session may live.", "Run the command again."),
    "no-credentials": ("No credentials are set.", "Set the `BACKEND_…` variables."),
    "not-a-manager": ("No manager answers at the endpoint.", "Correct `BACKEND_ENDPOINT`."),
    "port-not-available": ("The local port is in use.", "Choose another one with `--bind`."),
    "session-id-unknown": ("A gateway knows sessions by their ids only.", "Use the id."),
    "session-malformed": ("This is neither an id nor a name.", "Correct it."),
    "session-not-found": ("It is gone, or not yours.", "Use `-o` for another's session."),
    "status-N": ("The gateway answers with an error and no problem.", "Look into its log."),
    "token-rejected": ("The gateway does not accept the token.", "Use `--gateway-token`."),
}
"""In ``[…]`` after the error of a command, or as ``code`` in its JSON."""

FAILURES: Mapping[FailureKind, str] = {
    FailureKind.UNRESOLVABLE: "The name of the container or manager has no address.",
    FailureKind.REFUSED: "The connection was refused.",
    FailureKind.UNREACHABLE: "There is no way to the address.",
    FailureKind.CONNECT_TIMEOUT: "The connection attempt got no answer in time.",
    FailureKind.TLS: "TLS could not be established.",
    FailureKind.TARGET_NOT_ALLOWED: "The settings do not allow the address.",
    FailureKind.NO_ROUTE: "No route may be used: none is there, or none is healthy.",
    FailureKind.SLOT_TIMEOUT: "All connections to the app stayed in use.",
    FailureKind.FIRST_BYTE_TIMEOUT: "The first byte of the answer did not come in time.",
    FailureKind.TOTAL_TIMEOUT: "The exchange was not over in time.",
    FailureKind.CLOSED_EARLY: "The connection ended before the first byte of an answer.",
    FailureKind.CUT: "The connection ended in the middle of an answer.",
    FailureKind.MALFORMED_ANSWER: "The answer is not valid HTTP.",
    FailureKind.MALFORMED_REQUEST: "The client's request is not valid HTTP.",
    FailureKind.HEAD_TOO_LARGE: "A head is larger than anyone reads.",
    FailureKind.HEAD_TIMEOUT: "The client's head was not complete in time.",
    FailureKind.CLIENT_GONE: "The client left.",
    FailureKind.MANAGER_REFUSED: "The manager answered the handshake of a tunnel with a status.",
    FailureKind.SHUTTING_DOWN: "The gateway is stopping.",
}

CLOSED: Mapping[CloseReason, str] = {
    CloseReason.REQUESTED: "A client asked for it.",
    CloseReason.SESSION_ENDED: "Its session has ended.",
    CloseReason.LISTENER_DIED: "Its port was not served any more.",
    CloseReason.ROUTE_GONE: "Nobody answered at the other end, for too long.",
    CloseReason.IDLE: "Nobody used it.",
    CloseReason.SHUTDOWN: "The gateway stopped.",
}
