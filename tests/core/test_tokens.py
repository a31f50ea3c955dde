"""Tokens: whatever is not exactly ours, and alive, is refused without an exception."""

import base64
import json
from dataclasses import replace
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wsproxy.core import jwts, tokens
from wsproxy.core.problem import Problem
from wsproxy.core.tokens import StartToken

SECRET = "a secret of sixteen bytes or more"
TOKEN_ID = UUID("3e3d7e19-f402-429d-9ab9-b6393319c698")
CIRCUIT_ID = UUID("aa342532-d3d0-44a4-be8a-4f813e67913b")
SESSION = "39c10233-430d-46af-9fb2-2f0fb61a2484"
START = StartToken(TOKEN_ID, SESSION, "10.0.0.1", 8888, 1000.0, owner="AKIA", login_token="hush")


def b64(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def claims(**changed: object) -> dict[str, object]:
    good: dict[str, object] = {
        "id": str(TOKEN_ID),
        "version": "v2",
        "redirect": "/lab",
        "circuit": str(CIRCUIT_ID),
        "exp": 1300,
        "aud": tokens.SETUP_AUDIENCE,
    }
    return {name: value for name, value in {**good, **changed}.items() if value is not None}


def test_a_setup_token_says_what_was_put_in():
    text = tokens.issue_setup(TOKEN_ID, CIRCUIT_ID, "/lab", SECRET, 1000.0)
    expected = tokens.SetupToken(TOKEN_ID, CIRCUIT_ID, "/lab", 1300.0)
    assert tokens.read_setup(text, SECRET, 1299.9) == expected
    assert tokens.read_setup(text, SECRET, 1299.9) == expected  # again: clients fetch it thrice


def test_upstreams_claims_are_there():
    text = tokens.issue_setup(TOKEN_ID, CIRCUIT_ID, "", SECRET, 1000.0)
    found = jwts.verify(text, SECRET)
    assert found is not None
    assert (
        found.items()
        >= {
            "id": str(TOKEN_ID),
            "version": "v2",
            "redirect": "",
            "circuit": str(CIRCUIT_ID),
        }.items()
    )


NONE_ALG = f"{b64({'alg': 'none', 'typ': 'JWT'})}.{b64(claims())}."
DEEP = base64.urlsafe_b64encode(b"[" * 5000).decode()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "garbage",
        "a.b.c",
        "....",
        NONE_ALG,
        NONE_ALG + "e30",
        f"{b64({'alg': 'HS512'})}.{b64(claims())}.e30",
        f"{b64([])}.{b64(claims())}.e30",
        f"{DEEP}.{b64(claims())}.e30",
        "é.é.é",
        "\ud800.a.b",
        "a" * 9000,
        jwts.sign(claims(), "another secret, sixteen bytes"),
        jwts.sign(claims(), SECRET)[:-2] + "AA",
        jwts.sign(claims(aud=None), SECRET),
        jwts.sign(claims(aud=["wsproxy:setup"]), SECRET),
        jwts.sign(claims(aud="something else"), SECRET),
        jwts.sign(claims(exp=None), SECRET),
        jwts.sign(claims(exp="1300"), SECRET),
        jwts.sign(claims(exp=True), SECRET),
        jwts.sign(claims(exp=1e300), SECRET),
        jwts.sign(claims(circuit=None), SECRET),
        jwts.sign(claims(circuit="not a uuid"), SECRET),
        jwts.sign(claims(circuit=7), SECRET),
        jwts.sign(claims(id=None), SECRET),
        jwts.sign(claims(redirect=["/"]), SECRET),
        jwts.sign(claims(exp=1), SECRET),
    ],
)
def test_every_other_setup_token_is_401(text):
    found = tokens.read_setup(text, SECRET, 1000.0)
    assert isinstance(found, Problem)
    assert (found.code, found.status) == ("invalid-credentials", 401)


def test_an_old_setup_token_says_so():
    text = tokens.issue_setup(TOKEN_ID, CIRCUIT_ID, "", SECRET, 1000.0)
    found = tokens.read_setup(text, SECRET, 1300.0)
    assert isinstance(found, Problem)
    assert "expired" in found.msg


@given(st.text(max_size=300))
@settings(max_examples=200)
def test_no_text_breaks_the_reader(text):
    assert isinstance(tokens.read_setup(text, SECRET, 1000.0), Problem)
    assert tokens.parse_uuid(text) is None


@given(st.data())
@settings(max_examples=100)
def test_one_changed_character_is_a_forgery(data):
    text = tokens.issue_setup(TOKEN_ID, CIRCUIT_ID, "/lab", SECRET, 1000.0)
    index = data.draw(st.integers(0, len(text) - 2))  # the last one holds bits that do not count
    char = data.draw(st.sampled_from("ABCabc019-_.").filter(lambda c: c != text[index]))
    forged = text[:index] + char + text[index + 1 :]
    assert isinstance(tokens.read_setup(forged, SECRET, 1000.0), Problem)


@pytest.mark.parametrize(
    ("text", "good"),
    [
        (str(TOKEN_ID), True),
        (str(TOKEN_ID).upper(), True),
        (TOKEN_ID.hex, False),
        (f"{{{TOKEN_ID}}}", False),
        ("3e3d7e19f402-429d-9ab9-b6393319c69-8", False),
        ("zzzzzzzz-f402-429d-9ab9-b6393319c698", False),
        ("", False),
    ],
)
def test_a_uuid_has_one_form(text, good):
    assert tokens.parse_uuid(text) == (TOKEN_ID if good else None)


def test_a_start_token_survives_the_store():
    record = json.loads(json.dumps(tokens.to_record(START)))
    assert tokens.from_record(record) == START
    with pytest.raises(KeyError):
        tokens.from_record({"id": str(TOKEN_ID)})


def test_a_start_token_never_shows_the_login_token():
    assert "hush" not in repr(START)


@pytest.mark.parametrize(
    ("token", "session", "now", "status", "msg"),
    [
        (START, SESSION, 1000.0, None, ""),
        (START, SESSION, 1000.0 + tokens.START_LIFE - 1, None, ""),
        (START, SESSION, 1000.0 + tokens.START_LIFE, 401, "expired"),
        (START, "another", 1000.0, 401, "E20007: Session ID mismatch"),
        (None, SESSION, 1000.0, 404, ""),
        (replace(START, session_id=""), "any", 1000.0, None, ""),
    ],
)
def test_who_may_open(token, session, now, status, msg):
    found = tokens.check_start(token, session, now)
    assert (found.status if found else None) == status
    assert msg in (found.msg if found else "")


def test_an_unknown_token_is_told_in_upstreams_words():
    assert tokens.NO_SUCH_TOKEN.body()["title"] == "E00002: No such token."


def test_a_token_without_a_key_owns_only_its_own_circuits():
    """Two tokens of managers 22.x may name the same session and must not find each other."""
    first = StartToken(UUID(int=1), "", "h", 1, 0.0)
    second = StartToken(UUID(int=2), "", "h", 1, 0.0)
    assert first.owner_key != second.owner_key
    assert START.owner_key == "AKIA"
    assert tokens.bound(first, SESSION).session_id == SESSION


def test_whose_circuits_a_tokens_are():
    old = StartToken(UUID(int=1), "", "10.0.0.7", 80, 0.0)
    assert tokens.access_key_of(replace(old, owner="AKUSER").owner_key) == "AKUSER"
    assert tokens.access_key_of(old.owner_key) == ""
