"""Release lines of the manager, and of the web server that is released with it."""

from collections.abc import Mapping
from functools import cache

from wsproxy.compat.eras.rows import Row, packaged
from wsproxy.sim.traits import ManagerTraits


class ManagerRow(Row):
    """One release line; ``traits`` has only what differs from the newest recorded manager."""

    traits: ManagerTraits = ManagerTraits()


@cache
def managers() -> Mapping[str, ManagerRow]:
    """Every manager, oldest first; raises ``EraError``."""
    return packaged("managers.toml", ManagerRow)


def traits_of(row: ManagerRow) -> ManagerTraits:
    """What the simulated manager needs to behave as one of that row."""
    return row.traits
