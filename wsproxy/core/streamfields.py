"""Header fields of a tunnel's handshake: who asks, and what a refusal means (protocol 3.2, 3.3)."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from wsproxy.core.configuration import AuthMode, Configuration, Mode
from wsproxy.core.signing import CONTENT_TYPE, TOLERANCE, Keypair, signed_fields

SESSION_COOKIE = "AIOHTTP_SESSION"
SESSION_FIELD = "X-BackendAI-SessionID"

_OLDEST_VERSION = "v4.20190615"
_NEWER_VERSION = "v8.20240915"

Fields = tuple[tuple[str, str], ...]


def stream_fields(
    configuration: Configuration, target: str, host: str, now: datetime, method: str = "GET"
) -> Fields:
    """API mode: a signature over exactly ``target``. SESSION mode: the session id, once."""
    if configuration.mode is Mode.API:
        keypair = Keypair(configuration.access_key, configuration.secret_key)
        version = spoken_version(configuration.api_version)
        return signed_fields(keypair, method, target, host, now, version)
    if configuration.auth_mode is AuthMode.COOKIE:
        session = ("Cookie", f"{SESSION_COOKIE}={configuration.session}")
    else:
        session = (SESSION_FIELD, configuration.session)
    return (("Content-Type", CONTENT_TYPE), session)


def spoken_version(api_version: float) -> str:
    """A revision that a manager of this API version certainly knows; others are refused with 400.

    "8." may be 24.03, which does not know the revision of 24.09 yet; the one of 2019 is known to
    all of them, and nothing of a stream depends on it.
    """
    return _NEWER_VERSION if api_version >= 9 else _OLDEST_VERSION


def explain_refusal(status: int, date: str, now: datetime, whose: str = "the gateway's") -> str:
    """Words for a person; a clock that is off is the usual cause of a refused signature."""
    said = f"The manager answered {status}."
    theirs = _http_date(date)
    if status not in (400, 401) or theirs is None or abs(now - theirs) <= TOLERANCE:
        return said
    minutes = round(abs(now - theirs).total_seconds() / 60)
    return f"{said} Its clock and {whose} differ by {minutes} minutes; 15 are allowed."


def _http_date(text: str) -> datetime | None:
    try:
        date = parsedate_to_datetime(text)
    except (ValueError, OverflowError):  # a year that no clock shows
        return None
    return date if date.tzinfo is not None else date.replace(tzinfo=UTC)
