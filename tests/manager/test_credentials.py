"""Who we are, from the variables of the Python client."""

import pytest

from wsproxy.core.configuration import AuthMode, Configuration, Mode
from wsproxy.manager.credentials import NoCredentials, from_environment

KEYS = {"BACKEND_ACCESS_KEY": "AK", "BACKEND_SECRET_KEY": "a-secret"}
WHERE = {"BACKEND_ENDPOINT": "http://manager:8081/"}


def test_api_mode():
    assert from_environment({**WHERE, **KEYS}) == Configuration(
        "http://manager:8081", Mode.API, "AK", "a-secret", api_version=8
    )


def test_session_mode_wins_over_keys_and_uses_the_cookie_every_web_server_takes():
    who = from_environment({**WHERE, **KEYS, "BACKEND_SESSION": "s1"})
    assert (who.mode, who.session, who.auth_mode) == (Mode.SESSION, "s1", AuthMode.COOKIE)
    assert who.access_key == who.secret_key == ""


def test_an_option_goes_before_the_variable():
    assert from_environment({**WHERE, **KEYS}, "https://other").endpoint == "https://other"


def test_of_several_endpoints_the_first_counts():
    environment = {**KEYS, "BACKEND_ENDPOINT": "http://a:1 , http://b:2"}
    assert from_environment(environment).endpoint == "http://a:1"


@pytest.mark.parametrize(
    ("environment", "told"),
    [
        ({}, "Set BACKEND_ENDPOINT"),
        (KEYS, "Set BACKEND_ENDPOINT"),
        (WHERE, "Set BACKEND_ACCESS_KEY and BACKEND_SECRET_KEY, or BACKEND_SESSION."),
        ({**WHERE, "BACKEND_ACCESS_KEY": "AK"}, "Set BACKEND_ACCESS_KEY"),
        ({**KEYS, "BACKEND_ENDPOINT": "manager:8081"}, "endpoint: must be http://host"),
        ({**WHERE, **KEYS, "BACKEND_SECRET_KEY": "a\nb"}, "secret_key: a string of printable"),
        ({**WHERE, "BACKEND_SESSION": "a;b"}, "session: not a session id"),
    ],
)
def test_what_is_missing_or_wrong_is_said(environment, told):
    with pytest.raises(NoCredentials, match=told):
        from_environment(environment)


def test_a_bad_secret_is_not_told():
    with pytest.raises(NoCredentials) as caught:
        from_environment({**WHERE, **KEYS, "BACKEND_SECRET_KEY": "hidden\x7f"})
    assert "hidden" not in str(caught.value)
