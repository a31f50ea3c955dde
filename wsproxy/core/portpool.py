"""Which local ports a v1 listener may take, and in which order they are tried (protocol 1, 2.4)."""

from dataclasses import dataclass

LAST_PORT = 65535
ANY_PORT = 0
"""Let the operating system choose."""

NEIGHBOURS = 3
"""Ports above a preferred one that are tried when it is in use."""


@dataclass(frozen=True, slots=True)
class PortPool:
    """``configured`` with no ports is a hard "nothing may be opened", not "anything"."""

    ports: tuple[int, ...] = ()
    configured: bool = False


def parse_pool(text: str) -> tuple[PortPool, tuple[str, ...]]:
    """The pool of ``"10000-10100,20022"``, and the entries that were skipped.

    An entry that is no port and no rising range is skipped and the rest kept (protocol 1).

    >>> parse_pool("10000, abc, 0, 10001")
    (PortPool(ports=(10000, 10001), configured=True), ('abc', '0'))
    """
    entries = [entry.strip() for entry in text.split(",") if entry.strip()]
    ports: dict[int, None] = {}
    skipped: list[str] = []
    for entry in entries:
        found = _entry(entry)
        if not found:
            skipped.append(entry)
        ports.update(dict.fromkeys(found))
    return PortPool(tuple(ports), configured=bool(entries)), tuple(skipped)


def _entry(entry: str) -> range:
    first, dash, last = entry.partition("-")
    low = port_number(first)
    high = port_number(last) if dash else low
    return range(low, high + 1) if low and high else range(0)


def port_number(text: str) -> int:
    """A port in decimal digits, or 0 when it is none.

    >>> port_number("8080"), port_number("0"), port_number("70000"), port_number("8x")
    (8080, 0, 0, 0)
    """
    text = text.strip()
    if not (text.isascii() and text.isdigit()) or len(text) > 5:
        return 0
    number = int(text)
    return number if number <= LAST_PORT else 0


def candidates(pool: PortPool, preferred: int, taken: frozenset[int]) -> tuple[int, ...]:
    """Ports to try, in order; empty means that nothing may be opened.

    Without a pool: the preferred port, its three neighbours, then any. With a pool only its ports
    that no live listener holds (``taken``); a preferred port outside the pool is refused.
    ``preferred`` 0 is none.
    """
    if not pool.configured:
        near = range(preferred, preferred + NEIGHBOURS + 1) if preferred else range(0)
        return (*(port for port in near if port <= LAST_PORT and port not in taken), ANY_PORT)
    free = [port for port in pool.ports if port not in taken]
    if not preferred:
        return tuple(free)
    if preferred not in pool.ports:
        return ()
    return tuple(sorted(free, key=lambda port: port != preferred))
