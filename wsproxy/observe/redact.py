"""What must not reach a log: credentials, tokens, cookies, query strings (design 9, case 90).

Two layers. Code that logs a URL calls ``safe_url`` first. And ``redact`` goes over every finished
line, tracebacks included, because libraries log too.
"""

import re

HIDDEN = "…"

_JWT = re.compile(r"\beyJ[\w-]{5,}\.[\w-]+\.[\w-]*")
_SCHEME = r"(?:https?|wss?|rediss?|tcp|ftp)"
_RULES: tuple[tuple[re.Pattern[str], str], ...] = (
    # Authorization: BackendAI signMethod=…, credential=AK:signature; Cookie: a=b; c=d
    (
        re.compile(
            r"(?i)\b((?:proxy-)?authorization|(?:set-)?cookie|x-backendai-(?:token|sessionid))"
            r"(['\"]?\s*[:=,]\s*)[^\r\n]+"
        ),
        rf"\1\2{HIDDEN}",
    ),
    # key=value and "key": "value" with a telling name
    (
        re.compile(
            r"(?i)(['\"]?\b[\w-]*(?:secret|password|passwd|token|jwt|permit|session_id|signature"
            r"|credential|api[-_]?key|secret[-_]key)[\w-]*['\"]?\s*[=:]\s*)"
            r"(\"[^\"]*\"|'[^']*'|[^\s,;&)}\]]+)"
        ),
        rf"\1{HIDDEN}",
    ),
    # a JWT anywhere
    (_JWT, HIDDEN),
    # user:password@ in a URL
    (re.compile(rf"(?i)\b({_SCHEME}://)[^\s/@'\"]+@"), rf"\1{HIDDEN}@"),
    # the token in the path of the v1 and v2 control API
    (re.compile(r"((?:/v2)?/proxy/)(?!auth\b)[^/\s?'\"]+(/)"), rf"\1{HIDDEN}\2"),
    # a query string, of a URL or of a request target
    (
        re.compile(rf"(?i)(\b{_SCHEME}://[^\s?'\"]+|(?<=[\s'\"=])/[^\s?'\"]*)\?[^\s'\"]+"),
        rf"\1?{HIDDEN}",
    ),
)


_PATH_TOKEN = re.compile(r"((?:/v2)?/proxy/)(?!auth\b)[^/]+")


def redact(text: str) -> str:
    """``text`` without what looks like a secret."""
    for pattern, replacement in _RULES:
        text = pattern.sub(replacement, text)
    return text


def safe_url(url: str) -> str:
    """A URL or request target as it may be logged: no query, fragment, user info, path token."""
    place, question, _ = url.partition("?")
    place = place.partition("#")[0]
    tail = f"?{HIDDEN}" if question else ""
    return printable(_without_tokens(place)) + tail


def _without_tokens(place: str) -> str:
    scheme, slashes, rest = place.partition("://")
    if slashes:
        host, slash, path = rest.partition("/")
        place = f"{scheme}://{host.rpartition('@')[2]}{slash}{path}"
    if "/proxy/" in place:
        place = _PATH_TOKEN.sub(rf"\1{HIDDEN}", place)
    return _JWT.sub(HIDDEN, place) if "eyJ" in place else place


def printable(text: str, longest: int = 200) -> str:
    """One line of bounded length, whatever a client sent."""
    clean = text
    if not text.isprintable():
        clean = "".join(char if char.isprintable() else "?" for char in text)
    return clean if len(clean) <= longest else clean[:longest] + HIDDEN


def escaped(text: str) -> str:
    """``text`` with everything that could end a line or drive a terminal as a backslash escape."""
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in text
    )
