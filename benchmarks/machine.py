"""What the machine gives: cores to pin to, CPU and memory of processes, how many files may be open.

The proxy that is measured has one core, load and backend have the other. With one core, or where
pinning is not possible, everything shares what there is; the report says so.
"""

import os
import resource
import time
from collections.abc import Callable, Iterator
from pathlib import Path

_SCHEDULED = 2
"""The kernel's number for the clock that counts a process's CPU in nanoseconds."""


def cores() -> list[int]:
    """The cores that this process may use; [] where that cannot be asked."""
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []


class Cores:
    """Who runs where. ``load`` and ``proxy`` are core numbers, None for "anywhere"."""

    def __init__(self, found: list[int]) -> None:
        self.all = tuple(found)
        self.load = found[0] if len(found) > 1 else None
        self.proxy = found[1] if len(found) > 1 else None

    def __str__(self) -> str:
        if self.load is None:
            return "nothing pinned: one core, or no way to pin"
        return f"load and backend on core {self.load}, the proxy on core {self.proxy}"


Core = int | tuple[int, ...] | None


def pinned_to(core: Core) -> Callable[[], None] | None:
    """What a child does before it starts, to stay there with all its threads."""
    if core is None:
        return None
    where = {core} if isinstance(core, int) else set(core)
    return lambda: os.sched_setaffinity(0, where)


def family(pid: int) -> Iterator[int]:
    """The process and everything that it started, as far as that still runs."""
    yield pid
    for listed in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            children = listed.read_text().split()
        except OSError:  # it ended meanwhile
            continue
        for child in children:
            yield from family(int(child))


def cpu_each(pid: int) -> dict[int, float]:
    """Seconds of CPU that the process and each of its children have used."""
    return {one: time.clock_gettime((~one << 3) | _SCHEDULED) for one in family(pid)}


def cpu_of(pid: int) -> float:
    """The same for all of them together."""
    return sum(cpu_each(pid).values())


def split_of(pid: int) -> tuple[float, float]:
    """Seconds in user space and in the kernel, of the process and its children.

    The kernel samples this split by its tick: good for shares of seconds, not for costs.
    """
    user = kernel = 0
    for one in family(pid):
        fields = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
        user, kernel = user + int(fields[11]), kernel + int(fields[12])
    tick = os.sysconf("SC_CLK_TCK")
    return user / tick, kernel / tick


def memory_of(pid: int) -> int:
    """Resident bytes of the process and its children."""
    page = os.sysconf("SC_PAGE_SIZE")
    return sum(int(Path(f"/proc/{one}/statm").read_text().split()[1]) for one in family(pid)) * page


def descriptors_of(pid: int) -> int:
    """Open files of the process and its children."""
    return sum(len(os.listdir(f"/proc/{one}/fd")) for one in family(pid))


def raise_file_limit() -> int:
    """As many open files as allowed; how many that is. Children inherit it."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    limit = 1 << 20 if hard == resource.RLIM_INFINITY else hard
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
    return limit
