"""The cells of the matrix: a client, an installation of v1 or v2, and an address; and their names.

A cell is named ``webui-22.09/v2/refuse``. Where a stand-in takes the gateway's place, the names of
the proxy and of the manager follow: ``webui-22.09/v2/refuse/appproxy-26.4/manager-26.2``.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from wsproxy.core.wire import Version

HEALTHY = "healthy"
"""Instead of an animal: no address in v1, the gateway's own in v2."""

MODES = (Version.V1, Version.V2)


class NoSuchCell(ValueError):
    """A pattern or a name that fits no cell. The message says what there is."""


@dataclass(frozen=True, slots=True)
class Cell:
    """``mode`` is the installation's. ``proxy`` and ``manager`` are eras: "" is the gateway, and
    the manager of the client's time."""

    player: str
    mode: Version
    animal: str
    proxy: str = ""
    manager: str = ""

    @property
    def parts(self) -> tuple[str, ...]:
        more = (self.proxy, self.manager) if self.proxy else ()
        return (self.player, self.mode.value, self.animal, *more)

    @property
    def name(self) -> str:
        return "/".join(self.parts)


def cells(players: Iterable[str], animals: Iterable[str]) -> tuple[Cell, ...]:
    """Every player in both modes with a healthy address and with every animal."""
    addresses = (HEALTHY, *animals)
    return tuple(
        Cell(player, mode, address) for player in players for mode in MODES for address in addresses
    )


def only(every: Sequence[Cell], patterns: Sequence[str]) -> tuple[Cell, ...]:
    """The cells that any pattern fits, in their order; all without patterns. Raises
    ``NoSuchCell`` for a pattern that fits none."""
    if not patterns:
        return tuple(every)
    for pattern in patterns:
        if not any(fits(pattern, cell) for cell in every):
            raise NoSuchCell(f"no cell fits {pattern!r}; {there_are(every)}")
    return tuple(cell for cell in every if any(fits(pattern, cell) for pattern in patterns))


def fits(pattern: str, cell: Cell) -> bool:
    """Part by part, as file names are matched; parts that are left out fit everything. A single
    part may be any of them.

    >>> cell = Cell("webui-22.09", Version.V2, "refuse")
    >>> fits("webui-*/v2", cell), fits("refuse", cell), fits("webui-22.09/v1/*", cell)
    (True, True, False)
    """
    wanted = pattern.strip("/").split("/")
    if len(wanted) == 1:
        return any(fnmatchcase(part, wanted[0]) for part in cell.parts)
    if len(wanted) > len(cell.parts):
        return False
    pairs = zip(cell.parts, wanted, strict=False)
    return all(fnmatchcase(part, want) for part, want in pairs)


def named(name: str, every: Sequence[Cell]) -> Cell:
    """The one cell of that name; raises ``NoSuchCell``."""
    for cell in every:
        if cell.name == name:
            return cell
    raise NoSuchCell(f"no cell is named {name!r}; {there_are(every)}")


def there_are(every: Sequence[Cell]) -> str:
    """The parts that names of cells are made of."""
    columns = [
        list(dict.fromkeys(column)) for column in zip(*(c.parts for c in every), strict=True)
    ]
    labels = ("clients", "modes", "addresses", "proxies", "managers")
    found = zip(labels, columns, strict=False)
    return "; ".join(f"{label}: {', '.join(names)}" for label, names in found)
