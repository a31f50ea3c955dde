"""Bodies of a MiB and of a GiB: the price of a byte. A unit is a GB (10⁹ bytes)."""

import time
from functools import partial

from benchmarks.bench import Found, Plan, in_turn, started
from benchmarks.ends.backend import BLOCK, MIB, backend, write_files
from benchmarks.ends.calls import Wrong, check, connected, length_of, read_head
from benchmarks.ends.stored import Known
from benchmarks.figures import Sample, cost_ratio
from benchmarks.process import Running
from benchmarks.works import small

GB = 1e9
CONNECTIONS = 4
GIB = 1024
"""MiB in the large body."""


def mib(plan: Plan) -> Found:
    found = Found("mib", "1 MiB bodies", "GB", "CPU s/GB")
    names = ("wsproxy", "nginx") if plan.quick else ("wsproxy", "nginx", "haproxy", "aiohttp")
    with backend(plan.folder, plan.cores.load) as direct:
        _files(plan, 1)
        with started(plan, found, direct.port, names) as proxies:
            one = partial(
                small.measure,
                seconds=plan.seconds,
                path="/files/mib",
                body=BLOCK,
                connections=CONNECTIONS,
                unit=MIB / GB,
            )
            in_turn(plan, found, [direct, *proxies], one)
    found.compare("mib-nginx", cost_ratio, "nginx")
    return found


def gib(plan: Plan) -> Found:
    found = Found("gib", "1 GiB body", "GB", "CPU s/GB")
    size = GIB * MIB
    with backend(plan.folder, plan.cores.load) as direct:
        _files(plan, GIB)
        names = ("wsproxy", "nginx", "nginx tuned", "haproxy")
        with started(plan, found, direct.port, names) as proxies:
            in_turn(plan, found, [direct, *proxies], partial(_download, size=size))
    found.compare("gib-nginx", cost_ratio, "nginx")
    found.compare("gib-tuned", cost_ratio, "nginx tuned")
    return found


def _files(plan: Plan, size: int) -> None:
    folder = plan.folder / "backend"
    if not (folder.parent / "files").exists():
        write_files(plan.folder, size)


def _download(target: Running, size: int) -> Sample:
    """One body on one connection, after a smaller one all of which is compared."""
    check(target, "/files/mib", BLOCK)
    with connected(target) as call:
        before, began = target.cpu(), time.monotonic()
        call.sendall(target.request("/files/gib"))
        head, rest = read_head(call)
        if not head.startswith(b"HTTP/1.1 200 ") or length_of(head) != size:
            raise Wrong(f"{target.name}: {head[:400]!r}")
        body = Known(BLOCK)
        body.had(rest)
        for _ in range(size // MIB):
            while not body.take(call, whole=False):
                pass
        after, took = target.cpu(), time.monotonic() - began
    cpu = None if before is None or after is None else after - before
    return Sample(size / GB, took, cpu)
