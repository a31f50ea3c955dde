"""Reading ``PUT /conf`` bodies."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsproxy.core.configuration import (
    AuthMode,
    BadConfiguration,
    Configuration,
    Mode,
    parse_api_version,
    read_configuration,
)

API = {"endpoint": "http://m:8081", "mode": "API", "access_key": "AK", "secret_key": "SK"}
SESSION = {"endpoint": "http://w", "mode": "SESSION", "session": "abc"}


@pytest.mark.parametrize(
    ("value", "number"),
    [
        ("8.", 8),
        ("9.", 9),
        ("v8.20240915", 8.20240915),
        (8, 8),
        (4.5, 4.5),
        ("4", 4),
        (None, 4),
        ("", 4),
        ("x", 4),
        (True, 4),
        ([9], 4),
        (" 7.", 7),
    ],
)
def test_the_api_version_is_read_leniently(value, number):
    assert parse_api_version(value) == number


@given(st.one_of(st.none(), st.integers(), st.floats(), st.text(), st.booleans()))
def test_any_api_version_is_a_number(value):
    assert parse_api_version(value) >= 0


def test_api_mode():
    assert read_configuration(API) == Configuration("http://m:8081", Mode.API, "AK", "SK")


def test_keys_may_be_missing():
    """The manager will say so; older WebUIs send an empty form while they log in."""
    assert read_configuration({"endpoint": "http://m"}) == Configuration("http://m", Mode.API)


@pytest.mark.parametrize("mode", ["API", "session", "", None, 5])
def test_only_the_exact_word_selects_session_mode(mode):
    assert read_configuration({**API, "mode": mode}).mode is Mode.API


@pytest.mark.parametrize(
    ("auth_mode", "expected"),
    [
        ("cookie", AuthMode.COOKIE),
        (None, AuthMode.COOKIE),
        ("", AuthMode.COOKIE),
        ("header", AuthMode.HEADER),
        ("x", AuthMode.HEADER),
        (5, AuthMode.HEADER),
    ],
)
def test_session_mode(auth_mode, expected):
    made = read_configuration({**SESSION, "auth_mode": auth_mode})
    assert (made.mode, made.session, made.auth_mode) == (Mode.SESSION, "abc", expected)


@pytest.mark.parametrize(
    ("endpoint", "normal"),
    [
        ("http://m:8081/", "http://m:8081"),
        ("https://m/sub/?x=1#y", "https://m/sub"),
        (" http://m ", "http://m"),
        ("http://[::1]:8081", "http://[::1]:8081"),
    ],
)
def test_endpoints_are_normal(endpoint, normal):
    assert read_configuration({**API, "endpoint": endpoint}).endpoint == normal


def test_the_web_server_is_named_without_func():
    assert read_configuration({**SESSION, "endpoint": "http://w/func"}).endpoint == "http://w"


@pytest.mark.parametrize(
    ("document", "named"),
    [
        ("x", "object"),
        ({}, "endpoint"),
        ({"endpoint": None}, "endpoint"),
        ({"endpoint": "m:8081"}, "endpoint"),
        ({"endpoint": "http://u:p@m"}, "endpoint"),
        ({"endpoint": "http://m:99999"}, "endpoint"),
        ({**API, "access_key": 5}, "access_key"),
        ({**API, "secret_key": "a b"}, "secret_key"),
        ({**API, "secret_key": "x" * 5000}, "secret_key"),
        ({**SESSION, "session": "a;b"}, "session"),
        ({**SESSION, "session": "a\nb"}, "session"),
    ],
)
def test_what_cannot_be_used_is_named_but_not_shown(document, named):
    with pytest.raises(BadConfiguration) as caught:
        read_configuration(document)
    assert named in str(caught.value)
    assert "u:p" not in str(caught.value)


def test_details_are_no_identity():
    one = Configuration("http://m", Mode.API, "AK", "SK", api_version=8.0)
    assert one.identity == Configuration("http://m", Mode.API, "AK", "SK").identity
    assert one.identity != Configuration("http://m", Mode.API, "AK", "other").identity
