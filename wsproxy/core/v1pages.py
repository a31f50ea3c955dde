"""What a v1 client sees when the gateway itself has to speak (protocol 2.6, 3.5; design 5.8)."""

from jinja2 import Environment, StrictUndefined

from wsproxy.core.page import STYLE
from wsproxy.core.tunnel import Trouble
from wsproxy.core.v1 import HELPERS
from wsproxy.core.wire import SPEAKER_HEADER, VERSION_HEADER, Speaker, Version

RELOAD_AFTER = 1
"""Seconds; also the Retry-After of every page."""

_ENVIRONMENT = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)

_FRAME = """\
<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta name="robots" content="noindex">{% if reload %}
<meta http-equiv="refresh" content="{{ reload }}">{% endif %}

<title>{{ title }}</title><style>{{ style }}</style></head><body>
<h1>{{ title }}</h1>
"""
_END = '<p class="quiet">wsproxy said this, not the app. Path: v1.</p></body></html>\n'

_FAILED = _ENVIRONMENT.from_string(
    _FRAME
    + """\
<p>{{ reason }}</p>
{% if number %}<p><code>{{ number }} Error</code> from {{ speaker }}</p>{% endif %}
"""
    + _END
)
_STARTING = _ENVIRONMENT.from_string(
    _FRAME
    + """\
<p>The app is not ready yet. This page asks again by itself.</p>
<p><code>{{ number }}</code></p>
"""
    + _END
)
_HELPER = _ENVIRONMENT.from_string(
    _FRAME
    + """\
<p>Open this address with a program for {{ scheme }}:</p>
<p><a href="{{ link }}">{{ link }}</a></p>
{% if hint %}<p>Or in a terminal: <code>{{ hint }}</code></p>{% endif %}
<p>Host <code>{{ host }}</code>, port <code>{{ port }}</code>\
{% if user %}, user <code>{{ user }}</code>{% endif %}</p>
"""
    + _END
)

_REASONS = {
    "401": "The login at the manager is not valid any more. Log in again, then reopen the app.",
    "404": "The manager does not know this session or app. It may have ended.",
    "502": "The manager cannot be reached by the web server, or the app cannot be reached by it.",
    "504": "The app took the connection and said nothing.",
    "1011": "The manager could not connect to the app.",
    "1013": "The app accepts no connection.",
}
_OTHERWISE = "Restart your session or contact your administrator."
_SESSION_USER = "work"
_SFTP_USER = "upload"


def failed_page(trouble: Trouble) -> str:
    """The words "Server connection failed" and the number, as scripts and people know them."""
    speaker = "the gateway" if trouble.silent else "the manager"
    reason = _REASONS.get(trouble.number, _OTHERWISE)
    if trouble.failure is not None and trouble.failure.detail and not trouble.number:
        reason = f"{trouble.failure.detail} {_OTHERWISE}"
    return _FAILED.render(
        title="Server connection failed",
        reload=0,
        reason=reason,
        number=trouble.number,
        speaker=speaker,
        style=STYLE,
    )


def starting_page(trouble: Trouble) -> str:
    """Reloads itself; how often is the listener's business."""
    title = "Waiting for application..."
    return _STARTING.render(title=title, reload=RELOAD_AFTER, number=trouble.number, style=STYLE)


def helper_page(app: str, host: str, port: int) -> str:
    """How to reach an app that no browser shows. ``app`` is a key of ``core.v1.HELPERS``."""
    scheme = HELPERS[app]
    user = {"sftp": _SFTP_USER, "sshd": _SESSION_USER}.get(app, "")
    authority = f"{user}@{host}:{port}" if user else f"{host}:{port}"
    return _HELPER.render(
        title=f"{app} on port {port}",
        reload=0,
        scheme=scheme,
        link=f"{scheme}://{authority}",
        hint=_hint(app, user, host, port),
        host=host,
        port=port,
        user=user,
        style=STYLE,
    )


def _hint(app: str, user: str, host: str, port: int) -> str:
    name = host.strip("[]")
    return {
        "sftp": f"sftp -P {port} {user}@{name}",
        "sshd": f"ssh -p {port} {user}@{name}",
    }.get(app, "")


def raw_answer(page: str) -> bytes:
    """A whole HTTP/1.1 answer for a client of a v1 listener (protocol 3.5)."""
    body = page.encode()
    lines = [
        "HTTP/1.1 503 Service Unavailable",
        "Content-Type: text/html; charset=utf-8",
        f"Content-Length: {len(body)}",
        "Connection: close",
        "Cache-Control: no-store",
        f"Retry-After: {RELOAD_AFTER}",
        f"{VERSION_HEADER}: {Version.V1.value}",
        f"{SPEAKER_HEADER}: {Speaker.GATEWAY.value}",
        "X-Content-Type-Options: nosniff",
    ]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body
