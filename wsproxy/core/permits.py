"""Permits: permission to use a circuit, carried in a cookie (design 9; protocol 7.1).

Each circuit has a cookie of its own: cookies ignore ports, so with one name for all a second app
would end the first. The value names its end and is bound to the circuit by an HMAC; it is renewed
while it is used, so a permit that nobody uses is gone after seven days.
"""

import base64
import hashlib
import hmac
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from uuid import UUID

from wsproxy.core.wire import PERMIT_COOKIE_PREFIX

LIFE = 604_800
RENEW_AFTER = 3_600
"""Seconds. A permit is renewed at most once in ``RENEW_AFTER``, or every answer would carry one."""

_VERSION = "v2"


@dataclass(frozen=True, slots=True)
class PermitRules:
    """``classic``: whether upstream's permit, one for all apps of a user, is accepted too."""

    secret: str = field(repr=False)
    classic: bool = False


@dataclass(frozen=True, slots=True)
class Permit:
    """A permit that was found good. ``stale``: old enough to be renewed."""

    expires_at: int
    stale: bool

    @property
    def fresh_until(self) -> int:
        """From then on it is stale."""
        return self.expires_at - (LIFE - RENEW_AFTER)


def cookie_name(circuit_id: UUID) -> str:
    """``appproxy_permit_<circuit>``."""
    return f"{PERMIT_COOKIE_PREFIX}_{circuit_id}"


def _seal(secret: str, circuit_id: UUID, expires_at: str) -> str:
    message = f"wsproxy-permit:{_VERSION}:{circuit_id}:{expires_at}".encode()
    digest = hmac.digest(secret.encode(), message, hashlib.sha256)
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def issue(secret: str, circuit_id: UUID, now: float) -> str:
    """A value that is good for ``LIFE`` seconds: ``v2.<end>.<seal>``; needs no quotes."""
    expires_at = str(int(now) + LIFE)
    return f"{_VERSION}.{expires_at}.{_seal(secret, circuit_id, expires_at)}"


def check(secret: str, circuit_id: UUID, value: str, now: float) -> Permit | None:
    """The permit in ``value`` if it is ours, for this circuit, and not over. Constant time."""
    version, _, rest = value.partition(".")
    expires_at, _, seal = rest.partition(".")
    expected = _seal(secret, circuit_id, expires_at)
    if not hmac.compare_digest(seal.encode(), expected.encode()) or version != _VERSION:
        return None
    end = int(expires_at)  # sealed by us, so it is a number
    if now >= end:
        return None
    return Permit(end, stale=now >= end - (LIFE - RENEW_AFTER))


def classic(secret: str, user_id: str) -> str:
    """Upstream's permit of a user: base64 of the hex HMAC of the UUID (protocol 7.1)."""
    digest = hmac.new(secret.encode(), user_id.lower().encode(), hashlib.sha256).hexdigest()
    return base64.b64encode(digest.encode()).decode()


def check_classic(rules: PermitRules, user_id: str, value: str) -> bool:
    """Whether ``value`` is the user's classic permit and such permits count. Constant time."""
    if not rules.classic or not user_id:
        return False
    return hmac.compare_digest(classic(rules.secret, user_id).encode(), value.encode())


def cookies(fields: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Name and value of every cookie in the Cookie fields, unquoted (RFC 6265 section 5.4)."""
    for text in fields:
        for pair in text.split(";"):
            name, equals, value = pair.strip().partition("=")
            if equals:
                yield name.strip(), unquoted(value.strip())


def unquoted(value: str) -> str:
    """Without the double quotes that Python's cookie writer puts around ``=`` and ``/``."""
    if len(value) >= 2 and value[0] == value[-1] == '"':
        return value[1:-1]
    return value


def set_cookie(circuit_id: UUID, value: str, secure: bool) -> str:
    """The Set-Cookie field. No Domain: siblings below a wildcard domain never see it."""
    text = f"{cookie_name(circuit_id)}={value}; HttpOnly; Max-Age={LIFE}; Path=/; SameSite=Lax"
    return f"{text}; Secure" if secure else text


def permitted(
    rules: PermitRules,
    circuit_id: UUID,
    user_id: str,
    candidates: Iterable[tuple[str, str]],
    now: float,
) -> Permit | None:
    """The best of the cookies ``(name, value)`` that opens the circuit.

    A name may come twice (a stale one of a parent path, say); one good value is enough.
    """
    own = cookie_name(circuit_id)
    for name, value in candidates:
        if name == own:
            found = check(rules.secret, circuit_id, value, now)
        elif name == PERMIT_COOKIE_PREFIX and check_classic(rules, user_id, value):
            found = Permit(int(now) + LIFE, stale=True)  # exchanged for one of the circuit's own
        else:
            found = None
        if found is not None:
            return found
    return None
