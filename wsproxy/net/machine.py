"""What belongs to this machine."""

import os
import socket
from ipaddress import IPv4Address, IPv6Address


def is_local(address: IPv4Address | IPv6Address) -> bool:
    """Whether the machine has the address now: only then can a socket be bound to it.

    Nothing is sent and no port is kept. Asking the kernel beats a list, which is old when a network
    changes, and which no portable call gives.
    """
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((str(address), 0))
    except OSError:
        return False
    return True


def cores() -> int:
    """Processor cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
