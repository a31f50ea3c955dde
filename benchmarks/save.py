"""Results that stay: JSON for programs, a CSV per release, a picture for the documentation."""

import csv
import importlib.util
import json
import os
import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.bench import Found
from benchmarks.goals import Row
from wsproxy import __version__

COLUMNS = ("version", "day", "cores", "number", "found", "at least", "aim", "verdict", "note")


def document(every: Sequence[Found], rows: Sequence[Row]) -> dict[str, Any]:
    return {
        "version": __version__,
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "kernel": platform.release(),
        "cores": os.cpu_count(),
        "works": [_work(found) for found in every],
        "numbers": [_number(row) for row in rows],
    }


def _work(found: Found) -> dict[str, Any]:
    return {
        "work": found.work,
        "unit": found.unit,
        "notes": found.notes,
        "wrong": found.wrong,
        "targets": [
            {
                "name": each.name,
                "units_per_second": each.rate,
                "cpu_seconds_per_unit": each.cost,
                "core_busy": each.busy,
                "in_kernel": each.in_kernel,
                "faults": each.faults,
                "rounds": [sample._asdict() for sample in each.samples],
            }
            for each in found.measured
        ],
    }


def _number(row: Row) -> dict[str, Any]:
    goal = row.goal
    return {
        "work": row.work,
        "number": goal.what,
        "found": row.value,
        "at_least": goal.at_least,
        "aim": goal.aim,
        "smaller_is_better": goal.low,
        "verdict": row.verdict,
        "note": row.note,
    }


def write_json(file: Path, every: Sequence[Found], rows: Sequence[Row]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(document(every, rows), indent=2) + "\n")


def append_csv(folder: Path, rows: Sequence[Row]) -> Path:
    """The numbers of one run, below those of earlier ones of the same release."""
    folder.mkdir(exist_ok=True)
    file = folder / f"{__version__}.csv"
    fresh = not file.exists()
    day = datetime.now(UTC).date().isoformat()
    with file.open("a", newline="") as opened:
        writer = csv.writer(opened, lineterminator="\n")
        if fresh:
            writer.writerow(COLUMNS)
        for row in rows:
            goal = row.goal
            value = "" if row.value is None else f"{row.value:.4g}"
            bounds = (f"{goal.at_least:.4g}", f"{goal.aim:.4g}")
            writer.writerow(
                (
                    __version__,
                    day,
                    os.cpu_count(),
                    goal.what,
                    value,
                    *bounds,
                    row.verdict.value,
                    row.note,
                )
            )
    return file


def progress(row: Row) -> float | None:
    """How far a number is, 1.0 = "at least" is just reached, more is better."""
    goal, value = row.goal, row.value
    if value is None or not goal.at_least:
        return None
    if not goal.low:
        return value / goal.at_least
    return goal.at_least / value if value else None


def can_draw() -> bool:
    return importlib.util.find_spec("matplotlib") is not None


def draw(file: Path, rows: Sequence[Row]) -> None:
    """One bar for each number, in units of its "at least"; a mark where the aim is."""
    import matplotlib  # noqa: PLC0415 - only here, and only if installed

    matplotlib.use("Agg")
    from matplotlib import pyplot  # noqa: PLC0415 - as above

    shown = [(row, bar) for row in rows if (bar := progress(row)) is not None]
    figure, axes = pyplot.subplots(figsize=(10, 0.4 * len(shown) + 1.5))
    for at, (row, bar) in enumerate(reversed(shown)):
        axes.barh(at, min(bar, 4), color="#2a7" if bar >= 1 else "#c43")
        aim = row.goal.at_least / row.goal.aim if row.goal.low else row.goal.aim / row.goal.at_least
        axes.plot([aim, aim], [at - 0.4, at + 0.4], color="black")
    axes.set_yticks(range(len(shown)), [row.goal.what for row, _ in reversed(shown)])
    axes.axvline(1, color="grey", linestyle="--")
    axes.set_xlabel(f"times “at least” (bars end at 4; black: the aim); wsproxy {__version__}")
    figure.tight_layout()
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, dpi=110)
    pyplot.close(figure)
