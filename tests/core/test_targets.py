"""Routes lead to containers, not to the gateway's own machine or to a cloud's metadata."""

from ipaddress import ip_address, ip_network

import pytest

from wsproxy.core import targets
from wsproxy.core.targets import Listening, TargetRules

DEFAULT = TargetRules()
LOOPBACK_TOO = TargetRules(allowed=(ip_network("127.0.0.0/8"), ip_network("10.0.0.0/8")))


@pytest.mark.parametrize(
    ("host", "default", "listed"),
    [
        ("10.0.0.7", True, True),
        ("192.168.0.1", True, False),
        ("8.8.8.8", True, False),
        ("2001:db8::7", True, False),
        ("127.0.0.1", False, True),
        ("127.9.9.9", False, True),
        ("::1", False, False),
        ("::ffff:127.0.0.1", False, True),
        ("64:ff9b::7f00:1", False, True),  # NAT64 of 127.0.0.1
        ("64:ff9b::a00:7", True, True),
        ("169.254.169.254", False, False),
        ("::ffff:169.254.169.254", False, False),
        ("fe80::1", False, False),
        ("fe80::1%eth0", False, False),
        ("224.0.0.1", False, False),
        ("ff02::1", False, False),
        ("0.0.0.0", False, False),
        ("::", False, False),
        ("100.100.100.200", False, False),
        ("168.63.129.16", False, False),
        ("fd00:ec2::254", False, False),
        ("localhost", False, False),
        ("", False, False),
    ],
)
def test_which_addresses_a_route_may_have(host, default, listed):
    assert targets.allowed_address(host, DEFAULT) is default
    assert targets.allowed_address(host, LOOPBACK_TOO) is listed


LOCAL = TargetRules(
    allowed=(ip_network("0.0.0.0/0"), ip_network("::/0")),
    is_local=lambda address: address == ip_address("10.0.0.5"),
)


@pytest.mark.parametrize(
    ("host", "port", "bound", "own"),
    [
        ("127.0.0.1", 5050, Listening("127.0.0.1", 5050), True),
        ("127.0.0.1", 5051, Listening("127.0.0.1", 5050), False),
        ("::ffff:127.0.0.1", 5050, Listening("127.0.0.1", 5050), True),
        ("127.0.0.2", 5050, Listening("127.0.0.1", 5050), False),
        ("127.0.0.2", 5050, Listening("0.0.0.0", 5050), True),
        ("10.0.0.5", 5050, Listening("0.0.0.0", 5050), True),
        ("10.0.0.6", 5050, Listening("0.0.0.0", 5050), False),
        ("10.0.0.5", 5050, Listening("::", 5050), True),
        ("127.0.0.1", 5050, Listening("localhost", 5050), True),
        ("10.0.0.5", 5050, Listening("localhost", 5050), True),
        ("10.0.0.6", 5050, Listening("localhost", 5050), False),
        ("a name", 5050, Listening("127.0.0.1", 5050), False),
    ],
)
def test_what_is_the_gateway_itself(host, port, bound, own):
    assert targets.ours(host, port, [bound], LOCAL) is own
    assert targets.may_connect(host, port, [bound], LOCAL) is not (own or host == "a name")
    problem = targets.check_target([host], port, [bound], LOCAL)
    assert (problem is not None) is (own or host == "a name")


def test_where_a_listener_is_found_when_nobody_knows_the_machines_addresses():
    everywhere = Listening("0.0.0.0", 5050)
    assert not targets.ours("10.0.0.5", 5050, [everywhere], TargetRules())
    assert targets.ours("127.0.0.1", 5050, [everywhere], TargetRules())


def test_a_name_with_one_bad_address_is_refused():
    problem = targets.check_target(["10.0.0.7", "127.0.0.1"], 80, [], DEFAULT)
    assert problem is not None
    assert (problem.code, problem.status) == ("target-not-allowed", 403)
    assert "`targets`" in problem.msg
    assert targets.check_target(["10.0.0.7", "10.0.0.8"], 80, [], DEFAULT) is None
