"""What should work in a cell, and what is said of what was seen: values in, values out.

A session should be deleted in every cell, whatever stands at the group's address. What should be
launched, and what the version report should say, depends on the client, on what the target is, and
on the address.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from wsproxy.compat.eras.clients import Client
from wsproxy.compat.matrix import HEALTHY, Cell
from wsproxy.compat.zoo.table import ANIMALS
from wsproxy.core.version import row_of
from wsproxy.core.wire import Version
from wsproxy.sim.traits import ManagerTraits, NoAddress

IN_TIME = 3.0
"""Seconds for a version report: clients of 22.x to 23.09 wait five (P 9.5)."""

SILENT = "-silent"
"""The end of reasons that are told when nobody answered in time."""

ANY = ""
"""A reason that is not known beforehand: any that says why it is v1."""

MANAGERS_SAY = {
    "healthy-v1": Version.V1,
    "healthy-v2": Version.V2,
    "ipv6-only": Version.V2,
    "trailing-slash": Version.V2,
    "404-with-good-body": Version.V2,
    "503-with-good-body": Version.V2,
    "redirect": Version.V2,
}
"""Animals that managers of every age believe: they ignore the status and follow redirects (O 1)."""


@dataclass(frozen=True, slots=True)
class Kind:
    """What a target is. ``front``: it stands before the manager, so clients hear its report.
    ``knows``: its settings have the addresses of the groups, so that it can look itself.
    """

    front: bool
    v1: bool
    v2: bool
    knows: bool = False


THIS_GATEWAY = Kind(front=True, v1=True, v2=True, knows=True)


@dataclass(frozen=True, slots=True)
class Report:
    """A version report: what it says, or should say."""

    version: str
    reason: str = ANY


@dataclass(frozen=True, slots=True)
class Should:
    """``reports``: one for each question of the client; None where they are not the target's."""

    launch: bool
    reports: tuple[Report, ...] | None


def should(row: Client, kind: Kind, cell: Cell, traits: ManagerTraits) -> Should:
    """What must work. ``traits`` are those of the manager."""
    first = Report(cell.mode, _healthy_reason(cell.mode, traits))
    last = first if cell.animal == HEALTHY else of_animal(cell.animal, kind)
    at_launch = last if cell.mode is Version.V1 else first
    return Should(_launch(row, kind, cell, at_launch), _reports(row, kind, at_launch, last))


def _healthy_reason(mode: Version, traits: ManagerTraits) -> str:
    without = mode is Version.V1 and traits.no_address is NoAddress.NOT_FOUND
    return "address-not-set" if without else "confirmed"


def of_animal(name: str, kind: Kind) -> Report:
    """What a front reports of an animal: the manager's answer if it is good, else its own look."""
    believed = MANAGERS_SAY.get(name)
    if believed is not None:
        return Report(believed, "confirmed")
    if kind.knows:
        animal = ANIMALS[name]
        return Report(animal.version, animal.reason)
    return Report(Version.V1)


def _reports(row: Client, kind: Kind, first: Report, last: Report) -> tuple[Report, ...] | None:
    if not kind.front:
        return None
    if row.ui is None:
        return ()
    asked = (first,) if row.ui.asks_version else ()
    return (*asked, last) if row.ui.asks_before_delete else asked


def _launch(row: Client, kind: Kind, cell: Cell, told: Report) -> bool:
    """A client acts on the report of the moment at which it launches."""
    if row.ui is None:
        return True
    launched_bad = cell.mode is Version.V1 and cell.animal != HEALTHY
    if launched_bad and row.ui.asks_version and not kind.front:
        return False  # the manager's answer decides, and it is not the target's
    asks = row.ui.asks_version and row.ui.answer_key == "wsproxy_version"
    acts_on = told.version if asks else Version.V1
    if acts_on == Version.V1:
        return kind.v1
    return kind.v2 and not launched_bad


class Sign(StrEnum):
    """How one question about a cell is answered."""

    GOOD = "works"
    BAD = "fails"
    IDLE = "need not work"
    NONE = "not asked"


@dataclass(frozen=True, slots=True)
class Asked:
    """One version question and its answer; ``status`` 0 when there was none."""

    status: int
    report: Report
    seconds: float


@dataclass(frozen=True, slots=True)
class Seen:
    """What happened. ``deleted`` is the installation's word; ``left``: circuits that stayed open,
    None when nobody could be asked."""

    launched: bool
    launch: str
    asked: Sequence[Asked]
    deleted: bool
    deletion: str
    left: int | None
    seconds: float
    hurried: bool = False
    """Somebody waited until patience was over."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """``said`` are the reasons of what is not well, one line each. ``played`` False: see there."""

    launch: Sign
    report: Sign
    deletion: Sign
    circuits: Sign
    said: tuple[str, ...] = ()
    reported: str = ""
    """The last report: "v1 address-refused"."""
    seconds: float = 0.0
    slowest: float = 0.0
    """Of the answers to the version question."""
    hurried: bool = False
    silenced: bool = False
    """A report says that somebody is silent."""
    played: bool = True

    @property
    def good(self) -> bool:
        return self.played and Sign.BAD not in self.signs

    @property
    def rushed(self) -> bool:
        """Whether somebody's time was up."""
        return self.late or self.hurried or self.silenced

    @property
    def late(self) -> bool:
        """Whether a report that is the target's took too long."""
        return self.report is Sign.BAD and self.slowest > IN_TIME

    @property
    def signs(self) -> tuple[Sign, ...]:
        return (self.launch, self.report, self.deletion, self.circuits)


def unplayed(why: str) -> Verdict:
    """Of a cell that could not be played."""
    nothing = Sign.NONE
    return Verdict(nothing, nothing, nothing, nothing, (f"not played: {why}",), played=False)


def judged(wanted: Should, seen: Seen) -> Verdict:
    """The verdict on a cell."""
    wrong_reports = _wrong_reports(wanted.reports, seen.asked)
    launch = Sign.GOOD if seen.launched else Sign.BAD if wanted.launch else Sign.IDLE
    said = [] if seen.launched else [_named("launch", seen.launch)]
    said += [f"report: {wrong}" for wrong in wrong_reports]
    said += [] if seen.deleted else [_named("not deleted", seen.deletion)]
    said += [f"{seen.left} circuits stayed open"] if seen.left else []
    return Verdict(
        launch=launch,
        report=_sign(wanted.reports, wrong_reports),
        deletion=Sign.GOOD if seen.deleted else Sign.BAD,
        circuits=_circuits(wanted, seen.left),
        said=tuple(said),
        reported=_reported(seen.asked),
        seconds=seen.seconds,
        slowest=max((one.seconds for one in seen.asked), default=0.0),
        hurried=seen.hurried,
        silenced=any(one.report.reason.endswith(SILENT) for one in seen.asked),
    )


def _named(what: str, said: str) -> str:
    """What a player says may begin with it."""
    return said if said.startswith(what) else f"{what}: {said}"


def _circuits(wanted: Should, left: int | None) -> Sign:
    if left is None:
        return Sign.NONE
    if not left:
        return Sign.GOOD
    return Sign.IDLE if wanted.reports is None else Sign.BAD


def _reported(asked: Sequence[Asked]) -> str:
    if not asked:
        return ""
    last = asked[-1]
    if not last.report.version:
        return f"{last.status or 'no answer'}"
    return f"{last.report.version} {last.report.reason}".strip()


def _sign(wanted: tuple[Report, ...] | None, wrong: Sequence[str]) -> Sign:
    if not wanted:
        return Sign.NONE
    return Sign.BAD if wrong else Sign.GOOD


def _wrong_reports(wanted: tuple[Report, ...] | None, asked: Sequence[Asked]) -> list[str]:
    if wanted is None:
        return []
    if len(wanted) != len(asked):
        return [f"asked {len(asked)} times, not {len(wanted)}"]
    found = [_wrong(want, got) for want, got in zip(wanted, asked, strict=True)]
    return [wrong for wrong in found if wrong]


def _wrong(wanted: Report, got: Asked) -> str:
    """What is wrong with an answer, or ""."""
    if got.status != 200:
        return f"answered {got.status}" if got.status else "no answer"
    if got.seconds > IN_TIME:
        return f"answered after {got.seconds:.1f} s"
    if got.report.version != wanted.version:
        return f"says {got.report.version}, not {wanted.version}"
    if wanted.reason == ANY:
        return "" if says_why(got.report.reason) else f"the reason {got.report.reason!r} is none"
    if got.report.reason != wanted.reason:
        return f"the reason is {got.report.reason or 'not told'}, not {wanted.reason}"
    return ""


def says_why(reason: str) -> bool:
    """Whether ``reason`` is one of those that there are, and one that explains a fall-back."""
    try:
        return row_of(reason).degraded
    except KeyError:
        return False
