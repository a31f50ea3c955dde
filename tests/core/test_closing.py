"""Who may see and close a session's circuits."""

from dataclasses import replace
from uuid import UUID

import pytest

from tests.support.circuits import circuit
from wsproxy.core import permits, tokens
from wsproxy.core.closing import (
    Caller,
    Context,
    Right,
    cookies_count,
    is_app,
    owner_of,
    right,
)
from wsproxy.core.permits import PermitRules
from wsproxy.core.tokens import StartToken

SECRET = "a permit secret of some length"
RULES = PermitRules(SECRET)
NOW = 1000.0
USER = "5f2b6c1e-7a55-4b3c-9d1f-0c8a4f6e2d11"
TOKEN = StartToken(UUID(int=9), "S", "h", 1, 900.0, owner="AK")
ONE = circuit(1, session="S", user_id=USER)
TWO = circuit(2, session="S", user_id=USER)
KEY = Caller("AK", None)


@pytest.mark.parametrize(
    ("caller", "session", "now", "owner"),
    [
        (KEY, "S", NOW, "AK"),
        (Caller("", None), "S", NOW, ""),
        (Caller(str(TOKEN.id), TOKEN), "S", NOW, "AK"),
        (Caller(str(TOKEN.id), TOKEN), "other", NOW, None),
        (Caller(str(TOKEN.id), TOKEN), "S", NOW + tokens.START_LIFE, None),
        (Caller(str(TOKEN.id), replace(TOKEN, session_id="")), "S", NOW, None),
        (Caller(str(TOKEN.id), replace(TOKEN, owner="")), "S", NOW, f"token:{TOKEN.id}"),
    ],
)
def test_whose_circuits_a_caller_means(caller, session, now, owner):
    assert owner_of(caller, session, now) == owner


GOOD = permits.issue(SECRET, TWO.id, NOW)


@pytest.mark.parametrize(
    ("caller", "found", "expected"),
    [
        (KEY, (), Right.NONE),
        (KEY, (ONE, TWO), Right.SEE),
        (Caller("t", TOKEN), (ONE,), Right.CLOSE),
        (Caller("t", TOKEN), (), Right.NONE),
        (replace(KEY, permit_key=GOOD), (ONE, TWO), Right.CLOSE),  # of one circuit of the session
        (replace(KEY, permit_key=f'"{GOOD}"'), (TWO,), Right.CLOSE),
        (replace(KEY, permit_key=GOOD), (ONE,), Right.SEE),  # of none of them
        (replace(KEY, permit_key="wrong"), (ONE, TWO), Right.SEE),
        (replace(KEY, permit_key=permits.classic(SECRET, USER)), (ONE,), Right.SEE),
        (replace(KEY, cookies=[(permits.cookie_name(TWO.id), GOOD)]), (ONE, TWO), Right.CLOSE),
        (replace(KEY, cookies=[(permits.cookie_name(ONE.id), GOOD)]), (ONE, TWO), Right.SEE),
    ],
)
def test_what_a_caller_may_do(caller, found, expected):
    assert right(caller, found, RULES, NOW) is expected


def test_a_classic_permit_closes_only_by_setting():
    caller = replace(KEY, permit_key=permits.classic(SECRET, USER))
    assert right(caller, (ONE,), PermitRules(SECRET, classic=True), NOW) is Right.CLOSE


OWN = "http://127.0.0.1:5050"


@pytest.mark.parametrize(
    ("context", "listed", "count"),
    [
        (Context(), False, True),  # a program, or an old browser
        (Context(origin="https://ui.example"), True, True),
        (Context(origin="http://127.0.0.1:10201"), False, False),  # another app on our host name
        (Context(origin=OWN), False, True),
        (Context(origin="null"), False, False),
        (Context(fetch_site="same-site", fetch_mode="no-cors"), False, False),
        (Context(fetch_site="cross-site", fetch_mode="navigate"), False, False),
        (Context(fetch_site="same-origin", fetch_mode="cors"), False, True),
        (Context(fetch_site="none", fetch_mode="navigate"), False, True),
        (Context(fetch_site="none", fetch_mode="no-cors"), False, False),
    ],
)
def test_when_cookies_were_meant(context, listed, count):
    assert cookies_count(context, OWN, listed) is count


@pytest.mark.parametrize(
    ("origin", "domain", "found"),
    [
        ("http://127.0.0.1:10201", "", True),
        ("http://localhost:10201", "", True),
        ("http://127.0.0.1:8090", "", False),
        ("https://evil.apps.localhost:8443", ".apps.localhost", True),
        ("https://ui.localhost", ".apps.localhost", False),
        ("null", "", False),
        ("", "", False),
        ("http://[", "", False),
    ],
)
def test_which_origins_are_our_own_apps(origin, domain, found):
    assert is_app(origin, {10200, 10201}, domain) is found
