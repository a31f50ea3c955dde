"""Which slot a new circuit may get: a port, or a label below the wildcard domain (protocol 5.7).

Everything here is a decision on values. What is taken, and randomness, are arguments; binding the
port is the data plane's business, and may still fail: so the answer is a list of candidates.
"""

import re
import unicodedata
from collections.abc import Container, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from wsproxy.core.circuit import (
    HostListener,
    Listener,
    PortListener,
    Protocol,
    Transport,
    transport_of,
)
from wsproxy.core.problem import Problem

LABEL_LIMIT = 63
"""RFC 1035 section 2.3.4."""

PREFIX_LIMIT = 54
"""Leaves room for ``-`` and eight hex digits (protocol 5.7)."""

_SALT = re.compile(r"[0-9a-f]{8}")

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Slot:
    """What only one circuit can have: a port of a node, or a label (of all nodes)."""

    node: str
    port: int
    label: str


def slot_of(listener: Listener, node: str) -> Slot:
    if isinstance(listener, PortListener):
        return Slot(node, listener.port, "")
    return Slot("", 0, listener.label)


@dataclass(frozen=True, slots=True)
class PortSlot:
    """Any free port of ``ports`` on ``host``, or exactly the preferred one."""

    host: str
    ports: tuple[int, ...]
    preferred: int | None = None


@dataclass(frozen=True, slots=True)
class LabelSlot:
    """A label below the wildcard domain; ``preferred`` as the client sent it, "" for none."""

    preferred: str = ""


@dataclass(frozen=True, slots=True)
class ListedSlot:
    """The v1 way: these ports in this order, 0 = whatever the system gives (protocol 2.4)."""

    host: str
    candidates: tuple[int, ...]


SlotWish = PortSlot | LabelSlot | ListedSlot


@dataclass(frozen=True, slots=True)
class SlotRules:
    """Where circuits may listen. HTTP apps are below ``domain`` when ``wildcard`` is true."""

    host: str
    ports: tuple[int, ...]
    wildcard: bool = False

    def wish(self, protocol: Protocol, port: int | None, label: str | None) -> SlotWish:
        """Each mode ignores the other's preference; a raw port has no name to be told by."""
        if self.wildcard and transport_of(protocol) is Transport.HTTP:
            return LabelSlot(label or "")
        return PortSlot(self.host, self.ports, None if self.wildcard else port)


@dataclass(frozen=True, slots=True)
class Candidates:
    """Listeners to try in order, and what to say when none of them could be had."""

    listeners: tuple[Listener, ...]
    otherwise: Problem


@dataclass(frozen=True, slots=True)
class Taken:
    """What is in use or being opened on this node."""

    ports: Container[int] = frozenset()
    labels: Container[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Either(Generic[T]):
    """What is in one of two; a table of many need not be copied to add a few."""

    many: Container[T]
    few: Container[T]

    def __contains__(self, item: object) -> bool:
        return item in self.few or item in self.many


def candidates(wish: SlotWish, taken: Taken, salts: Sequence[str], turn: int = 0) -> Candidates:
    """What to try for a wish.

    ``salts`` are a few random strings of eight hex digits, ``turn`` any number: free ports are
    tried from there round, so that a port just given back is not the next one given out.
    """
    if isinstance(wish, PortSlot):
        return _ports(wish, taken, turn)
    if isinstance(wish, LabelSlot):
        return _labels(wish, taken, salts)
    listed = tuple(p for p in wish.candidates if p == 0 or p not in taken.ports)
    return Candidates(
        tuple(PortListener(wish.host, port) for port in listed),
        Problem("appproxy/no-free-port", msg="No port of those that may be used is free."),
    )


def _ports(wish: PortSlot, taken: Taken, turn: int) -> Candidates:
    if wish.preferred is not None:
        return _preferred(wish.host, wish.preferred, wish.ports, taken)
    free = [port for port in wish.ports if port not in taken.ports]
    start = turn % len(free) if free else 0
    ordered = free[start:] + free[:start]
    return Candidates(
        tuple(PortListener(wish.host, port) for port in ordered),
        Problem(
            "appproxy/no-free-port",
            msg="All ports of the range are in use. Close an app, or widen `ports` in [v2].",
            retry_after=30,
        ),
    )


def _preferred(host: str, port: int, ports: Sequence[int], taken: Taken) -> Candidates:
    if port not in ports:
        reason = f"Port {port} is outside the range {format_ranges(ports)}."
        return Candidates((), Problem("appproxy/port-not-available", msg=reason))
    in_use = Problem("appproxy/port-not-available", msg=f"Port {port} is in use.")
    if port in taken.ports:
        return Candidates((), in_use)
    return Candidates((PortListener(host, port),), in_use)


def _labels(wish: LabelSlot, taken: Taken, salts: Sequence[str]) -> Candidates:
    wanted = normalise_label(wish.preferred)
    suffixed = [with_salt(wanted or "app", salt) for salt in salts]
    tried = ([wanted] if wanted else []) + suffixed
    return Candidates(
        tuple(HostListener(label) for label in tried if label not in taken.labels),
        Problem("appproxy/no-free-port", msg="No free host name was found.", retry_after=1),
    )


def with_salt(prefix: str, salt: str) -> str:
    """``<prefix ≤54>-<8 hex>``."""
    return f"{prefix[:PREFIX_LIMIT].rstrip('-')}-{salt}"


def normalise_label(text: str) -> str:
    """A preferred subdomain as one DNS label, "" when nothing is left (protocol 5.7)."""
    label = unicodedata.normalize("NFC", text).lower().replace(".", "-")
    label = re.sub(r"-+", "-", "".join(_kept(character) for character in label)).strip("-")
    if not label.isascii():
        return _punycode(label)
    return label[:LABEL_LIMIT].strip("-")


def _kept(character: str) -> str:
    if not character.isascii():
        return character
    return character if character.isalnum() else "-"


def _punycode(label: str) -> str:
    """``xn--`` form; shortened before encoding, for a cut encoding names something else."""
    encoded = _encode(label)
    while len(encoded) > LABEL_LIMIT:
        label = label[:-1].rstrip("-")
        encoded = _encode(label)
    return encoded.strip("-")


def _encode(label: str) -> str:
    if label.isascii():
        return label
    return "xn--" + label.encode("punycode").decode("ascii")


def label_serves(label: str, preferred: str) -> bool:
    """Whether a circuit with ``label`` is what ``preferred`` would get: it, or it with a suffix."""
    wanted = normalise_label(preferred)
    if not wanted or label == wanted:
        return True
    prefix, _, salt = label.rpartition("-")
    return _SALT.fullmatch(salt) is not None and prefix == wanted[:PREFIX_LIMIT].rstrip("-")


class BadPorts(ValueError):
    """A range of ports that cannot be understood; the message is for a person."""


def parse_ports(text: str) -> tuple[int, ...]:
    """``"10200-10300"``, ``"10200,10205-10210"``: in order, each once. Raises ``BadPorts``."""
    ports: dict[int, None] = {}
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        low = _port(first, text)
        high = _port(last, text) if dash else low
        if high < low:
            raise BadPorts(f"{part.strip()!r}: the range ends before it begins")
        ports.update(dict.fromkeys(range(low, high + 1)))
    return tuple(ports)


def _port(digits: str, text: str) -> int:
    digits = digits.strip()
    if not (digits.isascii() and digits.isdigit() and 1 <= int(digits) <= 65535):
        raise BadPorts(f"{text!r}: {digits!r} is not a port (1 to 65535)")
    return int(digits)


def format_ranges(ports: Sequence[int]) -> str:
    """Ports for a person: ``"10200-10300, 20022"``."""
    runs: list[tuple[int, int]] = []
    for port in sorted(ports):
        if runs and runs[-1][1] == port - 1:
            runs[-1] = (runs[-1][0], port)
        else:
            runs.append((port, port))
    return ", ".join(str(a) if a == b else f"{a}-{b}" for a, b in runs) or "(empty)"
