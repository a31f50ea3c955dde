"""Small requests over kept connections: the price of one request."""

from functools import partial

from benchmarks import wrk
from benchmarks.bench import Found, Plan, in_turn, started
from benchmarks.ends.backend import SMALL, backend
from benchmarks.ends.calls import Wrong, check
from benchmarks.figures import Sample, cost_ratio, rate_ratio
from benchmarks.process import Running

PATH = "/api/kernels?1"
CONNECTIONS = 16
WARM_UP = 1.0
NAMES = ("wsproxy", "nginx", "haproxy", "caddy", "chp", "aiohttp", "app proxy worker")


def run(plan: Plan) -> Found:
    found = Found("small", "small requests, kept alive", "requests", "CPU µs/request", 1e6)
    names = NAMES if plan.quick else (*NAMES, "python wsproxy")
    with (
        backend(plan.folder, plan.cores.load) as direct,
        started(plan, found, direct.port, names) as proxies,
    ):
        for target in proxies:
            wrk.run(target, PATH, WARM_UP, CONNECTIONS)
        in_turn(plan, found, [direct, *proxies], partial(measure, seconds=plan.seconds))
    found.compare("small-rate", rate_ratio, "nginx")
    found.compare("small-worker", cost_ratio, "app proxy worker")
    found.compare("small-chp", cost_ratio, "chp")
    found.compare("small-caddy", cost_ratio, "caddy")
    return found


def measure(
    target: Running,
    seconds: float,
    path: str = PATH,
    body: bytes = SMALL,
    connections: int = CONNECTIONS,
    unit: float = 1.0,
) -> Sample:
    """One turn of wrk. The answer is looked at before and after, its length all the time."""
    check(target, path, body)
    before = target.cpu()
    load = wrk.run(target, path, seconds, connections)
    after = target.cpu()
    check(target, path, body)
    if load.received < load.requests * len(body):
        raise Wrong(f"{load.received} bytes in {load.requests} answers")
    cpu = None if before is None or after is None else after - before
    return Sample(load.requests * unit, load.seconds, cpu, load.faults)
