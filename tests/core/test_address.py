import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsproxy.core.address import Address, Malformed, parse, shown


@pytest.mark.parametrize(
    ("text", "expected", "back"),
    [
        ("http://proxy:10200", Address("http", "proxy", 10200), "http://proxy:10200"),
        ("http://proxy:10200/", Address("http", "proxy", 10200), "http://proxy:10200"),
        ("http://proxy", Address("http", "proxy", 80), "http://proxy"),
        ("https://proxy", Address("https", "proxy", 443), "https://proxy"),
        ("http://proxy:443", Address("http", "proxy", 443), "http://proxy:443"),
        ("HTTP://Proxy.Example:80/", Address("http", "proxy.example", 80), "http://proxy.example"),
        ("http://h/pre/fix//", Address("http", "h", 80, "/pre/fix"), "http://h/pre/fix"),
        ("http://[::1]:10200", Address("http", "::1", 10200), "http://[::1]:10200"),
        ("https://[2001:DB8::1]", Address("https", "2001:db8::1", 443), "https://[2001:db8::1]"),
        ("http://[fe80::1%25eth0]:1", Address("http", "fe80::1%eth0", 1), "http://[fe80::1%eth0]:1"),
        ("http://my_host.local.:1", Address("http", "my_host.local.", 1), "http://my_host.local.:1"),
        ("http://münchen.de", Address("http", "xn--mnchen-3ya.de", 80), "http://xn--mnchen-3ya.de"),
        ("http://user:p%40ss@h:1", Address("http", "h", 1, "", "user:p@ss"), "http://h:1"),
        ("http://user@h", Address("http", "h", 80, "", "user:"), "http://h"),
    ],
)  # fmt: skip
def test_good_addresses_are_taken_apart_and_printed_without_credentials(text, expected, back):
    assert parse(text) == expected
    assert str(parse(text)) == back


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "http://"),
        ("127.0.0.1:10200", "http://"),
        ("localhost:10200", "http://"),
        ("//proxy:10200", "http://"),
        ("ws://proxy:10200", "http://"),
        ("http:/proxy", "http://"),
        ("http://", "no host"),
        ("http://:10200", "not a URL"),
        ("http:///status", "no host"),
        ("http://proxy:0", "port"),
        ("http://proxy:65536", "port"),
        ("http://proxy:abc", "port"),
        ("http://::1:10200", "port"),
        ("http://[::1", "not a URL"),
        ("http://[zz]:1", "not a URL"),
        ("http://pro xy", "blank"),
        ("http://proxy:1\n", "blank"),
        (" http://proxy:1", "blank"),
        ("http://proxy\\evil", "blank"),
        ("http://proxy/?a=1", "follow"),
        ("http://proxy?", "follow"),
        ("http://proxy#x", "follow"),
        ("http://a..b", "host"),
        ("http://-a", "host"),
        ("http://" + "a." * 130 + "b", "host"),
    ],
)
def test_bad_addresses_say_what_is_wrong(text, why):
    found = parse(text)
    assert isinstance(found, Malformed)
    assert why in found.why


def test_the_host_field_has_brackets_and_no_zone():
    address = parse("http://[fe80::1%25eth0]:8080")
    assert isinstance(address, Address)
    assert address.authority == "[fe80::1]:8080"


def test_credentials_become_basic_and_are_not_in_the_repr():
    address = parse("https://user:s%C3%A9cret@h")
    assert isinstance(address, Address)
    assert address.tls
    assert base64.b64decode(address.credentials.removeprefix("Basic ")).decode() == "user:sécret"
    assert "cret" not in repr(address)
    bare = parse("http://h")
    assert isinstance(bare, Address) and bare.credentials == ""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("http://h:1", "http://h:1"),
        ("http://user:secret@h:1", "http://h:1"),
        ("user:secret@h:1", "h:1"),
        ("http://a:se@cret@h", "http://h"),
        ("ftp://x\r\n", "ftp://x??"),
        ("x" * 300, "x" * 200 + "…"),
    ],
)
def test_shown_hides_credentials_and_control_characters(text, expected):
    assert shown(text) == expected


@given(st.text() | st.text().map("http://".__add__) | st.text().map("https://u:p@h".__add__))
def test_parse_never_raises_and_what_it_accepts_can_be_sent(text):
    found = parse(text)
    shown(text)
    if isinstance(found, Address):
        assert 0 < found.port < 65536
        sent = found.authority + found.path + found.credentials
        assert sent.isascii() and sent.isprintable() and " /" not in sent
        assert parse(str(found)) == Address(found.scheme, found.host, found.port, found.path)
