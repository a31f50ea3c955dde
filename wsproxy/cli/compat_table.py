"""What ``wsproxy compat`` shows on a terminal: progress while it runs, then one line for each
client and installation, and what fails."""

import io
from collections import Counter
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar
from rich.table import Table
from rich.text import Text

from wsproxy.cli import output
from wsproxy.compat.outcome import Run
from wsproxy.compat.play import Result
from wsproxy.compat.verdict import Sign

MOST = 40
"""Failing cells that are told one by one."""


class Progress:
    """On stderr, and only where somebody looks."""

    def __init__(self, total: int) -> None:
        console = output.stderr()
        columns = (TextColumn("playing"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        failing = TextColumn("{task.fields[bad]} fail")
        hidden = not console.is_terminal
        self._bar = Bar(*columns, failing, console=console, transient=True, disable=hidden)
        self._task: TaskID = self._bar.add_task("cells", total=total, bad=0)
        self._bad = 0

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._bar.stop()

    def done(self, result: Result) -> None:
        self._bad += not result.verdict.good
        self._bar.update(self._task, advance=1, bad=self._bad)


def table(run: Run) -> str:
    """The whole result as text for the terminal that is there."""
    console = output.stdout()
    text = io.StringIO()
    shown = Console(
        file=text,
        markup=False,
        emoji=False,
        highlight=False,
        width=console.width,
        force_terminal=console.is_terminal,
        no_color=console.no_color,
    )
    _print(shown, run)
    return text.getvalue()


def _print(console: Console, run: Run) -> None:
    grid = Table(title=None, box=None, pad_edge=False, header_style="bold")
    for name in ("client", "installation", "apps open", "reports right", "sessions deleted"):
        grid.add_column(name)
    grid.add_column("slowest report", justify="right")
    for names, results in _groups(run.results).items():
        grid.add_row(*names, *_counts(results), f"{_slowest(results):.2f} s")
    console.print(grid)
    failing = [result for result in run.bad if result.verdict.played]
    for result in failing[:MOST]:
        line = f"✗ {result.cell.name}: {'; '.join(result.verdict.said)}"
        console.print(Text(line, "red"), soft_wrap=True)
    if len(failing) > MOST:
        console.print(f"… and {len(failing) - MOST} more; --format json has them all")
    _print_unplayed(console, run)
    if run.fault:
        console.print(Text(run.fault, "bold red"), soft_wrap=True)
    style = "bold green" if run.good else "bold red"
    line = f"{run.target}: {run.words} ({run.seconds:.1f} s)"
    console.print(Text(line, style), soft_wrap=True)


def _print_unplayed(console: Console, run: Run) -> None:
    """Once for each reason: often it is the same for all."""
    why = Counter("; ".join(result.verdict.said) for result in run.bad if not result.verdict.played)
    for said, count in why.items():
        console.print(Text(f"? {count} of the cells {said}", "yellow"), soft_wrap=True)


def _groups(results: Sequence[Result]) -> dict[tuple[str, str], list[Result]]:
    found: dict[tuple[str, str], list[Result]] = {}
    for result in results:
        cell = result.cell
        beside = f" {cell.proxy}, {cell.manager}" if cell.proxy else ""
        found.setdefault((cell.player, f"{cell.mode}{beside}"), []).append(result)
    return found


def _counts(results: Sequence[Result]) -> list[Text]:
    verdicts = [result.verdict for result in results]
    launches = _count([verdict.launch for verdict in verdicts])
    reports = _count([verdict.report for verdict in verdicts])
    return [launches, reports, _count([verdict.deletion for verdict in verdicts])]


def _count(signs: Sequence[Sign]) -> Text:
    """Of those that count: what need not work and does not is left out."""
    counted = [sign for sign in signs if sign in (Sign.GOOD, Sign.BAD)]
    if not counted:
        return Text("-", "dim")
    good = sum(sign is Sign.GOOD for sign in counted)
    style = "green" if good == len(counted) else "bold red"
    return Text(f"{good} of {len(counted)}", style)


def _slowest(results: Sequence[Result]) -> float:
    return max((result.verdict.slowest for result in results), default=0.0)
