"""Permits: bound to one circuit, with an end, renewed while used."""

from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wsproxy.core import permits
from wsproxy.core.permits import Permit, PermitRules

SECRET = "some_permit_hash_secret"
ONE = UUID("aa342532-d3d0-44a4-be8a-4f813e67913b")
OTHER = UUID("bb342532-d3d0-44a4-be8a-4f813e67913b")
USER = "5f2b6c1e-7a55-4b3c-9d1f-0c8a4f6e2d11"
VECTOR = "MWY3OGM2OWZhMmI5N2I3NDMzZDEwYjQwYWUzNTJmY2NkNzdlMzQ5OWMzYWJjODY5M2JjYzljN2IwZTlhMTNhYw=="
WEEK = permits.LIFE


@pytest.mark.parametrize(
    ("later", "found"),
    [
        (0, Permit(1000 + WEEK, stale=False)),
        (permits.RENEW_AFTER - 1, Permit(1000 + WEEK, stale=False)),
        (permits.RENEW_AFTER, Permit(1000 + WEEK, stale=True)),
        (WEEK - 1, Permit(1000 + WEEK, stale=True)),
        (WEEK, None),
    ],
)
def test_a_permit_is_fresh_then_stale_then_over(later, found):
    value = permits.issue(SECRET, ONE, 1000.0)
    assert permits.check(SECRET, ONE, value, 1000.0 + later) == found


def test_a_permit_opens_one_circuit_only():
    value = permits.issue(SECRET, ONE, 1000.0)
    assert permits.check(SECRET, OTHER, value, 1000.0) is None
    assert permits.check("another secret", ONE, value, 1000.0) is None


def test_a_permit_cannot_be_given_a_longer_life():
    version, end, seal = permits.issue(SECRET, ONE, 1000.0).split(".")
    assert permits.check(SECRET, ONE, f"{version}.{int(end) + 1}.{seal}", 1000.0) is None
    assert permits.check(SECRET, ONE, f"v9.{end}.{seal}", 1000.0) is None


@given(st.text(max_size=120))
@settings(max_examples=150)
def test_no_text_breaks_the_check(text):
    assert (
        permits.check(SECRET, ONE, text.encode("latin-1", "replace").decode("latin-1"), 0) is None
    )


def test_a_value_needs_no_quotes_in_a_cookie():
    value = permits.issue(SECRET, ONE, 1000.0)
    assert all(char.isalnum() or char in "-_." for char in value)


def test_the_classic_vector():
    assert permits.classic(SECRET, USER) == VECTOR
    assert permits.classic(SECRET, USER.upper()) == VECTOR


@pytest.mark.parametrize(
    ("rules", "user", "value", "good"),
    [
        (PermitRules(SECRET, classic=True), USER, VECTOR, True),
        (PermitRules(SECRET, classic=False), USER, VECTOR, False),
        (PermitRules(SECRET, classic=True), "", VECTOR, False),
        (PermitRules(SECRET, classic=True), USER, VECTOR[:-2], False),
        (PermitRules(SECRET, classic=True), USER, "é", False),
    ],
)
def test_a_classic_permit_counts_only_by_setting(rules, user, value, good):
    assert permits.check_classic(rules, user, value) is good


def test_cookies_of_one_request():
    fields = ['a=1; b="two=2"; flag; =x', "a=3;c= d "]
    assert list(permits.cookies(fields)) == [
        ("a", "1"),
        ("b", "two=2"),
        ("", "x"),
        ("a", "3"),
        ("c", "d"),
    ]
    assert permits.unquoted('"') == '"'


def test_the_cookie_has_every_attribute():
    text = permits.set_cookie(ONE, "v", secure=False)
    assert text == f"appproxy_permit_{ONE}=v; HttpOnly; Max-Age=604800; Path=/; SameSite=Lax"
    assert permits.set_cookie(ONE, "v", secure=True) == f"{text}; Secure"
    assert "Domain" not in text


RULES = PermitRules(SECRET, classic=True)
GOOD = permits.issue(SECRET, ONE, 1000.0)


@pytest.mark.parametrize(
    ("rules", "candidates", "found"),
    [
        (RULES, [], None),
        (RULES, [(permits.cookie_name(OTHER), GOOD)], None),
        (RULES, [(permits.cookie_name(ONE), "bad")], None),
        (
            RULES,
            [(permits.cookie_name(ONE), "bad"), (permits.cookie_name(ONE), GOOD)],
            Permit(1000 + WEEK, stale=False),
        ),
        (RULES, [("appproxy_permit", VECTOR)], Permit(1000 + WEEK, stale=True)),
        (PermitRules(SECRET), [("appproxy_permit", VECTOR)], None),
        (RULES, [("appproxy_permit", GOOD)], None),
    ],
)
def test_one_good_cookie_is_enough(rules, candidates, found):
    assert permits.permitted(rules, ONE, USER, candidates, 1000.0) == found


def test_the_secret_is_not_shown():
    assert SECRET not in repr(RULES)
