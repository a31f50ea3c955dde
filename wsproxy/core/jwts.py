"""Signed claims: JSON Web Tokens with HS256 and nothing else (RFC 7515, RFC 7519).

PyJWT checks the signature; the claims are checked here, because its own checks read the clock.
"""

import json
from collections.abc import Mapping
from typing import Any

from jwt import PyJWS
from jwt.algorithms import HMACAlgorithm
from jwt.exceptions import InvalidTokenError

LONGEST = 8192
"""Characters of a token that are looked at; a URL of that length is refused anyway."""


class _AnyLength(HMACAlgorithm):
    """Secrets below 32 bytes are common in existing installations; the settings ask for 16."""

    def check_key_length(self, key: bytes) -> str | None:
        return None


def _signer() -> PyJWS:
    signer = PyJWS(algorithms=["HS256"])
    signer.unregister_algorithm("HS256")
    signer.register_algorithm("HS256", _AnyLength(HMACAlgorithm.SHA256))
    return signer


_SIGNER = _signer()


def sign(claims: Mapping[str, Any], secret: str) -> str:
    """``claims`` as a compact token."""
    payload = json.dumps(claims, separators=(",", ":")).encode()
    return _SIGNER.encode(payload, secret, algorithm="HS256")


def verify(text: str, secret: str) -> dict[str, Any] | None:
    """The claims of a token with a good signature; None for everything else, ``alg: none`` too."""
    if not text.isascii() or len(text) > LONGEST:
        return None
    try:
        payload = _SIGNER.decode(text, secret, algorithms=["HS256"])
        claims = json.loads(payload)
    except (InvalidTokenError, ValueError, RecursionError):
        return None
    return claims if isinstance(claims, dict) else None


def seconds(value: object) -> float | None:
    """A NumericDate claim (RFC 7519 section 2) as unix seconds; None when it is no number."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if abs(value) < 1e15 else None
