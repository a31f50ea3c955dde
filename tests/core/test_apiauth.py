"""Who may call the management API: the secret in its four forms."""

import pytest

from wsproxy.core import jwts
from wsproxy.core.apiauth import check

SECRET = "an api secret of some length"
NOW = 1000.0
TOKEN = "X-BackendAI-Token"


def signed(secret: str = SECRET, **claims: object) -> str:
    return jwts.sign(claims, secret)


@pytest.mark.parametrize(
    ("pairs", "good"),
    [
        ([], False),
        ([(TOKEN, SECRET)], True),
        ([(TOKEN, f"Bearer {SECRET}")], True),
        ([(TOKEN, f"BackendAI {SECRET}")], True),
        ([(TOKEN, f"Basic {SECRET}")], False),
        ([(TOKEN, "wrong")], False),
        ([(TOKEN, "\udcffé")], False),
        ([(TOKEN, "")], False),
        ([("Authorization", f"Bearer {signed()}")], True),
        ([("authorization", f"bearer {signed(exp=NOW + 1)}")], True),
        ([("Authorization", f"Bearer {signed(exp=NOW)}")], False),
        ([("Authorization", f"Bearer {signed(exp='never')}")], False),
        ([("Authorization", f"Bearer {signed('another secret')}")], False),
        ([("Authorization", f"Bearer {SECRET}")], False),
        ([("Authorization", f"BackendAI {signed()}")], False),
        ([("Authorization", "garbage")], False),
        ([(TOKEN, "wrong"), ("Authorization", f"Bearer {signed()}")], False),  # final
    ],
)
def test_the_secret_in_all_its_forms(pairs, good):
    fields = {name.lower(): value for name, value in pairs}
    verdict = check(fields.get(TOKEN.lower()), fields.get("authorization"), SECRET, NOW)
    assert (verdict is None) is good


def test_an_unset_secret_opens_nothing():
    assert check("", None, "", NOW) is not None
    assert check(None, f"Bearer {signed()}", "", NOW) is not None


def test_a_token_of_a_browser_opens_no_management():
    assert check(None, f"Bearer {signed(aud='wsproxy:setup')}", SECRET, NOW) is not None


def test_a_token_of_an_endpoint_opens_no_management_even_under_one_secret():
    assert check(None, f"Bearer {signed(id='x', app_url='http://e')}", SECRET, NOW) is not None
