"""Two processes of the gateway on two cores, against one on one core. The load needs a third."""

from dataclasses import replace
from functools import partial

from benchmarks import wrk
from benchmarks.bench import Found, Plan, in_turn
from benchmarks.ends.backend import backend
from benchmarks.peers import gateway
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
            measure = partial(small.measure, seconds=plan.seconds, connections=CONNECTIONS)
            in_turn(plan, found, [one, two], measure)
    rates = [each.rate for each in found.measured]
    ratio = rates[1] / rates[0] if rates[0] else None
    if len(where) > 2:
        found.add("processes", ratio)
    else:
        found.add("processes", None, "needs a third core for the load")
    return found
