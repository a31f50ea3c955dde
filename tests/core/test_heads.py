"""Look-ups in a request head."""

import pytest

from wsproxy.core.heads import Peer, RequestHead

HEAD = RequestHead(
    "GET",
    "/a%2Fb?x=1?y",
    ((b"Host", b"h"), (b"Cookie", b"a=1"), (b"COOKIE", b"b=\xe9")),
)


def test_values_keep_order_and_ignore_the_case_of_names():
    assert HEAD.values(b"cookie") == ["a=1", "b=é"]
    assert HEAD.first(b"cookie") == "a=1"
    assert HEAD.first(b"origin") == ""
    assert HEAD.first(b"origin", "none") == "none"


def test_the_target_is_not_touched():
    assert (HEAD.path, HEAD.query) == ("/a%2Fb", "x=1?y")


@pytest.mark.parametrize(
    ("target", "path", "query"),
    [
        ("http://h/a//b?x=/1", "/a//b", "x=/1"),
        ("HTTP://h:80", "/", ""),
        ("http://h?x/y", "/", "x/y"),
        ("/a://b/c", "/a://b/c", ""),
        ("*", "*", ""),
    ],
)
def test_the_path_of_a_target_in_any_form(target: str, path: str, query: str):
    head = RequestHead("GET", target, ())
    assert (head.path, head.query) == (path, query)


def test_a_peer_is_a_value():
    assert Peer("::1", 5) == Peer("::1", 5, tls=False)
