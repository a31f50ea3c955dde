"""Signing requests to a manager, and checking them (protocol 3.2).

The string to sign covers the method, the path and query *exactly as sent*, the date text exactly as
in the header, the Host, the content type, the API version, and the hash of an empty body. So the
query is percent-encoded once, and that text is both signed and sent.
"""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum

METHOD = "HMAC-SHA256"
API_VERSION = "v8.20240915"
"""What the gateway says it speaks: known to every manager of 24.09 and later."""

CONTENT_TYPE = "application/json"
DEFAULT_CONTENT_TYPE = "application/octet-stream"
"""What a manager assumes, and signs, when the field is absent."""

TOLERANCE = timedelta(minutes=15)
"""How far the clocks may be apart."""

EMPTY_HASH = hashlib.sha256(b"").hexdigest()

Fields = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Keypair:
    """An access key, and the secret that signs; the secret is never shown."""

    access_key: str
    secret_key: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class ToSign:
    """What a signature covers. ``target`` is path and query as sent, ``host`` the Host field."""

    method: str
    target: str
    host: str
    date: str
    content_type: str = CONTENT_TYPE
    version: str = API_VERSION

    def text(self) -> str:
        """The string to sign: LF between lines, none at the end."""
        lines = (
            self.method.upper(),
            self.target,
            self.date,
            f"host:{self.host}",
            f"content-type:{self.content_type}",
            f"x-backendai-version:{self.version}",
            EMPTY_HASH,
        )
        return "\n".join(lines)


def date_text(now: datetime) -> str:
    """The date as sent and signed: UTC, milliseconds, ``Z``."""
    utc = now.astimezone(UTC)
    return utc.strftime("%Y-%m-%dT%H:%M:%S.") + f"{utc.microsecond // 1000:03d}Z"


def signature(secret_key: str, covered: ToSign, day: str) -> str:
    """Lower-case hex. ``day`` is ``YYYYMMDD`` of the date's own calendar."""
    dated = _hmac(secret_key.encode(), day)
    key = _hmac(dated, covered.host)
    return _hmac(key, covered.text()).hex()


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def signed_fields(
    keypair: Keypair,
    method: str,
    target: str,
    host: str,
    now: datetime,
    version: str = API_VERSION,
) -> Fields:
    """The header fields of a signed request (Host excepted: it is the URL's authority).

    Only ``X-BackendAI-Date`` is sent: a ``Date`` field that some library adds would win over it.
    """
    covered = ToSign(method, target, host, date_text(now), CONTENT_TYPE, version)
    day = now.astimezone(UTC).strftime("%Y%m%d")
    credential = f"{keypair.access_key}:{signature(keypair.secret_key, covered, day)}"
    return (
        ("Content-Type", covered.content_type),
        ("X-BackendAI-Version", version),
        ("X-BackendAI-Date", covered.date),
        ("Authorization", f"BackendAI signMethod={METHOD}, credential={credential}"),
    )


class Refusal(StrEnum):
    """Why a signature is not accepted; the first is 400 at a manager, the others 401."""

    BAD_DATE = "bad-date"
    CLOCK_SKEW = "clock-skew"
    NO_SIGNATURE = "no-signature"
    UNKNOWN_KEY = "unknown-key"
    MISMATCH = "mismatch"


def verify(
    secrets: Mapping[str, str],
    method: str,
    target: str,
    fields: Mapping[str, str],
    now: datetime,
) -> str | Refusal:
    """The access key of a request, or why it is refused. ``fields`` are found in any case.

    ``secrets`` maps access keys to secret keys.
    """
    found = {name.lower(): value for name, value in fields.items()}
    said = found.get("date") or found.get("x-backendai-date") or found.get("x-sorna-date") or ""
    date = _parsed_date(said)
    if date is None:
        return Refusal.BAD_DATE
    if abs(now - date) > TOLERANCE:
        return Refusal.CLOCK_SKEW
    credential = _credential(found.get("authorization", ""))
    if credential is None:
        return Refusal.NO_SIGNATURE
    access_key, given = credential
    if access_key not in secrets:
        return Refusal.UNKNOWN_KEY
    content_type = found.get("content-type", DEFAULT_CONTENT_TYPE).partition(";")[0].strip()
    version = found.get("x-backendai-version", API_VERSION)
    covered = ToSign(method, target, found.get("host", ""), said, content_type, version)
    expected = signature(secrets[access_key], covered, date.strftime("%Y%m%d"))
    if not hmac.compare_digest(expected.encode(), given.encode()):
        return Refusal.MISMATCH
    return access_key


def _parsed_date(text: str) -> datetime | None:
    """ISO 8601; without an offset it is UTC."""
    try:
        date = datetime.fromisoformat(text)
    except ValueError:
        return None
    return date if date.tzinfo is not None else date.replace(tzinfo=UTC)


def _credential(authorization: str) -> tuple[str, str] | None:
    """``(access key, signature)`` of ``BackendAI signMethod=HMAC-SHA256, credential=AK:hex``."""
    scheme, _, rest = authorization.partition(" ")
    if scheme != "BackendAI":
        return None
    parts = dict(part.strip().partition("=")[::2] for part in rest.split(","))
    access_key, colon, given = parts.get("credential", "").partition(":")
    if parts.get("signMethod", "").upper() != METHOD or not (access_key and colon and given):
        return None
    return access_key, given
