"""What is measured. To add a work, write a function from a plan to what was found, and name it."""

from collections.abc import Callable

from benchmarks.bench import Found, Plan
from benchmarks.works import (
    bodies,
    circuits,
    idle,
    latency,
    opening,
    processes,
    small,
    tunnel,
    websocket,
)

Work = Callable[[Plan], Found]

WORKS: dict[str, Work] = {
    "small": small.run,
    "mib": bodies.mib,
    "gib": bodies.gib,
    "ws-small": websocket.small,
    "ws-large": websocket.large,
    "tunnel-up": tunnel.up,
    "tunnel-down": tunnel.down,
    "idle-ka": idle.keep_alive,
    "idle-ws": idle.websockets,
    "p99": latency.run,
    "many": circuits.table,
    "open": opening.first_byte,
    "close": circuits.close_one,
    "churn": opening.churn,
    "processes": processes.run,
}
