"""Cross-origin answers as a table."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsproxy.core.cors import Origins, Preflight, cors_headers, is_loopback

UI = "https://ui.example"
ORIGINS = Origins(frozenset({UI}))
V1 = Origins(frozenset({UI}), loopback=True)
KINDS = ["open", "credentialed", "v1", "admin"]


def fields(
    kind: str, origin: str | None, preflight: Preflight | None = None, origins: Origins = ORIGINS
) -> dict[str, str]:
    return dict(cors_headers(kind, origin, origins, preflight))


@pytest.mark.parametrize(
    ("kind", "origin", "allow", "credentials"),
    [
        ("open", None, "*", None),
        ("open", UI, "*", None),
        ("open", "https://evil.example", "*", None),
        ("credentialed", UI, UI, "true"),
        ("credentialed", "https://evil.example", "*", None),
        ("credentialed", None, "*", None),
        ("credentialed", "null", "*", None),
        ("v1", UI, UI, "true"),
        ("v1", "https://evil.example", None, None),
        ("v1", None, None, None),
        ("admin", UI, None, None),
    ],
)
def test_who_may_read_the_answer(kind, origin, allow, credentials):
    found = fields(kind, origin)
    assert found.get("Access-Control-Allow-Origin") == allow
    assert found.get("Access-Control-Allow-Credentials") == credentials
    assert ("Vary" in found) is (kind in ("credentialed", "v1"))


@given(
    st.sampled_from(KINDS),
    st.none() | st.text(max_size=20) | st.just(UI),
    st.booleans(),
)
def test_a_star_never_comes_with_credentials(kind, origin, asks_first):
    preflight = Preflight(["GET"]) if asks_first else None
    found = fields(kind, origin, preflight=preflight)
    if found.get("Access-Control-Allow-Credentials"):
        assert found["Access-Control-Allow-Origin"] == origin
        assert origin == UI


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        ("http://localhost:5173", True),
        ("https://x.localhost:1355", True),
        ("http://127.0.0.1", True),
        ("http://[::1]:80", True),
        ("es6://app", True),
        ("https://localhost.evil.example", False),
        ("https://evil.example", False),
        ("null", False),
        ("", False),
        ("http://[", False),
    ],
)
def test_pages_of_this_machine(origin, allowed):
    assert is_loopback(origin) is allowed
    assert V1.allow(origin) is allowed
    assert not ORIGINS.allow(origin)


def test_null_only_if_listed():
    assert Origins(frozenset({"null"})).allow("null")


@pytest.mark.parametrize("kind", ["open", "credentialed"])
def test_a_preflight_names_methods_and_headers(kind):
    asked = Preflight(["GET", "HEAD"], headers="X-BackendAI-Token, content-type, b\rad")
    found = fields(kind, UI, preflight=asked)
    assert found["Access-Control-Allow-Methods"] == "GET, HEAD"
    assert found["Access-Control-Allow-Headers"] == (
        "X-BackendAI-Token, content-type, Accept, Authorization"
    )
    assert found["Access-Control-Max-Age"] == "86400"
    assert "Access-Control-Allow-Private-Network" not in found


def test_a_page_may_reach_a_private_network_if_it_asks():
    asked = Preflight(["GET"], private=True)
    assert fields("v1", UI, preflight=asked)["Access-Control-Allow-Private-Network"] == "true"
    assert "Access-Control-Allow-Private-Network" not in fields(
        "v1", "https://evil.example", preflight=asked
    )
