"""Which addresses are the machine's own."""

from ipaddress import ip_address

import pytest

from wsproxy.net.machine import is_local


@pytest.mark.parametrize(
    ("address", "local"),
    [
        ("127.0.0.1", True),
        ("192.0.2.7", False),  # RFC 5737: nobody has it
        ("2001:db8::7", False),
        ("fe80::7", False),
    ],
)
def test_is_local(address, local):
    assert is_local(ip_address(address)) is local
