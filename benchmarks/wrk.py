"""``wrk``: a load generator that is quicker than any proxy. Its exact numbers, by a script."""

import json
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.process import Running

REPORT = """
done = function(summary, latency, requests)
  local e = summary.errors
  io.write(string.format(
    '\\nREPORT {"requests":%d,"bytes":%d,"microseconds":%d,"faults":%d,"p50":%d,"p99":%d}\\n',
    summary.requests, summary.bytes, summary.duration,
    e.connect + e.read + e.write + e.status + e.timeout,
    latency:percentile(50), latency:percentile(99)))
end
"""

DELAY = "delay = function() return math.random({low}, {high}) end\n"

ROTATE = """
local all, turn = {{ {requests} }}, 0
request = function() turn = turn % #all + 1; return all[turn] end
"""


class Load(NamedTuple):
    """What one run of wrk saw. Latencies are in seconds."""

    requests: int
    received: int
    seconds: float
    faults: int
    p50: float
    p99: float


def found() -> str | None:
    return shutil.which("wrk")


def read_report(text: str) -> Load:
    """The line that our script prints. Raises ``ValueError`` when there is none."""
    for line in text.splitlines():
        if line.startswith("REPORT "):
            said: dict[str, Any] = json.loads(line.removeprefix("REPORT "))
            return Load(
                said["requests"],
                said["bytes"],
                said["microseconds"] / 1e6,
                said["faults"],
                said["p50"] / 1e6,
                said["p99"] / 1e6,
            )
    raise ValueError(f"wrk said nothing that can be read: {text[-500:]}")


def run(
    target: Running,
    path: str,
    seconds: float,
    connections: int,
    pause: float = 0.0,
    requests: Sequence[bytes] = (),
) -> Load:
    """Load a target. ``pause``: milliseconds between two requests of a connection, on average.

    ``requests`` are sent in turn instead of one for ``path``.
    """
    script = REPORT
    if pause:
        script += DELAY.format(low=max(1, round(pause / 2)), high=max(1, round(pause * 1.5)))
    if requests:
        script += ROTATE.format(requests=", ".join(json.dumps(one.decode()) for one in requests))
    with tempfile.TemporaryDirectory(prefix="wsproxy-wrk-") as folder:
        file = Path(folder, "report.lua")
        file.write_text(script)
        program = found()
        assert program is not None
        command = [program, "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s"]
        for name, value in target.fields:
            command += ["-H", f"{name}: {value}"]
        command += ["-s", str(file), f"http://127.0.0.1:{target.port}{path}"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=seconds + 60)
    return read_report(done.stdout + done.stderr)
