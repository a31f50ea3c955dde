"""Case 90: secrets never appear in logs, in whatever way they get into a line."""

import pytest

from wsproxy.observe.redact import escaped, printable, redact, safe_url

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJpZCI6IjEifQ.c2lnbmF0dXJl"

LEAKS = [
    "Authorization: BackendAI signMethod=HMAC-SHA256, credential=AKIA:hunter2",
    "{'Authorization': 'Bearer hunter2'}",
    "('Cookie', 'AIOHTTP_SESSION=hunter2; b=hunter2')",
    "set-cookie: appproxy_permit_1=hunter2; HttpOnly",
    "X-BackendAI-Token: hunter2",
    "X-BackendAI-SessionID=hunter2",
    'body {"login_session_token": "hunter2", "app": "jupyter"}',
    "secret_key='hunter2'",
    "secret-key = hunter2",
    "api_secret=hunter2 and more",
    "permit_key=hunter2&x=1",
    "password: hunter2",
    "redis://:hunter2@127.0.0.1:6379/0",
    "https://user:hunter2@proxy:3128",
    "GET /v2/proxy/auth?token=hunter2&app=jupyter HTTP/1.1",
    "GET /lab?hunter2",
    "fetch http://127.0.0.1:8888/lab?x=hunter2 failed",
    "GET /proxy/hunter2/session/add",
    "GET /v2/proxy/hunter2/session/delete?permit_key=a",
    'target="/x?hunter2"',
]


@pytest.mark.parametrize("line", LEAKS)
def test_case_90_no_secret_in_a_line(line: str) -> None:
    assert "hunter2" not in redact(line)


def test_case_90_no_jwt_in_a_line() -> None:
    assert redact(f"setup {JWT} refused") == "setup … refused"


@pytest.mark.parametrize(
    "line",
    [
        "circuit opened app=jupyter port=10200",
        "GET /v2/proxy/auth 308",
        "probe http://10.0.0.1:5050/status: address-refused",
        "is it open? yes",
        "session 8d3f-22 ended",
        "127.0.0.1:5050 listens",
    ],
)
def test_what_is_no_secret_stays(line: str) -> None:
    assert redact(line) == line


@pytest.mark.parametrize(
    ("url", "safe"),
    [
        ("/lab?token=x", "/lab?…"),
        ("/lab#frag", "/lab"),
        ("/lab", "/lab"),
        ("http://u:p@h:1/a@b?x", "http://h:1/a@b?…"),
        ("http://u:p@h:1", "http://h:1"),
        ("/proxy/TOKEN/sess/add?app=x", "/proxy/…/sess/add?…"),
        ("/v2/proxy/TOKEN/sess/add", "/v2/proxy/…/sess/add"),
        ("/v2/proxy/auth?token=x", "/v2/proxy/auth?…"),
        ("/a\r\nb", "/a??b"),
        (f"/app/{JWT}/x", "/app/…/x"),
    ],
)
def test_urls_as_they_may_be_logged(url: str, safe: str) -> None:
    assert safe_url(url) == safe


def test_lines_are_bounded() -> None:
    assert printable("x" * 300) == "x" * 200 + "…"


def test_control_characters_are_shown_as_escapes() -> None:
    assert escaped("plain é text") == "plain é text"
    assert escaped("a\x1b\r\n\u2028") == r"a\x1b\r\n\u2028"
