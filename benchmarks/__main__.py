"""``make bench``: what the gateway costs, against a direct connection and other proxies.

The targets of a work take turns, so that whatever else the machine does meets all of them; medians
are printed. Quote the ratios and the CPU of a unit, never the absolute rates: they are the
machine's.
"""

import os
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import click
from rich.console import Console

from benchmarks import report, save, wrk
from benchmarks.bench import Found, Plan
from benchmarks.ends.calls import Wrong
from benchmarks.goals import GOALS, Row, Verdict
from benchmarks.machine import Cores, cores, raise_file_limit
from benchmarks.works import WORKS

LATER = Row("haproxy", GOALS["haproxy-engine"], None, "part of a later release")
RESULTS = Path(__file__).parent / "results"


@click.command()
@click.option("--quick", is_flag=True, help="Everything, shorter: under three minutes.")
@click.option("--only", multiple=True, type=click.Choice(list(WORKS)), help="Only this work.")
@click.option("--rounds", type=int, help="Turns of each target (15; quick: 3).")
@click.option("--seconds", type=float, help="Length of a turn (1).")
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Write all here.")
@click.option("--csv", is_flag=True, help="Append to benchmarks/results/VERSION.csv.")
@click.option("--plot", type=click.Path(path_type=Path), help="Draw a PNG.")
@click.option("--strict", is_flag=True, help="Exit 1 when an “at least” is missed.")
def main(
    quick: bool,
    only: tuple[str, ...],
    rounds: int | None,
    seconds: float | None,
    json_file: Path | None,
    csv: bool,
    plot: Path | None,
    strict: bool,
) -> None:
    """Measure. Exit codes: 0, 1 for wrong answers (or, with --strict, a number missed)."""
    if sys.platform != "linux" or wrk.found() is None:
        raise click.ClickException("this needs Linux and wrk: python -m benchmarks.install")
    if plot is not None and not save.can_draw():
        raise click.ClickException("--plot needs matplotlib: python -m benchmarks.install")
    console = Console(width=None if sys.stdout.isatty() else 140)
    with TemporaryDirectory(prefix="wsproxy-bench-") as folder:
        plan = Plan(
            folder=Path(folder),
            cores=Cores(cores()),
            rounds=rounds or (3 if quick else 15),
            seconds=seconds or 1.0,
            quick=quick,
            files=raise_file_limit(),
            say=lambda text: click.echo(f"· {text}", err=True),
        )
        console.print(f"{plan.cores}; {plan.rounds} rounds of {plan.seconds:g} s", highlight=False)
        every = _measure(console, plan, only or tuple(WORKS))
    rows = [row for found in every for row in found.rows] + ([] if only else [LATER])
    console.print(report.goal_table(rows))
    _keep(every, rows, json_file, RESULTS if csv else None, plot)
    sys.exit(_verdict(every, rows, strict))


def _measure(console: Console, plan: Plan, names: Sequence[str]) -> list[Found]:
    if plan.cores.load is not None:
        os.sched_setaffinity(0, {plan.cores.load})
    every = []
    for name in names:
        folder = plan.folder / name
        folder.mkdir()
        began = time.monotonic()
        try:
            found = WORKS[name](replace(plan, folder=folder))
        except (Wrong, OSError, SystemExit) as error:  # the other works go on
            found = Found(name, name, wrong=[str(error)])
        found.notes.append(f"took {time.monotonic() - began:.0f} s")
        report.show(console, found)
        every.append(found)
    return every


def _keep(
    every: Sequence[Found],
    rows: Sequence[Row],
    json_file: Path | None,
    results: Path | None,
    plot: Path | None,
) -> None:
    if json_file is not None:
        save.write_json(json_file, every, rows)
    if results is not None:
        click.echo(f"appended to {save.append_csv(results, rows)}", err=True)
    if plot is not None:
        save.draw(plot, rows)


def _verdict(every: Sequence[Found], rows: Sequence[Row], strict: bool) -> int:
    if any(found.faults for found in every):
        click.echo("some answers were wrong: those numbers mean nothing", err=True)
        return 1
    missed = [row.goal.what for row in rows if row.verdict is Verdict.MISSED]
    if strict and missed:
        click.echo("missed: " + "; ".join(missed), err=True)
        return 1
    return 0


if __name__ == "__main__":
    main()
