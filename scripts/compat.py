#!/usr/bin/env python3
"""Write the pages of who works with whom, by running it: ``python -m scripts.compat [--check]``.

With ``--check`` nothing is written; exit code 1 names the pages that are stale.
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from difflib import unified_diff
from pathlib import Path

from wsproxy.cli.compat import JOBS, Playing, played
from wsproxy.compat import matrix, upstream
from wsproxy.compat.eras.clients import clients
from wsproxy.compat.outcome import Run
from wsproxy.compat.reports.markdown import markdown
from wsproxy.compat.zoo.table import ANIMALS
from wsproxy.observe import logs

DOCS = Path(__file__).resolve().parent.parent / "docs"

GATEWAY = """\
# Compatibility

Who works with this gateway: clients of every age ([eras](eras.md)), on installations of v1
and v2, with a right address in the resource group or with one of [the zoo](zoo.md). Each client has
the manager of its time, and the gateway stands before it (`[manager] forward = true`).

The page is written by playing every cell (`make compat`); a test plays them again and fails when
the page is stale. How to read it, and how to play it against something else:
[compat.md](compat.md). The same for the proxies before this gateway:
[compatibility-upstream.md](compatibility-upstream.md).

"""

BEFORE = """\
# Compatibility of the proxies before this gateway

The same clients with stand-ins of the Node proxy, the Python wsproxy and App Proxy
([eras](eras.md)), and nobody before the manager: clients hear its own word about an address.
**Cells with the word deletion are sessions that cannot be deleted today.** A stand-in behaves as
its row says, not as every release must: the rows name where each fact was seen.

A manager that waits for an address that hangs does so for minutes; a client that gives up before is
taken at its word here after some seconds.

The page is written by playing every cell (`make compat`); a test plays them again and fails when
the page is stale. This gateway in the same place: [compatibility.md](compatibility.md).

"""


def run(*, before: bool) -> Run:
    """Every cell of a page. Where somebody's time was up here, a cell is played once more, one at a
    time: on a busy machine that happens by nobody's fault. Any other fault stands at once.
    """
    if before:
        return _run(upstream.cells(), before=True)
    found = _run(matrix.cells(clients(), ANIMALS))
    rushed = [result.cell for result in found.bad if result.verdict.rushed]
    if not rushed:
        return found
    again = _run(rushed, jobs=1)
    newer = {result.cell: result for result in again.results}
    results = [newer.get(result.cell, result) for result in found.results]
    return replace(found, results=results)


def _run(cells: Sequence[matrix.Cell], jobs: int = JOBS, *, before: bool = False) -> Run:
    found = played(Playing(cells, jobs, before=before))
    if found is None:
        raise SystemExit("stopped")
    return found


def gateway() -> str:
    return GATEWAY + markdown(run(before=False))


def proxies_before() -> str:
    return BEFORE + markdown(run(before=True))


PAGES: Mapping[str, Callable[[], str]] = {
    "compatibility.md": gateway,
    "compatibility-upstream.md": proxies_before,
}


def difference(name: str, made: str) -> str:
    """Between the page that is there and the one that was made; "" when it is current."""
    page = DOCS / name
    before = page.read_text(encoding="utf-8") if page.is_file() else ""
    lines = (before.splitlines(), made.splitlines())
    return "\n".join(unified_diff(*lines, f"docs/{name}", "as it is now", lineterm="", n=0))


def main(arguments: list[str]) -> int:
    logs.setup("error", "text")
    stale = False
    for name, make in PAGES.items():
        made = make()
        if not (found := difference(name, made)):
            continue
        if "--check" in arguments:
            stale = True
            print(f"docs/{name} is stale: run `make compat`\n{found}", file=sys.stderr)
        else:
            (DOCS / name).write_text(made, encoding="utf-8")
            print(f"wrote docs/{name}")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
