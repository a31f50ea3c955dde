"""Compares a replay with the table of known differences."""

from fnmatch import fnmatchcase

from tests.recordings.known import DIFFERENT, SKIPPED


def skipped(folder: str, name: str) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in SKIPPED.get(folder, ()))


def explained(folder: str, found: dict[str, list[str]]) -> tuple[dict[str, list[str]], list[str]]:
    """What no row explains, and the rows that explain nothing. ``found``: by name."""
    left = dict(found)
    idle = []
    for row in DIFFERENT:
        if row.folder != folder:
            continue
        for pattern in row.names:
            names = [name for name, how in found.items() if fnmatchcase(name, pattern)]
            told = [name for name in names if tuple(found[name]) == row.how]
            for name in told:
                left.pop(name, None)
            if not told:
                idle.append(f"{pattern}: {row.how}")
    return left, idle
