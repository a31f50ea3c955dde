"""Managers' answers as recorded (observed 1) and as read from sources (protocol 8.1)."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsproxy.core.manager_version import of_manager
from wsproxy.core.version import GroupUnknown, ManagerFault, ManagerSaid, NoAddress, judge


def problem(slug: str, title: str = "", **more: object) -> bytes:
    return json.dumps(
        {"type": f"https://api.backend.ai/probs/{slug}", "title": title, **more}
    ).encode()


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (200, b'{"wsproxy_version": "v1"}', ManagerSaid("v1")),
        (200, b'{"wsproxy_version": "v2"}', ManagerSaid("v2")),
        (200, b'{"wsproxy_version": 2}', ManagerSaid(2)),
        (404, problem("object-not-found", "No such scaling group."), GroupUnknown()),
        (404, problem("scaling-group-gone", "No such resource group."), GroupUnknown()),
        (404, problem("object-not-found", "E00002: Not here."), GroupUnknown()),
        (404, problem("object-not-found", "No such AppProxy address."), NoAddress()),
    ],
)
def test_what_it_says_of_the_group(status, body, expected):
    assert of_manager(status, body) == expected


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (500, problem("server-misconfigured", "Service misconfigured."), "cannot-reach-address"),
        (500, problem("appproxy-connection-error"), "cannot-reach-address"),
        (503, problem("appproxy-connection-error"), "cannot-reach-address"),
        (500, problem("appproxy-response-error"), "rejects-address"),
        (400, problem("schema-validation-failed"), "rejects-address"),
        (500, problem("internal-server-error"), "answers-500"),
        (401, problem("auth-failed"), "denies"),
        (400, problem("invalid-auth-params"), "denies"),
        (403, b"<html>", "denies"),
        (404, problem("url-not-found", "Unknown URL path."), "answers-404"),
        (404, b"<h1>Not Found</h1>", "answers-404"),
        (302, b"", "answers-302"),
        (502, b"<html>bad gateway</html>", "answers-502"),
        (200, b"<html>", "not-a-manager"),
        (200, b"[]", "not-a-manager"),
        (200, b"[" * 100_000, "not-a-manager"),
    ],
)
def test_how_it_fails(status, body, code):
    found = of_manager(status, body)
    assert isinstance(found, ManagerFault)
    assert found.code == code
    assert judge(found).reason == f"manager-{code}"


def test_a_strangers_code_is_a_code_or_nothing():
    """The detail is shown to people: no control characters, no endless text."""
    for slug in ("x" * 100_000, "a\x1b[31mb", "Bad Things"):
        found = of_manager(500, problem(slug))
        assert isinstance(found, ManagerFault) and found.detail == "500"


@given(st.integers(), st.binary() | st.dictionaries(st.text(), st.none() | st.text()).map(
    lambda keys: json.dumps(keys).encode()
))  # fmt: skip
def test_it_never_raises(status, body):
    assert judge(of_manager(status, body)).version in {"v1", "v2"}
