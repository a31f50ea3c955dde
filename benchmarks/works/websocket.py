"""WebSocket messages there and back, small and large."""

import hashlib
from functools import partial

from benchmarks.bench import Found, Plan, in_turn, started
from benchmarks.ends.backend import MIB
from benchmarks.ends.large import Large
from benchmarks.ends.messages import Messages
from benchmarks.figures import Sample, rate_ratio
from benchmarks.process import Running, module

KIB = b"".join(hashlib.sha512(b"%d" % n).digest() for n in range(16))
SMALL_CONNECTIONS = 16
LARGE_CONNECTIONS = 4
THERE_AND_BACK = 2 * MIB / 1e9
"""GB that one large message moves."""


def small(plan: Plan) -> Found:
    found = Found("ws-small", "WebSocket, 1 KiB there and back", "messages", "CPU µs/message", 1e6)
    names = ("wsproxy", "nginx", "haproxy", *(() if plan.quick else ("caddy", "chp")))
    with module("benchmarks.ends.echo", core=plan.cores.load) as (pid, port):
        with started(plan, found, int(port), names) as proxies:
            one = partial(_small, seconds=plan.seconds)
            in_turn(plan, found, [_direct(int(port), pid), *proxies], one)
    found.compare("ws-small", rate_ratio, "nginx")
    return found


def large(plan: Plan) -> Found:
    found = Found("ws-large", "WebSocket, 1 MiB there and back", "GB", "CPU s/GB")
    names = ("wsproxy", "nginx", "nginx tuned", "haproxy")
    with module("benchmarks.ends.large", core=plan.cores.load) as (pid, port):
        with started(plan, found, int(port), names) as proxies:
            one = partial(_large, seconds=plan.seconds)
            in_turn(plan, found, [_direct(int(port), pid), *proxies], one)
    found.compare("ws-large", rate_ratio, "nginx tuned")
    return found


def _direct(port: int, pid: int) -> Running:
    return Running("direct", port, pid, proxy=False)


def _small(target: Running, seconds: float) -> Sample:
    load = Messages(target, KIB, SMALL_CONNECTIONS)
    try:
        return load.run(target, seconds)
    finally:
        load.close()


def _large(target: Running, seconds: float) -> Sample:
    load = Large(target, LARGE_CONNECTIONS)
    try:
        sample = load.run(target, seconds)
    finally:
        load.close()
    return sample._replace(units=sample.units * THERE_AND_BACK)
