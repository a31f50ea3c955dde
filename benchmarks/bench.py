"""What every work has in common: a plan, the peers that it needs, rounds in turn, a result."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.ends.calls import Wrong
from benchmarks.figures import Measured, Ratio, Sample
from benchmarks.goals import GOALS, Row
from benchmarks.machine import Cores
from benchmarks.peers import PEERS, Setting
from benchmarks.process import Running


@dataclass(frozen=True)
class Plan:
    """``rounds`` of ``seconds`` each. ``files``: how many a process may open. ``say``: progress."""

    folder: Path
    cores: Cores
    rounds: int = 5
    seconds: float = 2.0
    quick: bool = False
    files: int = 4096
    say: Callable[[str], None] = lambda text: None

    def setting(self, app: int) -> Setting:
        return Setting(self.folder, app, self.cores.proxy, self.files)

    def size(self, full: int, quick: int) -> int:
        return quick if self.quick else full


@dataclass
class Found:
    """One work's result. ``unit`` names a unit of ``Measured.rate``; CPU is shown in ``per``.

    ``scale`` makes of seconds of CPU per unit what the column says.
    """

    work: str
    title: str
    unit: str = ""
    per: str = ""
    scale: float = 1.0
    measured: list[Measured] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    @property
    def faults(self) -> int:
        return len(self.wrong) + sum(each.faults for each in self.measured)

    def of(self, name: str) -> Measured | None:
        return next((each for each in self.measured if each.name == name), None)

    def add(self, goal: str, value: float | None, note: str = "") -> None:
        self.rows.append(Row(self.work, GOALS[goal], value, note))

    def compare(
        self,
        goal: str,
        how: Callable[[Measured, Measured], Ratio | None],
        theirs: str,
        ours: str = "wsproxy",
    ) -> None:
        """A row about two of the targets, or that one of them is missing."""
        pair = (self.of(ours), self.of(theirs))
        if pair[0] is None or pair[1] is None:
            missing = theirs if pair[0] is not None else ours
            self.add(goal, None, f"{missing} is missing")
            return
        ratio = how(pair[0], pair[1])
        if ratio is None:
            self.add(goal, None, "no CPU or no answers")
        else:
            self.add(goal, ratio.value, ratio.note)


@contextmanager
def started(plan: Plan, found: Found, app: int, names: Sequence[str]) -> Iterator[list[Running]]:
    """These peers before the app; those that are missing are named in the result."""
    with ExitStack() as stack:
        running = []
        for name in names:
            peer = PEERS[name]
            missing = peer.missing()
            if not missing:
                try:
                    running.append(stack.enter_context(peer.start(plan.setting(app))))
                except (SystemExit, Wrong, OSError) as error:
                    missing = f"it does not start: {error}"
            if missing:
                noted = found.wrong if name == "wsproxy" else found.notes
                noted.append(f"missing: {name}: {missing}")
        yield running


def in_turn(
    plan: Plan, found: Found, targets: Sequence[Running], one: Callable[[Running], Sample]
) -> None:
    """All rounds. Each begins with another target, so that what else happens meets them all."""
    measured = [Measured(target.name) for target in targets]
    for number in range(plan.rounds):
        for step in range(len(targets)):
            at = (number + step) % len(targets)
            plan.say(f"{found.work}: round {number + 1} of {plan.rounds}, {targets[at].name}")
            before = targets[at].split()
            try:
                measured[at].samples.append(one(targets[at]))
            except (Wrong, OSError, ValueError) as error:
                found.wrong.append(f"{targets[at].name}: {error}")
            after = targets[at].split()
            if before is not None and after is not None:
                measured[at].user += after[0] - before[0]
                measured[at].kernel += after[1] - before[1]
    found.measured += measured
