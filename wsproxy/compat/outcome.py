"""A whole run: its cells, what was said of them, and what it comes to."""

from collections.abc import Sequence
from dataclasses import dataclass

from wsproxy.compat.play import Result
from wsproxy.compat.verdict import Sign, Verdict

THIS = "this gateway"
UPSTREAM = "the proxies before this gateway"


@dataclass(frozen=True, slots=True)
class Run:
    """``fault``: why the target is no wsproxy; "" when it is one. ``seconds``: all of it took."""

    target: str
    results: Sequence[Result]
    fault: str = ""
    seconds: float = 0.0

    @property
    def bad(self) -> list[Result]:
        return [result for result in self.results if not result.verdict.good]

    @property
    def good(self) -> bool:
        return not self.fault and not self.bad

    @property
    def words(self) -> str:
        """One line: how many cells, how many of them are well."""
        count, bad = len(self.results), len(self.bad)
        cells = "cell" if count == 1 else "cells"
        if not bad:
            return f"{count} {cells}, all that should work does"
        return f"{count} {cells}, {bad} of them fail"


def troubles(verdict: Verdict) -> list[str]:
    """What fails in a cell that should not, as words of one kind."""
    names = ("launch", "report", "deletion", "circuits")
    pairs = zip(names, verdict.signs, strict=True)
    return [name for name, sign in pairs if sign is Sign.BAD]


def mark(verdict: Verdict) -> str:
    """A cell of a table, in a few characters.

    >>> from wsproxy.compat.verdict import unplayed
    >>> mark(unplayed("out of time"))
    '?'
    """
    if not verdict.played:
        return "?"
    if failing := troubles(verdict):
        return f"✗ {', '.join(failing)}"
    return "(✓)" if verdict.launch is Sign.IDLE else "✓"
