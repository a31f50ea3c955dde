"""Signed claims: one algorithm, one shape, no exception whatever the text."""

import pytest

from wsproxy.core import jwts

SECRET = "a secret of sixteen bytes or more"


def test_what_was_signed_is_read():
    claims = {"id": "x", "exp": 1300, "nested": {"a": [1]}}
    assert jwts.verify(jwts.sign(claims, SECRET), SECRET) == claims
    assert jwts.verify(jwts.sign({}, SECRET), SECRET) == {}


@pytest.mark.parametrize("payload", [b"[1]", b"7", b"null", b"\xff", b"{", b"[" * 3000])
def test_claims_must_be_an_object(payload):
    text = jwts._SIGNER.encode(payload, SECRET, algorithm="HS256")
    assert jwts.verify(text, SECRET) is None


@pytest.mark.parametrize("text", ["", "a", "a.b", "a.b.c", "é.é.é", "a" * (jwts.LONGEST + 1)])
def test_what_is_no_token(text):
    assert jwts.verify(text, SECRET) is None


def test_another_secret_or_algorithm_is_a_forgery():
    assert jwts.verify(jwts.sign({"a": 1}, "another secret entirely"), SECRET) is None
    assert jwts.verify("eyJhbGciOiJub25lIn0.e30.", SECRET) is None


def test_a_short_secret_works_without_a_warning():
    assert jwts.verify(jwts.sign({"a": 1}, "sixteen bytes ok"), "sixteen bytes ok") == {"a": 1}


@pytest.mark.parametrize(
    ("value", "expected"),
    [(5, 5.0), (5.5, 5.5), ("5", None), (True, None), (None, None), (1e300, None), ([], None)],
)
def test_a_moment_is_a_number(value, expected):
    assert jwts.seconds(value) == expected
