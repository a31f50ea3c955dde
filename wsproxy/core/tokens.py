"""Tokens: permission to open (design 2, 9; protocol 5.2, 5.4).

A *start token* is what ``POST /v2/conf`` answers: a random UUID that lives a day and stands for
one app's address in one session. A *setup token* is a signed note that lives minutes, names one
circuit, and may be fetched several times: real clients fetch one URL up to three times (observed
3).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from wsproxy.core import jwts
from wsproxy.core.problem import Problem, no_such

START_LIFE = 86_400.0
SETUP_LIFE = 300.0
"""Seconds."""

SETUP_AUDIENCE = "wsproxy:setup"
"""A token of ours with another purpose, or a manager's, is not a setup token."""


_OWN = "token:"


def parse_uuid(text: str) -> UUID | None:
    """A UUID in its dashed form, else None. ``UUID()`` alone takes braces, ``urn:`` and more."""
    if len(text) != 36:
        return None
    try:
        found = UUID(text)
    except ValueError:
        return None
    return found if str(found) == text.lower() else None


@dataclass(frozen=True, slots=True)
class StartToken:
    """What a manager told us about one app.

    ``session_id`` "" means: not bound yet (managers 22.x). ``owner`` is the access key.
    ``login_token`` is a web server's session id, which opens all that its user may do: it is never
    shown.
    """

    id: UUID
    session_id: str
    kernel_host: str
    kernel_port: int
    created_at: float
    owner: str = ""
    user_id: str = ""
    project_id: str = ""
    domain_name: str = ""
    login_token: str = field(default="", repr=False)

    @property
    def expires_at(self) -> float:
        return self.created_at + START_LIFE

    @property
    def owner_key(self) -> str:
        """Whose circuits these are. Without an access key a token only ever finds its own."""
        return self.owner or f"{_OWN}{self.id}"


def access_key_of(owner: str) -> str:
    """The access key that an ``owner_key`` is; "" for a token that only finds its own."""
    return "" if owner.startswith(_OWN) else owner


def bound(token: StartToken, session_id: str) -> StartToken:
    """The token of an old manager, tied to the session that used it first."""
    return replace(token, session_id=session_id)


def to_record(token: StartToken) -> dict[str, Any]:
    """Plain JSON types, for a store."""
    return {
        "id": str(token.id),
        "session_id": token.session_id,
        "kernel_host": token.kernel_host,
        "kernel_port": token.kernel_port,
        "created_at": token.created_at,
        "owner": token.owner,
        "user_id": token.user_id,
        "project_id": token.project_id,
        "domain_name": token.domain_name,
        "login_token": token.login_token,
    }


def from_record(record: Mapping[str, Any]) -> StartToken:
    """The inverse of ``to_record``; a record that lacks a field raises KeyError."""
    return StartToken(**{**{name: record[name] for name in _FIELDS}, "id": UUID(record["id"])})


_FIELDS = tuple(to_record(StartToken(UUID(int=0), "", "", 0, 0.0)))

NO_SUCH_TOKEN = no_such("token")


def check_start(token: StartToken | None, session_id: str, now: float) -> Problem | None:
    """Whether ``token`` may open something in ``session_id``; None when it may."""
    if token is None:
        return NO_SUCH_TOKEN
    if now >= token.expires_at:
        return Problem("invalid-credentials", msg="The token has expired. Start the app again.")
    if token.session_id not in ("", session_id):
        return Problem("invalid-credentials", msg="E20007: Session ID mismatch")
    return None


@dataclass(frozen=True, slots=True)
class SetupToken:
    """May pick up a permit for ``circuit_id``; ``redirect`` is a checked path or ""."""

    token_id: UUID
    circuit_id: UUID
    redirect: str
    expires_at: float


def issue_setup(token_id: UUID, circuit_id: UUID, redirect: str, secret: str, now: float) -> str:
    """The text of a setup token: upstream's claims, and an end and a purpose."""
    claims = {
        "id": str(token_id),
        "version": "v2",
        "redirect": redirect,
        "circuit": str(circuit_id),
        "exp": int(now + SETUP_LIFE),
        "aud": SETUP_AUDIENCE,
    }
    return jwts.sign(claims, secret)


_BAD_SETUP = Problem(
    "invalid-credentials", msg="This link is not valid. Open the app again from your session."
)
_OLD_SETUP = Problem(
    "invalid-credentials", msg="This link has expired. Open the app again from your session."
)


def read_setup(text: str, secret: str, now: float) -> SetupToken | Problem:
    """The setup token in ``text``, or 401: forged, altered, unsigned, foreign or too old."""
    claims = jwts.verify(text, secret)
    if claims is None or claims.get("aud") != SETUP_AUDIENCE:
        return _BAD_SETUP
    token_id = parse_uuid(str(claims.get("id")))
    circuit_id = parse_uuid(str(claims.get("circuit")))
    redirect = claims.get("redirect", "")
    expires_at = jwts.seconds(claims.get("exp"))
    if not (token_id and circuit_id and expires_at and isinstance(redirect, str)):
        return _BAD_SETUP
    if now >= expires_at:
        return _OLD_SETUP
    return SetupToken(token_id, circuit_id, redirect, expires_at)
