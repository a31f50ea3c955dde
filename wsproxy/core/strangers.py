"""Reading what other servers say: never trusted, never raising, and printed only when harmless."""

import json
import re
from uuid import UUID

_SLUG = re.compile(r"[a-z0-9]+(?:[-/][a-z0-9]+)*")
_LONGEST_SLUG = 80
_LONGEST_LINE = 300
_LONGEST_REFERENCE = 255


def parsed(body: bytes) -> object:
    """The JSON value, or None; a Content-Type is not asked for."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def problem_slug(document: object) -> str:
    """The stable code in a problem's ``type`` (protocol 7.9); "" when it is no problem document.

    >>> problem_slug({"type": "https://api.backend.ai/probs/object-not-found"})
    'object-not-found'
    """
    kind = document.get("type") if isinstance(document, dict) else None
    if not isinstance(kind, str):
        return ""
    slug = kind.rpartition("/probs/")[2] if "/probs/" in kind else ""
    return slug if len(slug) <= _LONGEST_SLUG and _SLUG.fullmatch(slug) else ""


def line(text: object) -> str:
    """A stranger's text as one line for a person: printable, and not endless."""
    clean = "".join(char if char.isprintable() else "?" for char in str(text))
    return clean if len(clean) <= _LONGEST_LINE else clean[:_LONGEST_LINE] + "…"


def is_uuid(text: str) -> bool:
    """Whether a session is named by its id.

    >>> is_uuid("2715a7f5-34c7-41c5-b32a-6519c545cb4f"), is_uuid("my-session")
    (True, False)
    """
    try:
        return str(UUID(text)) == text.lower()
    except ValueError:
        return False


def names_a_session(text: str) -> bool:
    """Whether a text can be an id or a name: what could lead to another path is not one."""
    return text.isprintable() and 0 < len(text) <= _LONGEST_REFERENCE and text.strip(". ") != ""


def matching_ids(document: object, name: str) -> tuple[str, ...]:
    """The ids of sessions called exactly ``name``, from a manager's answer to ``_/match``."""
    matches = document.get("matches") if isinstance(document, dict) else None
    if not isinstance(matches, list):
        return ()
    ids = [one.get("id") for one in matches if isinstance(one, dict) and one.get("name") == name]
    return tuple(found for found in ids if isinstance(found, str) and is_uuid(found))
