"""Which form an answer of the gateway takes, from the Accept field (RFC 9110 section 12.5.1)."""

from enum import StrEnum


class Form(StrEnum):
    JSON = "json"
    HTML = "html"


def _qualities(accept: str) -> dict[str, float]:
    found: dict[str, float] = {}
    for part in accept.split(","):
        media, *parameters = (piece.strip().lower() for piece in part.split(";"))
        quality = 1.0
        for parameter in parameters:
            name, _, value = parameter.partition("=")
            if name.strip() == "q":
                quality = _quality(value.strip())
        if media:
            found[media] = max(found.get(media, 0.0), quality)
    return found


def _quality(text: str) -> float:
    try:
        return min(1.0, max(0.0, float(text)))
    except ValueError:
        return 0.0


def api_form(accept: str | None) -> Form:
    """The control API: JSON unless HTML is asked for by name (protocol 4.1).

    >>> api_form("*/*").value, api_form("text/html,*/*;q=0.8").value
    ('json', 'html')
    """
    qualities = _qualities(accept or "")
    html = qualities.get("text/html", 0.0)
    return Form.HTML if html > qualities.get("application/json", 0.0) else Form.JSON


def app_form(accept: str | None) -> Form:
    """App ports and ``/setup``: HTML unless JSON is asked for by name (protocol 7.9)."""
    qualities = _qualities(accept or "")
    json = qualities.get("application/json", 0.0)
    return Form.JSON if json > 0 and json >= qualities.get("text/html", 0.0) else Form.HTML


def first_is_json(accept: str | None) -> bool:
    """Whether the first media type listed is JSON: how newer WebUIs ask helper pages (P 2.6)."""
    first = (accept or "").split(",")[0].split(";")[0]
    return first.strip().lower() == "application/json"


def names_json(accept: str | None) -> bool:
    """Whether ``application/json`` stands in the list by name, at any place (protocol 5.4)."""
    return _qualities(accept or "").get("application/json", 0.0) > 0
