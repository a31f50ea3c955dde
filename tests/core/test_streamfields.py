"""The fields of a tunnel's handshake, and what a refusal means."""

from datetime import UTC, datetime

import pytest

from wsproxy.core.configuration import AuthMode, Configuration, Mode
from wsproxy.core.signing import verify
from wsproxy.core.streamfields import explain_refusal, spoken_version, stream_fields

NOW = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
TARGET = "/stream/session/S/httpproxy?app=jupyter"


def test_api_mode_is_signed_over_the_exact_text():
    configuration = Configuration("http://m:8081", Mode.API, "AK", "SK", api_version=9.0)
    fields = dict(stream_fields(configuration, TARGET, "m:8081", NOW))
    assert fields["X-BackendAI-Date"] == "2026-01-02T03:04:05.678Z"
    assert "Date" not in fields
    host = {"Host": "m:8081"}
    assert verify({"AK": "SK"}, "GET", TARGET, {**fields, **host}, NOW) == "AK"
    assert verify({"AK": "SK"}, "GET", TARGET + "&x", {**fields, **host}, NOW) != "AK"


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        (AuthMode.COOKIE, ("Cookie", "AIOHTTP_SESSION=abc")),
        (AuthMode.HEADER, ("X-BackendAI-SessionID", "abc")),
    ],
)
def test_session_mode_sends_the_session_once(how, expected):
    configuration = Configuration("http://w", Mode.SESSION, session="abc", auth_mode=how)
    fields = stream_fields(configuration, TARGET, "w", NOW)
    assert fields == (("Content-Type", "application/json"), expected)


@pytest.mark.parametrize(
    ("version", "spoken"), [(4.0, "v4.20190615"), (8.2, "v4.20190615"), (9.0, "v8.20240915")]
)
def test_the_version_is_one_that_the_manager_knows(version, spoken):
    assert spoken_version(version) == spoken


@pytest.mark.parametrize(
    ("status", "date", "clock"),
    [
        (401, "Fri, 02 Jan 2026 03:04:05 GMT", False),
        (401, "Fri, 02 Jan 2026 05:04:05 GMT", True),
        (400, "Fri, 02 Jan 2026 01:04:05 -0000", True),
        (404, "Fri, 02 Jan 2026 05:04:05 GMT", False),
        (401, "", False),
        (401, "yesterday", False),
        (401, "Mon, 23 Nov 99999999999 18:44:19 GMT", False),
    ],
)
def test_a_clock_that_is_off_is_named(status, date, clock):
    said = explain_refusal(status, date, NOW)
    assert str(status) in said
    assert ("clock" in said) is clock
    assert ("120 minutes" in said) is clock
