"""The gateway with many circuits below a wildcard domain, in its store before it starts.

Opening 100 000 through the API would take minutes and is another measurement. Arguments: the
settings, how many circuits, the app's port. Prints the domain's port.
"""

import asyncio
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

from benchmarks.machine import raise_file_limit
from benchmarks.peers.gateway import SECRET
from benchmarks.peers.peer import Setting
from benchmarks.process import Running, free_port, module
from wsproxy.app.gateway import Gateway
from wsproxy.cli.serve import loop_factory
from wsproxy.config.load import load
from wsproxy.core.circuit import Circuit, Direct, HostListener, Protocol
from wsproxy.core.permits import cookie_name, issue
from wsproxy.core.replica import Entry
from wsproxy.core.wire import Version

DOMAIN = ".apps.test"
USED = 100
"""Circuits that lead to the app; with the others nothing is done but closing them."""

SETTINGS = """
[gateway]
bind = "127.0.0.1:{api}"
admin-bind = ""
log-level = "warning"
[v2]
api-secret = "{secret}"
jwt-secret = "{secret}"
permit-secret = "{secret}"
targets = ["127.0.0.0/8"]
domain = "{domain}"
domain-bind = "127.0.0.1:{port}"
[limits]
connections-per-client = 0
unused-circuit = 0.0
"""


def circuit(number: int, app: int, now: float = 0.0) -> Circuit:
    """One of many: a session, an owner and a user of its own."""
    session = str(UUID(int=(1 << 100) + number))
    return Circuit(
        id=UUID(int=(1 << 101) + number),
        version=Version.V2,
        app="jupyterlab",
        protocol=Protocol.HTTP,
        session_id=session,
        listener=HostListener(f"jupyterlab-{number}"),
        routes=(Direct(_host(number), app, session_id=session),),
        owner=f"AKIA{number:016d}",
        user_id=str(UUID(int=(1 << 102) + number)),
        created_at=now,
        updated_at=now,
    )


def _host(number: int) -> str:
    """Containers have addresses of their own; only the first ones are ever called."""
    if number < USED:
        return "127.0.0.1"
    return f"127.{1 + (number >> 16)}.{number >> 8 & 255}.{number & 255}"


def cookie(number: int) -> str:
    """The permit, as the gateway would have issued it."""
    one = circuit(number, 1)
    return f"{cookie_name(one.id)}={issue(SECRET, one.id, time.time())}"


def visitor(gateway: Running, number: int) -> Running:
    """The gateway as somebody sees it who uses that circuit."""
    return Running(
        gateway.name,
        gateway.port,
        gateway.pid,
        cookie(number),
        host=f"jupyterlab-{number}{DOMAIN}:{gateway.port}",
        api=gateway.api,
    )


@contextmanager
def start(setting: Setting, count: int) -> Iterator[Running]:
    api, port = free_port(), free_port()
    settings = setting.folder / f"many-{count}.toml"
    settings.write_text(SETTINGS.format(api=api, secret=SECRET, domain=DOMAIN, port=port))
    name = f"{count:,} circuits".replace(",", " ")
    with module("benchmarks.peers.many", settings, count, setting.app, core=setting.core) as found:
        yield Running(name, port, found[0], api=api)


async def serve(settings: Path, count: int, app: int) -> None:
    gateway = Gateway(load(settings).settings)
    traffic, now = gateway.traffic, time.time()
    for number in range(count):
        await traffic.store.put(Entry(circuit(number, app, now), traffic.feed.node))
    await gateway.start()
    if len(traffic.table()) != count:
        raise SystemExit(f"{len(traffic.table())} circuits instead of {count}")
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    try:
        await asyncio.get_running_loop().create_future()
    finally:
        await gateway.close()


if __name__ == "__main__":
    raise_file_limit()
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(serve(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])))
