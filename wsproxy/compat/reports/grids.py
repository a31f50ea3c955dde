"""The cells of a run as grids: addresses down, clients across."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from wsproxy.compat.eras.clients import clients
from wsproxy.compat.matrix import HEALTHY
from wsproxy.compat.outcome import Run
from wsproxy.compat.play import Result
from wsproxy.core.wire import Version

RowOf = Callable[[Result], str]

MODES = {
    Version.V1: "v1: the group has no address, or a wrong one from the start",
    Version.V2: "v2: the address is right, and goes wrong while the app is open",
}


@dataclass(frozen=True, slots=True)
class Grid:
    """``rows``: each has a name and one result for each of ``columns``; None for no such cell."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, tuple[Result | None, ...]], ...]


def grids(run: Run) -> list[Grid]:
    """One for each mode; with stand-ins more: by proxy, and by manager."""
    if not any(result.cell.proxy for result in run.results):
        return _by_address("", run.results)
    by_proxy = [result for result in run.results if result.cell.animal == HEALTHY]
    theirs = [result for result in run.results if not _foreign(result)]
    others = [result for result in run.results if _foreign(result)]
    of_time = _ours(theirs)
    return [
        *_by_proxy([result for result in by_proxy if not _foreign(result)]),
        *_by_address("the proxy and the manager of the client's time; ", of_time),
        *_by_address(f"{_names(others)}; ", others),
    ]


def _foreign(result: Result) -> bool:
    """Whether the manager is not the one of the client's time."""
    return result.cell.manager != clients()[result.cell.player].manager


def _names(results: Sequence[Result]) -> str:
    return ", ".join(dict.fromkeys(result.cell.manager for result in results))


def _ours(results: Sequence[Result]) -> list[Result]:
    """Those with the proxy that meets every address: the one of the client's time."""
    met = {
        (one.cell.player, one.cell.mode): one.cell.proxy
        for one in results
        if one.cell.animal != HEALTHY
    }
    return [one for one in results if met.get((one.cell.player, one.cell.mode)) == one.cell.proxy]


def _by_proxy(results: Sequence[Result]) -> list[Grid]:
    if not results:
        return []
    return [_grid("every proxy, at a healthy address", results, lambda one: one.cell.proxy)]


def _by_address(prefix: str, results: Sequence[Result]) -> list[Grid]:
    found = []
    for mode, words in MODES.items():
        mine = [result for result in results if result.cell.mode is mode]
        if mine:
            found.append(_grid(f"{prefix}{words}", mine, lambda one: one.cell.animal))
    return found


def _grid(title: str, results: Sequence[Result], row_of: RowOf) -> Grid:
    here = {result.cell.player for result in results}
    columns = tuple(name for name in clients() if name in here)
    rows = dict.fromkeys(row_of(result) for result in results)
    found = {(row_of(result), result.cell.player): result for result in results}
    return Grid(
        title,
        columns,
        tuple((row, tuple(found.get((row, column)) for column in columns)) for row in rows),
    )
