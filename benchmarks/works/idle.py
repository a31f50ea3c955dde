"""Memory of connections that rest: the growth between two counts, without the process itself."""

import socket
from collections.abc import Callable

from benchmarks.bench import Found, Plan, started
from benchmarks.ends.backend import SMALL, backend
from benchmarks.ends.calls import Wrong, ask, connected, upgraded
from benchmarks.figures import slope
from benchmarks.process import Running, module
from benchmarks.works.small import PATH

SPARE = 300
"""Files that a process needs besides those of the connections."""


def keep_alive(plan: Plan) -> Found:
    found = Found("idle-ka", "idle kept-alive connections")
    with (
        backend(plan.folder, plan.cores.load, plan.files) as direct,
        started(plan, found, direct.port, ("wsproxy", "nginx", "haproxy")) as proxies,
    ):
        count = min(plan.size(4000, 1500), plan.files - SPARE)
        for target in proxies:
            plan.say(f"idle-ka: {count} connections to {target.name}")
            value = _each(found, target, count, lambda target: _kept(target))
            _tell(found, "idle-ka", target, value, count)
    return found


def websockets(plan: Plan) -> Found:
    found = Found("idle-ws", "idle WebSockets")
    wanted = plan.size(10_000, 1500)
    count = min(wanted, (plan.files - SPARE) // 2)  # a proxy needs two files for each
    if count < wanted:
        found.notes.append(f"{count} instead of {wanted}: a process may open {plan.files} files")
    with (
        module("benchmarks.ends.echo", core=plan.cores.load) as (_, port),
        started(plan, found, int(port), ("wsproxy", "nginx", "haproxy")) as proxies,
    ):
        for target in proxies:
            plan.say(f"idle-ws: {count} WebSockets to {target.name}")
            _tell(found, "idle-ws", target, _each(found, target, count, upgraded), count)
    return found


def _kept(target: Running) -> socket.socket:
    call = connected(target)
    ask(call, target, PATH, SMALL)
    return call


def _each(
    found: Found, target: Running, count: int, opened: Callable[[Running], socket.socket]
) -> float | None:
    """Bytes for one more connection; all of them must still be open at the end."""
    calls: list[socket.socket] = []
    points = []
    try:
        for goal in (count // 5, count):
            while len(calls) < goal:
                calls.append(opened(target))
            points.append((float(goal), float(target.memory())))
        if gone := sum(_ended(call) for call in calls):
            raise Wrong(f"{target.name}: {gone} of {count} idle connections were closed")
    except (Wrong, OSError) as error:
        found.wrong.append(f"{target.name}: after {len(calls)} connections: {error}")
        return None
    finally:
        for call in calls:
            call.close()
    return slope(points)


def _ended(call: socket.socket) -> bool:
    call.setblocking(False)
    try:
        return call.recv(1) == b""
    except BlockingIOError:
        return False


def _tell(found: Found, goal: str, target: Running, value: float | None, count: int) -> None:
    if target.name == "wsproxy":
        found.add(goal, None if value is None else value / 1000)
    if value is not None:
        found.notes.append(f"{target.name}: {value:,.0f} bytes each, {count} open")
