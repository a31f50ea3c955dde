"""Which Host fields are ours."""

import pytest

from wsproxy.core.hosts import HostGuard, host_name, is_loopback

NAMES = [
    ("localhost", "localhost"),
    ("LocalHost:5050", "localhost"),
    ("ui.example.:80", "ui.example"),
    ("127.0.0.1:1", "127.0.0.1"),
    ("[::1]:5050", "::1"),
    ("[::1]", "::1"),
    ("", None),
    ("a b", None),
    ("::1", None),
    ("host:port", None),
    ("host:123456", None),
    ("[evil]", None),
]


@pytest.mark.parametrize(("field", "name"), NAMES)
def test_the_name_in_a_host_field(field, name):
    assert host_name(field) == name


@pytest.mark.parametrize("name", ["localhost", "x.localhost", "127.0.0.1", "127.9.9.9", "::1"])
def test_loopback(name):
    assert is_loopback(name)


@pytest.mark.parametrize(
    "name", ["evil.example", "localhost.evil.example", "10.0.0.1", "xlocalhost"]
)
def test_not_loopback(name):
    assert not is_loopback(name)


DECISIONS = [
    # field, v1 route, bound to loopback, allowed
    ("evil.example", True, True, False),
    ("evil.example", True, False, False),
    ("evil.example", False, True, False),
    ("evil.example", False, False, True),
    ("proxy.example:80", True, True, True),
    ("PROXY.example", False, True, True),
    ("127.0.0.1:5050", True, False, True),
    ("", True, False, False),
    ("", False, False, True),
    ("a b", False, True, False),
]


@pytest.mark.parametrize(("field", "insists", "everywhere", "allowed"), DECISIONS)
def test_bug_dns_rebinding(field, insists, everywhere, allowed):
    assert HostGuard(["Proxy.Example", ""], everywhere).allows(field, insists) is allowed
