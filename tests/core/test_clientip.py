"""The client's address, whatever came in between."""

from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wsproxy.core import clientip

PROXIES = (ip_network("10.0.0.0/8"), ip_network("fd00::/8"), ip_network("127.0.0.0/8"))


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("192.0.2.1", [], "192.0.2.1"),
        ("192.0.2.1", ["198.51.100.7"], "192.0.2.1"),  # not a proxy of ours: not believed
        ("10.0.0.1", ["198.51.100.7"], "198.51.100.7"),
        ("10.0.0.1", ["198.51.100.7, 10.0.0.2, 10.0.0.3"], "198.51.100.7"),
        ("10.0.0.1", ["198.51.100.7", "10.0.0.2 , 10.0.0.3"], "198.51.100.7"),
        (
            "10.0.0.1",
            ["203.0.113.1, 198.51.100.7"],
            "198.51.100.7",
        ),  # the first is the client's own
        ("10.0.0.1", ["10.0.0.9, 10.0.0.2"], "10.0.0.9"),
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", [""], "10.0.0.1"),
        ("10.0.0.1", ["198.51.100.7:5123"], "198.51.100.7"),
        ("10.0.0.1", ["[2001:db8::1]:80"], "2001:db8::1"),
        ("10.0.0.1", ['"[2001:db8::1]"'], "2001:db8::1"),
        ("10.0.0.1", ["2001:db8::1"], "2001:db8::1"),
        ("10.0.0.1", ["unknown"], None),
        ("10.0.0.1", ["198.51.100.7, unknown"], None),
        ("::ffff:10.0.0.1", ["::ffff:198.51.100.7"], "198.51.100.7"),
        ("fd00::1", ["198.51.100.7"], "198.51.100.7"),
        ("", [], "127.0.0.1"),  # a UNIX socket
        ("", ["198.51.100.7"], "198.51.100.7"),
        ("fe80::1%eth0", [], "fe80::1"),
        ("nonsense", ["198.51.100.7"], None),
    ],
)
def test_the_client_is_the_nearest_hop_that_is_no_proxy(peer, forwarded, client):
    found = clientip.client_address(peer, forwarded, PROXIES)
    assert found == (ip_address(client) if client else None)


@given(st.text(max_size=60), st.lists(st.text(max_size=60), max_size=3))
@settings(max_examples=150)
def test_no_header_breaks_it(peer, forwarded):
    found = clientip.client_address(peer, forwarded, PROXIES)
    assert found is None or clientip.parse_address(str(found)) == found


@given(
    st.ip_addresses(), st.lists(st.ip_addresses(v=4, network="10.0.0.0/8"), min_size=1, max_size=5)
)
@settings(max_examples=60)
def test_any_number_of_hops(client, hops):
    chain = ", ".join([str(client), *map(str, hops[1:])])
    found = clientip.client_address(str(hops[0]), [chain], PROXIES)
    assert found == clientip.plain(client)


@pytest.mark.parametrize(
    ("text", "entries"),
    [
        ("", ()),
        ("  ", ()),
        ("10.0.0.0/8,192.168.1.5", ("10.0.0.0/8", "192.168.1.5")),
        (" ::1 , 2001:db8::/32,", ("::1", "2001:db8::/32")),
        ("10.1.2.3/8", ("10.1.2.3/8",)),
    ],
)
def test_a_list_of_addresses(text, entries):
    assert clientip.parse_list(text) == entries


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (" , ", "no entry"),
        ("foo", "foo"),
        ("10.0.0.1,foo", "foo"),
        ("10.0.0.0/99", "10.0.0.0/99"),
        ("1.2.3.4;5.6.7.8", "1.2.3.4;5.6.7.8"),
        ("10.0.0.1," * 40, "longer than 255"),
    ],
)
def test_one_wrong_entry_spoils_the_list(text, said):
    with pytest.raises(ValueError, match=said):
        clientip.parse_list(text)


@pytest.mark.parametrize(
    ("client", "allowed", "good"),
    [
        ("10.1.2.3", ("10.0.0.0/8",), True),
        ("11.1.2.3", ("10.0.0.0/8",), False),
        ("11.1.2.3", ("10.0.0.0/8", "11.1.2.3"), True),
        ("11.1.2.3", (), True),
        ("2001:db8::5", ("2001:db8::/32",), True),
        ("2001:db9::5", ("2001:db8::/32",), False),
        ("10.1.2.3", ("::/0",), False),
        ("10.1.2.3", ("::ffff:10.0.0.0/104",), True),
        ("10.1.2.3", ("2001:db8::/100",), False),
        (None, ("0.0.0.0/0",), False),
        (None, (), True),
    ],
)
def test_who_is_on_a_list(client, allowed, good):
    address = clientip.parse_address(client) if client else None
    assert clientip.may_use(address, allowed) is good


@pytest.mark.parametrize(
    ("names", "passed_on"),
    [
        ([], False),
        (["Host", "Accept", "X-BackendAI-Token"], False),
        (["Host", "X-FORWARDED-FOR"], True),
        (["x-forwarded-anything"], True),
        (["Via"], True),
        (["CF-Connecting-IP"], True),
    ],
)
def test_what_came_through_somebody(names, passed_on):
    assert clientip.passed_on(names) is passed_on
