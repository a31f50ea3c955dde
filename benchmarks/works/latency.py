"""What a proxy adds to the slowest of a hundred small requests, at half of the load it can take."""

import statistics

from benchmarks import wrk
from benchmarks.bench import Found, Plan, in_turn, started
from benchmarks.ends.backend import SMALL, backend
from benchmarks.ends.calls import Wrong, check
from benchmarks.ends.paced import Paced, percentile
from benchmarks.figures import Sample
from benchmarks.process import Running
from benchmarks.works.small import CONNECTIONS, PATH, WARM_UP

PACED = 64
"""Connections that requests arrive on."""


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
        slow: dict[str, list[float]] = {}

        def one(target: Running) -> Sample:
            sample, took = _paced(target, half, plan.seconds)
            slow.setdefault(target.name, []).append(percentile(took, 0.99) * 1e3)
            return sample

        in_turn(plan, found, [direct, *proxies], one)
    medians = {name: statistics.median(values) for name, values in slow.items()}
    found.notes += [f"p99 of {name}: {value:.2f} ms" for name, value in medians.items()]
    found.notes.append(f"half load: {half:,.0f} requests/s")
    if {"wsproxy", "direct"} <= medians.keys():
        found.add("p99", max(0.0, medians["wsproxy"] - medians["direct"]))
    else:
        found.add("p99", None, "no answers")
    return found


def _paced(target: Running, rate: float, seconds: float) -> tuple[Sample, list[float]]:
    check(target, PATH, SMALL)
    load = Paced(target, PATH, SMALL, PACED)
    try:
        before = target.cpu()
        took = load.run(rate, seconds)
        after = target.cpu()
    finally:
        load.close()
    cpu = None if before is None or after is None else after - before
    return Sample(len(took), seconds, cpu), took
