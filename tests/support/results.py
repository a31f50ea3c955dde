"""Results of a matrix that nobody played, for tests of reports."""

from dataclasses import replace

from wsproxy.compat.matrix import Cell
from wsproxy.compat.outcome import THIS, Run
from wsproxy.compat.play import Result
from wsproxy.compat.verdict import Sign, Verdict, unplayed
from wsproxy.core.wire import Version

GOOD = Verdict(
    Sign.GOOD,
    Sign.GOOD,
    Sign.GOOD,
    Sign.GOOD,
    reported="v1 address-refused",
    seconds=1.25,
    slowest=0.5,
)
IDLE = replace(GOOD, launch=Sign.IDLE, said=("launch: start-service was answered 500",))
NASTY = '<b>"&\x00\x1b[31m]]>'
BAD = replace(
    GOOD, launch=Sign.BAD, deletion=Sign.BAD, said=(f"launch: {NASTY}", "not deleted: why")
)


def result(name: str, verdict: Verdict = GOOD) -> Result:
    player, mode, animal, *more = name.split("/")
    return Result(Cell(player, Version(mode), animal, *more), verdict)


MIXED = Run(
    THIS,
    [
        result("webui-22.09/v1/healthy"),
        result("webui-22.09/v1/refuse", BAD),
        result("webui-22.09/v2/healthy"),
        result("webui-22.09/v2/refuse", IDLE),
        result("webui-20.09/v1/healthy"),
        result("webui-20.09/v2/refuse", unplayed("out of time")),
    ],
    seconds=12.3456,
)
ALL_WELL = Run(THIS, [result("webui-22.09/v1/healthy")])
