"""Many circuits: what the size of the table costs, and whether the end of one is felt by others."""

from functools import partial

from benchmarks import wrk
from benchmarks.bench import Found, Plan, in_turn
from benchmarks.ends.backend import SMALL, backend
from benchmarks.ends.calls import Wrong, check, connected
from benchmarks.ends.messages import Messages
from benchmarks.figures import Sample, rate_ratio, slope
from benchmarks.peers import many
from benchmarks.peers.gateway import Circuit, Control
from benchmarks.process import Running, module
from benchmarks.works.small import CONNECTIONS, PATH

FEW, MANY = 10, 100_000
CROWD = 10_000


def table(plan: Plan) -> Found:
    found = Found(
        "many", "small requests with few and many circuits", "requests", "CPU µs/request", 1e6
    )
    with backend(plan.folder, plan.cores.load) as direct:
        setting = plan.setting(direct.port)
        plan.say(f"many: a gateway with {MANY} circuits")
        with many.start(setting, FEW) as few, many.start(setting, MANY) as much:
            points = [(float(FEW), few.memory()), (float(MANY), much.memory())]
            for target in (few, much):
                _requests(target, 1.0)  # warm
            in_turn(plan, found, [few, much], partial(_requests, seconds=plan.seconds))
    found.compare("many-rate", rate_ratio, theirs=few.name, ours=much.name)
    found.add("many-memory", slope(points) / 1000, "the store and the table")
    return found


def _requests(target: Running, seconds: float) -> Sample:
    """To ten circuits in turn."""
    seen = [many.visitor(target, number) for number in range(FEW)]
    for one in seen:
        check(one, PATH, SMALL)
    before = target.cpu()
    load = wrk.run(target, PATH, seconds, CONNECTIONS, requests=[o.request(PATH) for o in seen])
    after = target.cpu()
    assert before is not None and after is not None
    return Sample(load.requests, load.seconds, after - before, load.faults)


def close_one(plan: Plan) -> Found:
    """WebSockets and kept connections to others must go on as if nothing had happened."""
    found = Found("close", f"closing one among {CROWD:,}".replace(",", " "))
    plan.say(f"close: a gateway with {CROWD} circuits")
    with module("benchmarks.ends.echo", core=plan.cores.load) as (_, echo):
        with many.start(plan.setting(int(echo)), CROWD) as gateway:
            others = [many.visitor(gateway, number) for number in range(many.USED)]
            calls = [Messages(one, b"still here", 1) for one in others]
            try:
                dropped = _close(plan, gateway, calls, others)
            finally:
                for call in calls:
                    call.close()
    found.add("close", dropped, f"{many.USED} WebSockets and as many new ones on other circuits")
    return found


def _close(plan: Plan, gateway: Running, calls: list[Messages], others: list[Running]) -> int:
    for number in range(plan.size(50, 10)):
        victim = many.circuit(CROWD - 1 - number, 1)
        with Control(gateway) as control:
            control.close(Circuit(str(victim.id), gateway.port, ""))
        gone = many.visitor(gateway, CROWD - 1 - number)
        with connected(gone) as call:
            call.sendall(gone.request(PATH))
            if call.recv(64).startswith(b"HTTP/1.1 200"):
                raise Wrong("a circuit that was closed still answers")
    return sum(_fails(call, other) for call, other in zip(calls, others, strict=True))


def _fails(call: Messages, other: Running) -> bool:
    """The WebSocket that was open, and one that is opened now."""
    try:
        if not call.once():
            return True
        Messages(other, b"and I am new", 1).close()
    except (Wrong, OSError):
        return True
    return False
