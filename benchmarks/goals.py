"""The numbers to reach, and whether they are. Pure values."""

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    AIM = "aim reached"
    LEAST = "reached"
    MISSED = "missed"
    UNKNOWN = "not measured"


@dataclass(frozen=True, slots=True)
class Goal:
    """One number. ``low``: smaller is better. ``text`` formats it."""

    what: str
    at_least: float
    aim: float
    low: bool = False
    text: str = "{:.2f}"

    def verdict(self, value: float | None) -> Verdict:
        if value is None:
            return Verdict.UNKNOWN
        if self._holds(value, self.aim):
            return Verdict.AIM
        return Verdict.LEAST if self._holds(value, self.at_least) else Verdict.MISSED

    def _holds(self, value: float, wanted: float) -> bool:
        return value <= wanted if self.low else value >= wanted

    def shown(self, value: float | None) -> str:
        return "" if value is None else self.text.format(value)


@dataclass(frozen=True, slots=True)
class Row:
    """A goal and what was found. ``note``: why there is no value, or how it was found."""

    work: str
    goal: Goal
    value: float | None
    note: str = ""

    @property
    def verdict(self) -> Verdict:
        return self.goal.verdict(self.value)


def _goals(*goals: tuple[str, Goal]) -> dict[str, Goal]:
    return dict(goals)


_KB = "{:.1f} kB"
_MS = "{:.2f} ms"
_PLAIN = "{:.0f}"

GOALS = _goals(
    ("small-rate", Goal("small requests: rate, of nginx", 0.60, 0.80)),
    (
        "small-worker",
        Goal("small requests: CPU, of App Proxy's worker", 1 / 9, 1 / 12, True, "{:.3f}"),
    ),
    (
        "small-chp",
        Goal("small requests: CPU, of configurable-http-proxy", 1 / 7, 1 / 9, True, "{:.3f}"),
    ),
    ("small-caddy", Goal("small requests: CPU, of Caddy", 1 / 2.5, 1 / 3.3, True, "{:.3f}")),
    ("mib-nginx", Goal("1 MiB bodies: CPU per GB, of nginx", 0.85, 0.65, True)),
    ("gib-nginx", Goal("1 GiB body: CPU per GB, of nginx", 0.40, 0.30, True)),
    ("gib-tuned", Goal("1 GiB body: CPU per GB, of tuned nginx", 0.90, 0.65, True)),
    ("ws-small", Goal("WebSocket 1 KiB: rate, of nginx", 0.90, 1.0)),
    ("ws-large", Goal("WebSocket 1 MiB: rate, of tuned nginx", 1.1, 1.3)),
    ("tunnel-up", Goal("v1 tunnel, up: CPU per GB, of aiohttp's", 1 / 2.5, 1 / 3.5, True)),
    ("tunnel-down", Goal("v1 tunnel, down: CPU per GB, of aiohttp's", 1 / 1.5, 1 / 2, True)),
    ("idle-ka", Goal("memory per idle keep-alive connection", 6.0, 3.5, True, _KB)),
    ("idle-ws", Goal("memory per idle WebSocket", 8.0, 5.0, True, _KB)),
    ("p99", Goal("p99 added to a small request at half load", 1.5, 0.7, True, _MS)),
    ("many-rate", Goal("100 000 circuits: rate, of 10 circuits", 0.95, 1.0)),
    ("many-memory", Goal("memory per circuit", 2.0, 1.0, True, _KB)),
    ("open", Goal("opening a circuit to first byte", 10.0, 3.0, True, _MS)),
    ("close", Goal("closing one among 10 000: others dropped", 0, 0, True, _PLAIN)),
    ("processes", Goal("two processes on two cores: rate, of one", 1.6, 1.9)),
    ("churn-faults", Goal("opens and closes under traffic: others' faults", 0, 0, True, _PLAIN)),
    ("churn-files", Goal("opens and closes: descriptors left over", 0, 0, True, _PLAIN)),
    ("churn-memory", Goal("opens and closes: memory left over, each", 2.0, 1.0, True, _KB)),
    ("haproxy-engine", Goal("with the HAProxy engine: rate, of HAProxy", 0.90, 1.0)),
)
"""Ratios are ours divided by theirs."""
