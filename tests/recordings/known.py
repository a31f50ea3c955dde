"""Where our answers deliberately have another shape than the recorded ones, and why.

A row is for one folder: the exchanges by their names (``*`` is any end), what differs, and
the reason. The tests fail when an answer differs without a row, and when a row has nothing to tell.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Different:
    """``how``: as ``tests.support.replay.differences`` says it."""

    folder: str
    names: tuple[str, ...]
    how: tuple[str, ...]
    why: str


AP, TCP, WS = "appproxy-26.9", "appproxy-26.9-tcp", "appproxy-26.9-ws"
EXPECT, PY = "appproxy-26.9-expect", "wsproxy-25.5"
UI_23, UI_26 = "webui-23.09", "webui-26.8"

_KEPT = "308 is kept by browsers for ever, with a token that ends and without the cookie."
_FORGED = "A token that is not ours is the client's fault, not ours: 401, never 500."
_SECRET = "The recorded token was signed with upstream's secret; for us it is forged."
_STATUS = "Errors have their own status, whatever the client accepts (25.11 mended that too)."
_HEAD = "HEAD is answered like GET, without the body (RFC 9110)."
_NO_TOKEN = "A text that is no token of ours is an unknown token: 404, never 500."
_EARLY = "A link that could not be opened is refused at once, not only when it is followed."
_CHECK = "Clients read the code in the body; the routes exist here, so terminating is quiet."
_V1_TOO = "v1 is offered beside v2."
_MALFORMED = "A malformed body is the client's fault: 400 with the place, never 500."
_PAGE = "A client that does not ask for JSON is a person with a browser, and gets a page."
_STUB = "The recorder's stand-in knew no session; here the app that it opened is known."
_KEY = "An access key is no token: it is shown on screens. The manager, if asked, allows deletion."

DIFFERENT = (
    # coordinator and workers of 26.9
    Different(
        AP,
        ("54_*", "57_*", "58_*"),
        ("308 -> 302",),
        _KEPT,
    ),
    Different(AP, ("07_*", "16_*"), ("405 -> 200",), _HEAD),
    Different(AP, ("53_*", "62_*"), ("405 -> 302",), _HEAD),
    Different(
        AP,
        ("09_*", "18_*", "34_*"),
        ("200 -> 204",),
        "A preflight has no content; browsers take both.",
    ),
    Different(
        AP,
        ("44_*",),
        ("405 -> 204", "content-type ", "no type"),
        "A preflight of add is answered: a client may send more fields one day.",
    ),
    Different(AP, ("02_*",), ("404 -> 200", "no type"), f"{_V1_TOO} It lists apps at `/`."),
    Different(
        AP,
        ("11_*",),
        ("no component, connectivity, status, version",),
        f"{_V1_TOO} It lists apps at `/`; health is at `/health`.",
    ),
    Different(
        AP,
        ("26_*",),
        ("-1 -> 400", "appproxy/invalid-session-parameter -> invalid-api-params"),
        "-1 is no status; some clients take it for a broken connection.",
    ),
    Different(
        AP,
        ("28_*",),
        ("200 -> 400", "no token"),
        "Nobody can connect to port 0; it is said at once.",
    ),
    Different(
        AP,
        ("38_*",),
        ("400 -> 200", "no type"),
        "`envs` is JSON text, as every WebUI sends it; upstream refuses each such link.",
    ),
    Different(AP, ("42_*", "43_*"), ("200 -> 404", "no code, url"), _EARLY),
    Different(
        AP,
        ("48_*",),
        ("500 -> 404", "internal-server-error -> object-not-found"),
        _NO_TOKEN,
    ),
    Different(
        AP,
        ("64_*", "66_*", "67_*", "69_*", "70_*", "71_*"),
        ("500 -> 401", "internal-server-error -> invalid-credentials"),
        _FORGED,
    ),
    Different(
        AP,
        ("65_*",),
        ("500 -> 401", "content-type text/html; charset=utf-8", "no type"),
        f"{_FORGED} {_PAGE}",
    ),
    Different(
        AP,
        ("68_*",),
        ("404 -> 401", "object-not-found -> invalid-credentials"),
        _SECRET,
    ),
    Different(
        AP,
        ("72_*", "73_*", "74_*"),
        ("302 -> 401", "no location", "no set-cookie"),
        _SECRET,
    ),
    Different(AP, ("76_*", "112_*"), ("content-type text/html; charset=utf-8", "no type"), _PAGE),
    Different(
        AP,
        ("94_*",),
        ("100 -> 200",),
        "Expect is the app's to answer: upstream says 100 itself, then waits for the app for ever.",
    ),
    Different(
        AP,
        ("100_*",),
        ("500 -> 502",),
        "An app that closes without an answer is the app's fault, told as a problem.",
    ),
    Different(
        AP,
        ("120_*",),
        ("503 -> 502",),
        "A container that refuses is 502, with an upgrade and without.",
    ),
    Different(
        AP,
        ("122_*", "124_*", "129_*", "147_*"),
        ("503 -> 200", "no type"),
        "There is no worker per protocol: every gateway serves raw TCP and grpc.",
    ),
    Different(AP, ("148_*",), ("404 -> 400", "no type"), _V1_TOO),
    Different(AP, ("149_*", "150_*"), ("404 -> 403", "no type"), _V1_TOO),
    Different(
        AP,
        ("151_*",),
        ("404 -> 401", "url-not-found -> auth-failed"),
        "The gateway lists its circuits there, for who shows the secret.",
    ),
    Different(AP, ("156_*",), ("200 -> 404",), "Metrics are on the admin port, not on the API's."),
    Different(
        TCP,
        ("14_*", "19_*"),
        ("reuse True -> False",),
        "The WebUI would take the page's own address for the app's; vnc and rdp are TCP too.",
    ),
    Different(
        WS,
        ("07_*",),
        ("101 -> 404",),
        "The app is asked first: its refusal of an upgrade is what the client gets.",
    ),
    Different(
        EXPECT,
        ("10_*",),
        ("100 -> 200",),
        "Expect is the app's to answer; one that ignores it answers once the body is there.",
    ),
    Different(
        EXPECT, ("05_*",), ("no h, m, n",), "The recorded app told what it received; ours does not."
    ),
    # the WebUI
    Different(
        UI_23,
        ("v2_app_terminal_terminate 5", "v2_app_terminal_terminate 10"),
        ("308 -> 302",),
        _KEPT,
    ),
    Different(
        UI_23,
        ("v2_app_terminal_terminate 11", "v2_app_terminal_terminate 12"),
        ("404 -> 200", "no type"),
        _CHECK,
    ),
    Different(
        UI_26,
        ("v2_app_terminal_terminate 12", "v2_app_terminal_terminate 13"),
        ("404 -> 200", "no type"),
        _CHECK,
    ),
    Different(UI_23, ("v1_app_terminal_terminate 7",), ("404 -> 403", "code 404 -> 403"), _KEY),
    Different(
        UI_23,
        ("v1_dead_then_terminate_known 4", "v1_dead_then_terminate_known 5"),
        ("200 -> 403", "code 200 -> 403"),
        _KEY,
    ),
    Different(
        UI_26,
        ("v1_app_terminal_terminate 9", "v1_cors_ok_app_terminate 10"),
        ("404 -> 200", "code 404 -> 200"),
        _STUB,
    ),
    Different(
        UI_26,
        ("v1_cors_ok_app_terminate 4",),
        ("no service",),
        "The recorder's app answered itself; here the page leads to the app, as JSON.",
    ),
    Different(
        UI_26,
        ("v1_cors_ok_app_terminate 5", "v1_cors_ok_app_terminate 6"),
        ("200 -> 302", "content-type ", "no service"),
        "The recorder's app answered itself; here the page leads to the app.",
    ),
    Different(
        UI_26,
        ("v1_cors_ok_app_terminate 7",),
        ("no code",),
        "An unknown path is a problem document.",
    ),
    # the Python program of 25.5
    Different(PY, ("01-flow: GET /",), ("no wsproxy",), f"{_V1_TOO} It lists apps at `/`."),
    Different(
        PY,
        (
            "01-flow: auth Accept html*",
            "01-flow: setup (*",
            "01-flow: setup",
            "03-wrong: setup",
            "03-wrong: setup (is*",
            "03-wrong: setup #[2346]",
        ),
        ("308 -> 302",),
        _KEPT,
    ),
    Different(PY, ("01-flow: setup HEAD",), ("405 -> 302",), _HEAD),
    Different(PY, ("03-wrong: v2/proxy HEAD",), ("405 -> 200",), _HEAD),
    Different(
        PY,
        ("01-flow: app no cookie, html", "01-flow: endpoint call expired, Accept*"),
        ("200 -> 401",),
        _STATUS,
    ),
    Different(
        PY,
        (
            "01-flow: app no cookie, json",
            "01-flow: app wrong cookie*",
            "01-flow: endpoint call no auth",
            "01-flow: endpoint call Basic",
            "01-flow: endpoint call expired",
            "03-wrong: auth session of another token",
        ),
        ("400 -> 401",),
        "Missing or wrong credentials are 401, as in every later version.",
    ),
    Different(
        PY,
        ("01-flow: session exists? unknown session", "01-flow: session exists? malformed uuid"),
        ("404 -> 200", "no type"),
        _CHECK,
    ),
    Different(
        PY,
        ("01-flow: delete no permit_key", "01-flow: delete wrong permit_key"),
        ("403 -> 200", "no type"),
        _CHECK,
    ),
    Different(
        PY,
        ("01-flow: delete again*",),
        ("success True -> False",),
        "The second opening used the first circuit again, so one deletion took all.",
    ),
    Different(
        PY,
        ("01-flow: DELETE /api/circuit malformed uuid",),
        ("500 -> 404", "internal-server-error -> object-not-found"),
        "What is no id of a circuit is no circuit: 404, never 500.",
    ),
    Different(
        PY,
        ("01-flow: endpoint call 'Authorization: garbage'*",),
        ("500 -> 401",),
        "An unknown scheme is the client's fault.",
    ),
    Different(
        PY,
        ("01-flow: endpoint token (exp in the past)",),
        ("200 -> 400", "no token"),
        "A token that has ended already is of no use to anybody.",
    ),
    Different(
        PY,
        (
            "01-flow: endpoint malformed uuid",
            "03-wrong: conf JSON list",
            "03-wrong: conf session without id",
        ),
        ("500 -> 400", "internal-server-error -> invalid-api-params"),
        _MALFORMED,
    ),
    Different(
        PY,
        ("01-flow: endpoint delete again",),
        ("404 -> 200", "no type"),
        "Deleting what is gone succeeds, as from 26.4 on.",
    ),
    Different(PY, ("03-wrong: conf missing fields html",), ("200 -> 400",), _STATUS),
    Different(
        PY,
        ("03-wrong: conf port 99999", "03-wrong: POST /v2/conf host=127.0.0.1 port=99999"),
        ("200 -> 400", "no token"),
        "There is no such port; it is said at once.",
    ),
    Different(PY, ("03-wrong: conf v1 path*",), ("404 -> 400", "no type"), _V1_TOO),
    Different(
        PY,
        ("03-wrong: unknown path html",),
        ("content-type text/html; charset=utf-8", "no type"),
        _PAGE,
    ),
    Different(
        PY,
        ("03-wrong: auth bad token*", "03-wrong: auth token with a wrong signature"),
        ("500 -> 404", "internal-server-error -> object-not-found"),
        _NO_TOKEN,
    ),
    Different(
        PY,
        ("03-wrong: auth unknown protocol*",),
        ("400 -> 200", "no type"),
        "vnc is known here, as in every later version.",
    ),
    Different(
        PY,
        ("03-wrong: setup of grpc circuit",),
        ("400 -> 200", "no type"),
        "grpc apps are opened like TCP apps; upstream loses the port that it took.",
    ),
    Different(
        PY,
        ("03-wrong: auth envs as JSON query*",),
        ("400 -> 200", "no type"),
        "`envs` is JSON text, as every WebUI sends it.",
    ),
    Different(
        PY,
        ("03-wrong: open app from 127.0.0.1 although*",),
        ("200 -> 403",),
        "The list of addresses that may use an app is enforced.",
    ),
    Different(
        PY,
        ("03-wrong: setup bad token", "03-wrong: setup conf token used*"),
        ("500 -> 401", "internal-server-error -> invalid-credentials"),
        _FORGED,
    ),
    Different(PY, ("03-wrong: add malformed session",), ("200 -> 401", "no code, url"), _EARLY),
    Different(PY, ("03-wrong: add bad token*",), ("200 -> 404", "no code, url"), _EARLY),
    Different(
        PY,
        ("03-wrong: dead container port, html", "03-wrong: unresolvable kernel_host html"),
        ("200 -> 502",),
        _STATUS,
    ),
    Different(
        PY,
        ("03-wrong: backend speaks not HTTP*",),
        ("500 -> 502",),
        "An app that speaks no HTTP is the app's fault.",
    ),
    Different(
        PY,
        ("03-wrong: auth json jupyter/http #4",),
        ("200 -> 404", "no redirect_url, reuse"),
        "Port 99999 got no token.",
    ),
    Different(
        PY,
        ("03-wrong: setup #5",),
        ("308 -> 401", "no location", "no set-cookie"),
        "Port 99999 got no token.",
    ),
    Different(
        PY,
        ("03-wrong: X-Method-Override: BOGUS",),
        ("405 -> 200", "no type"),
        "No field of a request changes its method.",
    ),
)

_GONE = "Nobody listens where no app is, so there is no answer to compare."
_CUT = "The recording shows only a part of the request; limits are tested in tests/regressions."

SKIPPED: Mapping[str, Mapping[str, str]] = {
    AP: {"80_*": _GONE, "81_*": _GONE},
    WS: {"09_*": _CUT, "11_*": _CUT, "12_*": _CUT},
    EXPECT: {"06_*": "No proxy was in between.", "12_*": "No proxy was in between."},
    PY: {
        "01-flow: app 1 after delete*": _GONE,
        "01-flow: app 2 after delete*": _GONE,
        "03-wrong: kernel_port 99999": "No token was given for that port.",
        "03-wrong: tcp app on http-mode server*": "A raw TCP app answers as it likes.",
    },
}
"""Exchanges that cannot be played again, by their names."""
