"""Look-ups in a request head."""

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


def test_a_peer_is_a_value():
    assert Peer("::1", 5) == Peer("::1", 5, tls=False)
