"""The small values: what is accepted, and how it is written again."""

import ipaddress

import pytest

from wsproxy.config import values as v


@pytest.mark.parametrize(
    ("text", "bind"),
    [
        ("127.0.0.1:5050", v.Bind("127.0.0.1", 5050)),
        ("[::1]:0", v.Bind("::1", 0)),
        ("LocalHost:80", v.Bind("localhost", 80)),
        ("unix:/run/w.sock", v.Bind(path="/run/w.sock")),
    ],
)
def test_addresses_to_listen_on(text: str, bind: v.Bind) -> None:
    assert v.parse_bind(text) == bind
    assert str(bind) == text.lower()
    assert v.parse_bind(bind) is bind


@pytest.mark.parametrize(
    ("text", "loopback", "any_address"),
    [
        ("127.0.0.1:1", True, False),
        ("127.8.8.8:1", True, False),
        ("[::1]:1", True, False),
        ("localhost:1", True, False),
        ("unix:/s", True, False),
        ("0.0.0.0:1", False, True),
        ("[::]:1", False, True),
        ("example.com:1", False, False),
    ],
)
def test_who_can_reach_an_address(text: str, loopback: bool, any_address: bool) -> None:
    bind = v.parse_bind(text)
    assert bind.is_loopback is loopback
    assert bind.is_any is any_address


def test_port_ranges_include_both_ends() -> None:
    ports = v.parse_ports(" 10200 - 10300 ")
    assert [port in ports for port in (10199, 10200, 10300, 10301)] == [False, True, True, False]
    assert str(ports) == "10200-10300"
    assert v.parse_ports("80") == v.PortRange(80, 80)


@pytest.mark.parametrize("origin", ["https://ui.example", "http://[::1]:80", "es6://app", "null"])
def test_origins_as_browsers_send_them(origin: str) -> None:
    assert v.parse_origin(origin) == origin


@pytest.mark.parametrize("origin", ["ui.example", "https://", "https://a/b", "https://a,b", "*"])
def test_what_is_no_origin(origin: str) -> None:
    with pytest.raises(ValueError, match="is no origin"):
        v.parse_origin(origin)


def test_networks_are_exact() -> None:
    assert v.parse_network("10.0.0.0/8") == ipaddress.ip_network("10.0.0.0/8")
    assert v.parse_network("::1") == ipaddress.ip_network("::1/128")


@pytest.mark.parametrize(
    ("text", "url"),
    [("", ""), ("http://h:1/", "http://h:1"), ("https://[::1]:2/base/", "https://[::1]:2/base")],
)
def test_base_urls_lose_their_last_slash(text: str, url: str) -> None:
    assert v.parse_url(text) == url


def test_a_port_beyond_the_last_is_no_url() -> None:
    with pytest.raises(ValueError, match="is no URL"):
        v.parse_url("http://h:70000")


def test_names_and_brackets() -> None:
    assert v.parse_host("[::0001]") == "::1"
    assert v.bracketed("::1") == "[::1]"
    assert v.bracketed("h") == "h"
    assert v.parse_domain(".Apps.Example.com") == ".apps.example.com"
    assert v.parse_domain(".localhost") == ".localhost"
