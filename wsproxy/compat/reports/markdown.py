"""A run as Markdown: a table for each grid. No times: the same result is the same text."""

from wsproxy.compat.outcome import Run, mark
from wsproxy.compat.reports.grids import Grid, grids

LEGEND = """\
| sign | means |
|---|---|
| ✓ | the app opens and works, the version report is right and in time, the session is deleted |
| (✓) | the same, but no app opens, and none need: nobody can through this address |
| ✗ launch | the app does not open, or does not work |
| ✗ report | the version report is wrong, late, or an error |
| ✗ deletion | **the session cannot be deleted** |
| ✗ circuits | circuits of the session stay open at the proxy after it is deleted |
| ? | not played |
"""


def markdown(run: Run) -> str:
    """A whole page without its head."""
    parts = [f"{run.target[0].upper()}{run.target[1:]}: {run.words}.\n"]
    if run.fault:
        parts.append(f"**{run.fault}**\n")
    parts += [LEGEND, *(_table(grid) for grid in grids(run))]
    return "\n".join(parts)


def _table(grid: Grid) -> str:
    head = " | ".join(name.replace("-", " ", 1) for name in grid.columns)
    lines = [
        f"## {grid.title[0].upper()}{grid.title[1:]}\n",
        f"| address | {head} |",
        f"|{'---|' * (len(grid.columns) + 1)}",
    ]
    for name, results in grid.rows:
        marks = " | ".join("" if one is None else mark(one.verdict) for one in results)
        lines.append(f"| {name} | {marks} |")
    return "\n".join(lines) + "\n"
