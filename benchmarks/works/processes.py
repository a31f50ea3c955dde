"""Two processes of the gateway on two cores, against one on one core.

The load needs a third. Where there is none, what counts is the CPU that a request takes from the
core that has most to do: that core sets the rate which both can reach.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from benchmarks import wrk
from benchmarks.bench import Found, Plan, in_turn
from benchmarks.ends.backend import backend
from benchmarks.figures import Measured, Ratio, Sample, cost_ratio, rate_ratio
from benchmarks.machine import cpu_each
from benchmarks.peers import gateway
from benchmarks.process import Running
from benchmarks.works import small

TWO = "processes = 2"
CONNECTIONS = 64
"""Enough that the kernel gives some to each process."""


def run(plan: Plan) -> Found:
    found = Found("processes", "one process, two processes", "requests", "CPU µs/request", 1e6)
    if not gateway.accepts(TWO):
        found.add("processes", None, "not yet: this release runs one process")
        return found
    where = plan.cores.all
    with backend(plan.folder, plan.cores.load) as direct:
        setting = plan.setting(direct.port)
        both = replace(setting, core=where[1:3] if len(where) > 2 else where or None)
        with (
            gateway.start(setting, name="one process") as one,
            gateway.start(both, TWO, "two processes") as two,
        ):
            for target in (one, two):
                wrk.run(target, small.PATH, small.WARM_UP, CONNECTIONS)
            in_turn(plan, found, [one, two], partial(_measure, seconds=plan.seconds))
    found.compare(
        "processes",
        rate_ratio if len(where) > 2 else _busiest_cores,
        theirs="one process",
        ours="two processes",
    )
    return found


def _measure(target: Running, seconds: float) -> Sample:
    """``cpu`` is that of the core that has most to do."""
    before = cpu_each(target.pid)
    sample = small.measure(target, seconds=seconds, connections=CONNECTIONS)
    used = [now - before.get(pid, 0.0) for pid, now in cpu_each(target.pid).items()]
    return sample._replace(cpu=busiest(used, 1 if target.name == "one process" else 2))


def busiest(used: Sequence[float], cores: int) -> float:
    """CPU of the busiest core, when processes that used this share some cores as well as can be.

    >>> busiest([3.0, 1.0], 2), busiest([2.0, 2.0, 1.0], 2), busiest([2.0, 1.0], 1)
    (3.0, 2.5, 3.0)
    """
    return max([*used, sum(used) / cores])


def _busiest_cores(ours: Measured, theirs: Measured) -> Ratio | None:
    cost = cost_ratio(ours, theirs)
    note = "by CPU of the busiest core: the load needs a third one"
    return None if cost is None or not cost.value else Ratio(1 / cost.value, note)
