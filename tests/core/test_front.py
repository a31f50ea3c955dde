"""Which requests the front answers itself, and which end a session."""

import pytest

from wsproxy.core.front import ended_session, is_id, owns

OWN = [
    "/status",
    "//status",
    "/conf",
    "/proxy/T/S/add",
    "/redirect",
    "/sftp",
    "/setup",
    "/v2/conf",
    "/v2/proxy/auth",
    "/v2/proxy/T/S",
    "/api/circuit/00000000-0000-0000-0000-000000000000",
    "/api/circuits",
    "/api/worker",
    "/scaling-groups/default/wsproxy-version",
    "/func/scaling-groups/a%20b/wsproxy-version",
]

OTHERS = [
    "/",
    "/session/S",
    "/func/session/S",
    "/stream/session/S/httpproxy",
    "/scaling-groups",
    "/scaling-groups/default/wsproxy-version/more",
    "/v2/users",
    "/v2/conference",
    "/proxying",
    "/status/",
    "/statusx",
    "/health",
    "/server/login",
    "*",
    "",
]


@pytest.mark.parametrize("path", OWN)
def test_own(path):
    assert owns(path)


@pytest.mark.parametrize("path", OTHERS)
def test_belongs_to_the_server_behind(path):
    assert not owns(path)


ENDINGS = [
    ("DELETE", "/session/S", "S"),
    ("DELETE", "/func/session/my%20name", "my name"),
    ("DELETE", "/v8/session/S/", "S"),
    ("GET", "/session/S", None),
    ("DELETE", "/session/S/files", None),
    ("DELETE", "/sessions/S", None),
    ("DELETE", "/folders/S", None),
]


@pytest.mark.parametrize(("method", "path", "session"), ENDINGS)
def test_ended_session(method, path, session):
    assert ended_session(method, path) == session


@pytest.mark.parametrize(
    ("session", "expected"),
    [
        ("3f1c0b3e-1111-4222-8333-444455556666", True),
        ("3F1C0B3E-1111-4222-8333-444455556666", True),
        ("3f1c0b3e111142228333444455556666", False),
        ("work", False),
        ("", False),
    ],
)
def test_a_session_is_named_by_its_id_or_not(session, expected):
    assert is_id(session) is expected
