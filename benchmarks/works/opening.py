"""Opening circuits and closing them: how long it takes, and what it leaves behind."""

import statistics
import threading
import time
from dataclasses import dataclass, field, replace

from benchmarks import wrk
from benchmarks.bench import Found, Plan
from benchmarks.ends.backend import SMALL, backend
from benchmarks.ends.calls import Wrong, ask, connected
from benchmarks.peers import gateway
from benchmarks.peers.gateway import Circuit, Control
from benchmarks.process import Running
from benchmarks.works.small import PATH
from wsproxy.state.memory import HISTORY

WARM_UP = 200
"""Opens and closes before the start is looked at: what a process keeps anyway is kept by then."""

KEPT = "in the second half; a token and a tombstone are kept for a day"

SETTLE = 10.0
"""Seconds for the last connections to go."""


def first_byte(plan: Plan) -> Found:
    """From the first call of the control API to the app's answer, over kept API connections."""
    found = Found("open", "opening a circuit to first byte")
    with backend(plan.folder, plan.cores.load) as direct:
        with gateway.running(plan.setting(direct.port)) as running, Control(running) as control:
            took = []
            plan.say("open: opening circuits")
            for number in range(plan.size(300, 80)):
                began = time.perf_counter()
                circuit = control.open(direct.port)
                _first_answer(running, circuit)
                if number >= 10:
                    took.append((time.perf_counter() - began) * 1e3)
                control.close(circuit)
    found.add("open", statistics.median(took))
    found.notes.append(f"slowest of {len(took)}: {max(took):.1f} ms")
    return found


def _first_answer(running: Running, circuit: Circuit) -> None:
    app = replace(running, port=circuit.port, cookie=circuit.cookie)
    with connected(app) as call:
        ask(call, app, PATH, SMALL)


def churn(plan: Plan) -> Found:
    count = plan.size(10_000, 500)
    found = Found("churn", f"{count} opens and closes, traffic beside them")
    with backend(plan.folder, plan.cores.load) as direct:
        with gateway.start(plan.setting(direct.port)) as running, Control(running) as control:
            with _Traffic(running):
                _opens_and_closes(control, running, direct.port, WARM_UP)
            files, memory = _settled(running, None)
            with _Traffic(running) as traffic:
                plan.say(f"churn: {count} opens and closes")
                _opens_and_closes(control, running, direct.port, count // 2)
                half = running.memory()
                _opens_and_closes(control, running, direct.port, count - count // 2)
            after_files, after = _settled(running, files)
    found.notes.append(f"{traffic.requests:,} requests of others meanwhile")
    found.wrong += traffic.wrong
    found.add("churn-faults", traffic.faults)
    found.add("churn-files", max(0, after_files - files))
    found.notes.append(f"memory: {memory:,} bytes before, {half:,} half way, {after:,} after")
    if count // 2 >= HISTORY:
        found.add("churn-memory", (after - half) / (count - count // 2) / 1000, KEPT)
    else:
        found.add("churn-memory", None, "only in the full run: the last 4096 changes are kept")
    return found


def _opens_and_closes(control: Control, running: Running, app: int, count: int) -> None:
    for _ in range(count):
        circuit = control.open(app)
        _first_answer(running, circuit)
        control.close(circuit)


def _settled(running: Running, files: int | None) -> tuple[int, int]:
    """Descriptors and memory when nothing changes any more, or ``files`` are reached."""
    end, before = time.monotonic() + SETTLE, -1
    while time.monotonic() < end:
        now = running.descriptors()
        if (now == before) if files is None else (now <= files):
            break
        before = now
        time.sleep(0.5)
    return running.descriptors(), running.memory()


@dataclass
class _Traffic:
    """Requests to a circuit that stays, until the block ends."""

    target: Running
    requests: int = 0
    faults: int = 0
    wrong: list[str] = field(default_factory=list)

    def __enter__(self) -> "_Traffic":
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._over.is_set():
            try:
                load = wrk.run(self.target, PATH, 1, 4, pause=2.0)
                if load.received < load.requests * len(SMALL):
                    raise Wrong("answers without their body")
            except (Wrong, ValueError) as error:
                self.wrong.append(str(error))
                return
            self.requests += load.requests
            self.faults += load.faults
