"""What an app is told about its client (design 5.3)."""

from ipaddress import ip_network

import pytest

from wsproxy.core.forwarded import (
    LONGEST_NAME,
    _remembered,
    is_trusted,
    plain_address,
    seen_by_client,
)
from wsproxy.core.heads import Peer, RequestHead

TRUSTED = (ip_network("10.0.0.0/8"), ip_network("::1/128"))


def told(peer: Peer, trusted: bool, *headers: tuple[bytes, bytes]) -> dict[str, str]:
    head = RequestHead("GET", "/", headers)
    fields = seen_by_client(head, peer, trusted).fields
    assert len(fields) == len({name for name, _ in fields})
    return {name.decode(): value.decode() for name, value in fields}


SPOOFED = (
    (b"Host", b"app.example"),
    (b"X-Forwarded-For", b"6.6.6.6"),
    (b"x-forwarded-proto", b"https"),
    (b"X-Forwarded-Host", b"evil"),
    (b"X-Forwarded-Port", b"1"),
    (b"X-Forwarded-Prefix", b"/evil"),
    (b"Forwarded", b"for=6.6.6.6"),
)


def test_a_host_that_no_name_can_have_is_not_remembered():
    """Strangers choose it: 4096 heads of 64 KiB would stay in memory."""
    before = _remembered.cache_info().currsize
    for number in range(3):
        name = "h" * LONGEST_NAME + str(number)
        head = RequestHead("GET", "/", ((b"Host", name.encode()),))
        assert seen_by_client(head, Peer("192.0.2.1"), False).host == name
    assert _remembered.cache_info().currsize == before


def test_case_75_a_stranger_is_not_believed():
    assert told(Peer("192.0.2.7", 5000), False, *SPOOFED) == {
        "X-Forwarded-For": "192.0.2.7",  # appended to nothing, and without the port
        "X-Forwarded-Proto": "http",
        "X-Forwarded-Host": "app.example",
        "X-Forwarded-Port": "80",
        "Forwarded": "for=192.0.2.7;host=app.example;proto=http",
    }


def test_a_trusted_proxy_is_believed_and_its_lists_continue():
    more = ((b"X-Forwarded-For", b"10.0.0.9"),)
    assert told(Peer("10.0.0.1", 5000), True, *SPOOFED, *more) == {
        "X-Forwarded-For": "6.6.6.6, 10.0.0.9, 10.0.0.1",
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Host": "evil",
        "X-Forwarded-Port": "1",
        "X-Forwarded-Prefix": "/evil",
        "Forwarded": "for=6.6.6.6, for=10.0.0.1;host=evil;proto=https",
    }


def test_what_a_trusted_proxy_left_out_is_filled_in():
    host = (b"Host", b"[2001:db8::1]:8443")
    assert told(Peer("::1", 5, tls=True), True, host, (b"X-Forwarded-Proto", b"gopher")) == {
        "X-Forwarded-For": "::1",
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Host": "[2001:db8::1]:8443",
        "X-Forwarded-Port": "8443",
        "Forwarded": 'for="[::1]";host="[2001:db8::1]:8443";proto=https',
    }


def test_a_peer_without_an_address_or_a_host():
    assert told(Peer("", tls=True), False) == {
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Port": "443",
        "Forwarded": "for=unknown;proto=https",
    }


@pytest.mark.parametrize(
    ("host", "trusted"),
    [
        ("10.1.2.3", True),
        ("::ffff:10.1.2.3", True),
        ("::1", True),
        ("11.0.0.1", False),
        ("", False),
    ],
)
def test_who_is_trusted(host: str, trusted: bool):
    assert is_trusted(host, TRUSTED) is trusted
    assert is_trusted(host, ()) is False


@pytest.mark.parametrize(
    ("host", "plain"),
    [("::ffff:1.2.3.4", "1.2.3.4"), ("fe80::1%eth0", "fe80::1"), ("1.2.3.4", "1.2.3.4")],
)
def test_addresses_as_people_write_them(host: str, plain: str):
    assert plain_address(host) == plain
