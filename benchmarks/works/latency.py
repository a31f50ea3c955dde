"""What a proxy adds to the slowest of a hundred small requests, at half of the load it can take."""

import statistics

from benchmarks import wrk
from benchmarks.bench import Found, Plan, started
from benchmarks.ends.backend import SMALL, backend
from benchmarks.ends.calls import Wrong, check
from benchmarks.figures import Measured, Sample
from benchmarks.process import Running
from benchmarks.works.small import CONNECTIONS, PATH, WARM_UP

PACED = 64
"""Connections that pause between requests."""


def run(plan: Plan) -> Found:
    found = Found("p99", "small requests at half load", "requests", "CPU µs/request", 1e6)
    with (
        backend(plan.folder, plan.cores.load) as direct,
        started(plan, found, direct.port, ("wsproxy", "nginx")) as proxies,
    ):
        ours = next((proxy for proxy in proxies if proxy.name == "wsproxy"), None)
        if ours is None:
            raise Wrong("the gateway does not start")
        full = wrk.run(ours, PATH, max(WARM_UP, plan.seconds), CONNECTIONS)
        half = full.requests / full.seconds / 2
        targets = [direct, *proxies]
        found.measured += [Measured(target.name) for target in targets]
        slow: dict[str, list[float]] = {target.name: [] for target in targets}
        for number in range(plan.rounds):
            for step in range(len(targets)):
                at = (number + step) % len(targets)
                plan.say(f"p99: round {number + 1} of {plan.rounds}, {targets[at].name}")
                try:
                    load = _paced(targets[at], half, plan.seconds, found.measured[at])
                except Wrong as error:
                    found.wrong.append(str(error))
                else:
                    slow[targets[at].name].append(load.p99 * 1e3)
    medians = {name: statistics.median(values) for name, values in slow.items() if values}
    found.notes += [f"p99 of {name}: {value:.2f} ms" for name, value in medians.items()]
    found.notes.append(f"half load: {half:,.0f} requests/s")
    if {"wsproxy", "direct"} <= medians.keys():
        found.add("p99", max(0.0, medians["wsproxy"] - medians["direct"]))
    else:
        found.add("p99", None, "no answers")
    return found


def _paced(target: Running, rate: float, seconds: float, measured: Measured) -> wrk.Load:
    check(target, PATH, SMALL)
    before = target.cpu()
    load = wrk.run(target, PATH, seconds, PACED, pause=PACED / rate * 1e3)
    after = target.cpu()
    cpu = None if before is None or after is None else after - before
    measured.samples.append(Sample(load.requests, load.seconds, cpu, load.faults))
    return load
