"""When a token shall end, as clients write it: unix seconds or ISO 8601."""

from datetime import UTC, datetime

from wsproxy.core.problem import Problem

LATEST = 253_402_300_799
"""The last second of the year 9999; above it milliseconds were meant."""


def moment(value: object) -> int:
    """Unix seconds; a text without a zone is in UTC. ``ValueError`` says what is wrong.

    >>> moment("2026-01-02T03:04:05+00:00"), moment("1767323045")
    (1767323045, 1767323045)
    """
    if isinstance(value, str):
        value = _of_text(value.strip())
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("this is neither unix seconds nor ISO 8601")
    if not 0 <= value <= LATEST:
        raise ValueError("this is not a time in unix seconds")
    return int(value)


def _of_text(text: str) -> int | float:
    if text.isascii() and text.isdigit():
        return int(text[:20])
    try:
        found = datetime.fromisoformat(text)
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
    except ValueError:
        raise ValueError("this is neither unix seconds nor ISO 8601") from None


def past(expires_at: int, now: float) -> Problem | None:
    """400 for a token that would be of no use to anybody."""
    if now < expires_at:
        return None
    return Problem("invalid-api-params", msg="exp: this moment has passed")
