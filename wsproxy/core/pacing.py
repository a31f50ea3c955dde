"""Which connections the kernel need not pace (decision 21). Pure values."""

from ipaddress import ip_address

from wsproxy.core.forwarded import plain_address

PACING = (b"bbr",)
"""How names of congestion controls begin that pace by timers: BBR in all its versions."""

UNPACED = b"reno"
"""Every Linux has it and lets everybody choose it (``net/ipv4/tcp_cong.c``)."""


def stays_here(own: str, peer: str) -> bool:
    """Whether both addresses of a connection are this machine's.

    >>> stays_here("10.0.0.5", "10.0.0.5"), stays_here("10.0.0.5", "10.0.0.6")
    (True, False)
    """
    try:
        return own == peer or ip_address(plain_address(peer)).is_loopback
    except ValueError:
        return False


def paces(control: bytes) -> bool:
    """Whether this congestion control does. ``control``: as the kernel says it, with zeros behind.

    >>> paces(b"bbr" + bytes(13)), paces(b"cubic")
    (True, False)
    """
    return control.startswith(PACING)
