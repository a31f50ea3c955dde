"""What a peer is: something that stands between load and app, and how it is started."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.machine import Core
from benchmarks.process import Running

CACHE = Path(__file__).resolve().parents[1] / ".cache"
"""What ``python -m benchmarks.install`` put there; git ignores it."""


@dataclass(frozen=True)
class Setting:
    """``app``: the port of what stands behind. ``core``: where a proxy runs. ``files``: how many
    files it may open."""

    folder: Path
    app: int
    core: Core = None
    files: int = 4096


Start = Callable[[Setting], AbstractContextManager[Running]]


@dataclass(frozen=True)
class Peer:
    """``missing`` says why it cannot be started, "" when it can."""

    name: str
    start: Start
    missing: Callable[[], str] = lambda: ""
