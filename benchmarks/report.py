"""What is printed: a table per work, then all numbers to reach."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from benchmarks.bench import Found
from benchmarks.goals import Goal, Row, Verdict

STYLES = {
    Verdict.AIM: "green",
    Verdict.LEAST: "yellow",
    Verdict.MISSED: "red",
    Verdict.UNKNOWN: "dim",
}


def work_table(found: Found) -> Table:
    """Medians of every target. Compare the columns, never quote the rates."""
    shown = Table(title=f"{found.title} ({found.work}); medians")
    names = (
        "target",
        f"{found.unit}/s",
        "of direct",
        "core busy",
        "in kernel",
        found.per,
        "of ours",
        "faults",
    )
    for name in names:
        shown.add_column(name, justify="left" if name == "target" else "right")
    direct, ours = found.of("direct"), found.of("wsproxy")
    for each in found.measured:
        cost, busy, kernel = each.cost, each.busy, each.in_kernel
        own = ours.cost if ours is not None else None
        shown.add_row(
            each.name,
            f"{each.rate:,.0f}" if each.rate >= 100 else f"{each.rate:.2f}",
            f"{each.rate / direct.rate:.2f}" if direct is not None and direct.rate else "",
            f"{busy:.0%}" if busy is not None else "",
            f"{kernel:.0%}" if kernel is not None else "",
            f"{cost * found.scale:.2f}" if cost is not None else "",
            f"{cost / own:.2f}" if cost is not None and own else "",
            str(each.faults or ""),
        )
    return shown


def goal_table(rows: Sequence[Row]) -> Table:
    shown = Table(title="numbers to reach")
    for name in ("number", "found", "at least", "aim", "verdict", "note"):
        shown.add_column(name, justify="right" if name in ("found", "at least", "aim") else "left")
    for row in rows:
        goal: Goal = row.goal
        style = STYLES[row.verdict]
        shown.add_row(
            goal.what,
            goal.shown(row.value),
            _bound(goal, goal.at_least),
            _bound(goal, goal.aim),
            f"[{style}]{row.verdict}[/{style}]",
            row.note,
        )
    return shown


def _bound(goal: Goal, value: float) -> str:
    return ("≤ " if goal.low else "≥ ") + goal.text.format(value)


def show(console: Console, found: Found) -> None:
    if found.measured:
        console.print(work_table(found))
    else:
        console.print(f"[italic]{found.title} ({found.work})[/italic]", highlight=False)
    for note in found.notes:
        console.print(f"  {note}", highlight=False, markup=False)
    for wrong in found.wrong:
        console.print(f"  wrong: {wrong}", style="red", highlight=False, markup=False)
