"""The tunnel's URL, the meaning of its end, and the verdicts, row by row."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from tests.support.circuits import circuit
from wsproxy.core.circuit import Protocol, ThroughManager
from wsproxy.core.configuration import Configuration, Mode
from wsproxy.core.failure import Failure, FailureKind, Side
from wsproxy.core.tunnel import (
    Trouble,
    Verdict,
    always_answers,
    greets,
    host_field,
    judge,
    looks_http,
    newer_path,
    orderly,
    stream_url,
    trouble_of,
)

SID = "3f1c0b3e"


def api(endpoint: str = "http://m:8081", version: float = 9.0) -> Configuration:
    return Configuration(endpoint, Mode.API, "AK", "SK", api_version=version)


@pytest.mark.parametrize(
    ("configuration", "app", "expected"),
    [
        (api(), "jupyter", "ws://m:8081/stream/session/3f1c0b3e/httpproxy?app=jupyter"),
        (api("https://m"), "jupyter", "wss://m/stream/session/3f1c0b3e/httpproxy?app=jupyter"),
        (api(version=4), "x", "ws://m:8081/stream/kernel/3f1c0b3e/httpproxy?app=x"),
        (api(version=4.5), "x", "ws://m:8081/stream/session/3f1c0b3e/httpproxy?app=x"),
        (api("http://m/sub"), "x", "ws://m/sub/stream/session/3f1c0b3e/httpproxy?app=x"),
        (api(), "sshd", "ws://m:8081/stream/session/3f1c0b3e/tcpproxy?app=sshd"),
        (
            Configuration("http://w", Mode.SESSION, session="s", api_version=8.0),
            "jupyter",
            "ws://w/func/stream/session/3f1c0b3e/httpproxy?app=jupyter",
        ),
    ],
)
def test_urls(configuration, app, expected):
    assert str(stream_url(configuration, ThroughManager(SID, app, "c"))) == expected


def test_a_session_name_cannot_change_the_path():
    url = stream_url(api(), ThroughManager("../x?y#z", "a&b", "c"))
    assert url.raw_path_qs == "/stream/session/..%2Fx%3Fy%23z/httpproxy?app=a%26b"


@given(st.text(min_size=1, max_size=30), st.text(max_size=30))
def test_the_query_means_what_was_given(envs, arguments):
    url = stream_url(api(), ThroughManager(SID, "a", "c", envs, arguments))
    assert url.query.get("envs") == envs
    assert url.query.get("arguments", "") == arguments
    assert URL(str(url), encoded=True).raw_path_qs == url.raw_path_qs
    assert url.raw_path_qs.isascii()


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("ws://m:8081/", "m:8081"),
        ("ws://m:80/", "m"),
        ("wss://m:443/", "m"),
        ("wss://m:80/", "m:80"),
        ("ws://[::1]:8081/", "[::1]:8081"),
        ("ws://[::1]/", "[::1]"),
    ],
)
def test_host_fields(url, host):
    assert host_field(URL(url)) == host


@pytest.mark.parametrize("code", [1000, 1001, 1005])
@pytest.mark.parametrize("mode", list(Mode))
def test_orderly_ends(code, mode):
    assert orderly(code, mode)


def test_a_cut_is_orderly_only_through_a_web_server():
    assert orderly(1006, Mode.SESSION)
    assert not orderly(1006, Mode.API)
    assert not orderly(1011, Mode.SESSION)


REFUSED = Failure(FailureKind.MANAGER_REFUSED, Side.MANAGER, "The manager answered 500.", 500)
DOWN = Failure(FailureKind.REFUSED, Side.MANAGER, "no")

VERDICTS = [
    (Trouble(status=500), Mode.API, Verdict.STARTING),
    (Trouble(status=500), Mode.SESSION, Verdict.STARTING),
    (Trouble(status=503), Mode.API, Verdict.STARTING),
    (Trouble(status=502), Mode.API, Verdict.FAILED),
    (Trouble(status=502), Mode.SESSION, Verdict.STARTING),
    (Trouble(status=404), Mode.API, Verdict.GONE),
    (Trouble(status=404), Mode.SESSION, Verdict.GONE),
    (Trouble(status=401), Mode.SESSION, Verdict.FAILED),
    (Trouble(status=400), Mode.API, Verdict.FAILED),
    (Trouble(close_code=1013), Mode.API, Verdict.STARTING),
    (Trouble(close_code=1000), Mode.API, Verdict.STARTING),
    (Trouble(close_code=1005), Mode.SESSION, Verdict.STARTING),
    (Trouble(close_code=1006), Mode.SESSION, Verdict.STARTING),
    (Trouble(close_code=1006), Mode.API, Verdict.FAILED),
    (Trouble(close_code=1011), Mode.API, Verdict.FAILED),
    (Trouble(close_code=1001), Mode.API, Verdict.ENDED),
    (Trouble(silent=True), Mode.SESSION, Verdict.STARTING),
    (Trouble(silent=True), Mode.API, Verdict.FAILED),
    (Trouble(failure=DOWN), Mode.API, Verdict.FAILED),
]


@pytest.mark.parametrize(("trouble", "mode", "verdict"), VERDICTS)
def test_verdicts(trouble, mode, verdict):
    assert judge(trouble, mode) is verdict


@pytest.mark.parametrize(
    ("trouble", "number"),
    [
        (trouble_of(REFUSED), "500"),
        (trouble_of(DOWN), ""),
        (Trouble(close_code=1013), "1013"),
        (Trouble(silent=True), "504"),
    ],
)
def test_the_number_that_is_named(trouble, number):
    assert trouble.number == number


@pytest.mark.parametrize(
    ("start", "http"),
    [
        (b"GET / HTTP/1.1", True),
        (b"OPTIONS * HTTP/1.1", True),
        (b"GET http://x/ HTTP/1.1", True),
        (b"M-SEARCH * HTTP/1.1", True),
        (b"", None),
        (b"GE", None),
        (b"GET", None),
        (b"GET ", None),
        (b"SSH-2.0-OpenSSH", False),
        (b"RFB 003.008\n", False),
        (b"\x16\x03\x01", False),
        (b"\x03\x00\x00\x13", False),
        (b"get / HTTP/1.1", False),
        (b" GET /", False),
        (b"ABCDEFGHIJKLMNOPQRSTUVWXYZ", False),
        (b"- /", True),
    ],
)
def test_what_looks_like_http(start, http):
    assert looks_http(start) is http


@given(st.binary(max_size=40))
def test_more_bytes_never_change_a_decision(start):
    decided = looks_http(start[:20])
    if decided is not None:
        assert looks_http(start) is decided


@pytest.mark.parametrize(
    ("version", "mode", "status", "again"),
    [
        (4.0, Mode.API, 404, True),
        (4.0, Mode.SESSION, 502, True),
        (4.0, Mode.API, 502, False),
        (4.0, Mode.API, None, False),
        (5.0, Mode.API, 404, False),
    ],
)
def test_the_older_path_is_given_up_where_nobody_knows_it(version, mode, status, again):
    asked = Configuration("http://m", mode, api_version=version)
    newer = newer_path(asked, status)
    assert (newer is not None) is again
    if newer is not None:
        assert "/stream/session/" in str(stream_url(newer, ThroughManager("S", "a", "c")))
        assert newer_path(newer, status) is None


@pytest.mark.parametrize(
    ("app", "protocol", "first", "answers"),
    [
        ("sshd", Protocol.HTTP, True, True),
        ("desktop", Protocol.VNC, True, True),
        ("xrdp", Protocol.TCP, False, True),
        ("desktop", Protocol.RDP, False, True),
        ("syslog", Protocol.TCP, False, False),
        ("jupyter", Protocol.HTTP, False, False),
    ],
)
def test_who_speaks_first(app, protocol, first, answers):
    made = circuit(1, app=app, protocol=protocol)
    assert (greets(made), always_answers(made)) == (first, answers)
