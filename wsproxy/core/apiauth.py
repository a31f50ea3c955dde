"""Who may use the management API (protocol 4.2)."""

import hmac

from wsproxy.core import jwts
from wsproxy.core.problem import Problem

OUR_AUDIENCE = "wsproxy:"
"""Tokens the gateway gives to browsers carry such an audience; they open no management."""

ENDPOINT_CLAIM = "app_url"
"""Tokens that open inference endpoints have it, and no audience (upstream's workers would refuse
one). They open no management either, should both secrets be the same.
"""

_SCHEMES = ("Bearer ", "BackendAI ")

DENIED = Problem(
    "auth-failed",
    msg="Send the api-secret of [v2] in X-BackendAI-Token, or a JWT signed with it as Bearer.",
)


def check(token: str | None, authorization: str | None, secret: str, now: float) -> Problem | None:
    """None when the caller may; ``token`` is X-BackendAI-Token, and final when it is present.

    ``secret`` is the api-secret; without one nobody may. ``now`` is unix seconds.
    """
    if not secret:
        return DENIED
    if token is not None:
        return None if _is_secret(token, secret) else DENIED
    if authorization is not None and _is_signed(authorization, secret, now):
        return None
    return DENIED


def _is_secret(token: str, secret: str) -> bool:
    """Raw, ``Bearer <secret>`` or ``BackendAI <secret>``; compared in constant time."""
    for scheme in _SCHEMES:
        if token.startswith(scheme):
            token = token.removeprefix(scheme)
            break
    return hmac.compare_digest(token.encode("utf-8", "surrogateescape"), secret.encode())


def _is_signed(authorization: str, secret: str, now: float) -> bool:
    scheme, _, text = authorization.partition(" ")
    if scheme.lower() != "bearer":
        return False
    claims = jwts.verify(text.strip(), secret)
    if claims is None or str(claims.get("aud", "")).startswith(OUR_AUDIENCE):
        return False
    if ENDPOINT_CLAIM in claims:
        return False
    if "exp" not in claims:
        return True
    ends = jwts.seconds(claims["exp"])
    return ends is not None and now < ends
