"""``make profile``: what Python costs in one small request, and where.

The whole path of a request runs in this process, from the bytes of its head to the bytes of the
answer, on transports that only take notes: no kernel, no loop, no load. Times are CPU of this
process, so others on the machine hardly matter. With ``--running PID`` a sampler (py-spy or perf,
where one is installed) looks at a gateway that is under load instead.
"""

import asyncio
import cProfile
import pstats
import shutil
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click

from benchmarks.ends.backend import SMALL
from benchmarks.peers import many
from benchmarks.peers.gateway import SECRET
from benchmarks.process import Running
from wsproxy.app.gateway import Gateway
from wsproxy.cli.serve import loop_factory
from wsproxy.config.load import load
from wsproxy.core.replica import Entry
from wsproxy.data.lanes import key_of
from wsproxy.net.http1 import AppConnection

APP = 1
"""Nobody is called: the connection to the app is one of ours."""

FIELDS = b"Content-Type: text/plain\r\nContent-Length: %d\r\n" % len(SMALL)
ANSWERS = {
    "answer without Connection": b"HTTP/1.1 200 OK\r\n" + FIELDS + b"\r\n" + SMALL,
    "answer with Connection: keep-alive": b"HTTP/1.1 200 OK\r\n"
    + FIELDS
    + b"Connection: keep-alive\r\n\r\n"
    + SMALL,
}
REPEATS = 5


class Noted(asyncio.Transport):
    """Takes what is written, and is never full."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""

    def write(self, data: Any) -> None:
        self.written = data

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return ("127.0.0.1", 50000) if name == "peername" else default

    def get_write_buffer_size(self) -> int:
        return 0

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        return None

    def is_closing(self) -> bool:
        return False

    def pause_reading(self) -> None:
        return None

    def resume_reading(self) -> None:
        return None

    def close(self) -> None:
        return None

    def abort(self) -> None:
        return None


class Harness:
    """One kept connection of a client, one to an app, both without a socket."""

    def __init__(self, gateway: Gateway, request: bytes) -> None:
        self._request = request
        traffic = gateway.traffic
        made = traffic.wildcard()()
        assert isinstance(made, asyncio.Protocol)
        self._client = made
        self._to_client, self._to_app = Noted(), Noted()
        self._app = AppConnection()
        self._engine = traffic.engine
        self._key = key_of(many.circuit(0, APP).routes[0])

    async def begin(self) -> None:
        self._client.connection_made(self._to_client)
        assert await self._engine.pool.place(self._key, 1.0, safe=True) is None
        self._app.connection_made(self._to_app)
        self._engine.pool.put_back(self._key, self._app)

    def exchange(self, answer: bytes) -> None:
        self._client.data_received(self._request)
        self._app.data_received(answer)

    def check(self, answer: bytes) -> None:
        """The request reaches the app, without the permit, and the answer the client."""
        self.exchange(answer)
        if b"appproxy_permit" in self._to_app.written or not self._to_app.written:
            raise SystemExit(f"the app got {self._to_app.written!r}")
        if not self._to_client.written.endswith(SMALL):
            raise SystemExit(f"the client got {self._to_client.written!r}")

    def timed(self, answer: bytes, count: int) -> float:
        """Microseconds of CPU for one exchange: the best of some repeats."""
        best = float("inf")
        for _ in range(REPEATS):
            began = time.process_time()
            for _ in range(count):
                self.exchange(answer)
            best = min(best, (time.process_time() - began) / count * 1e6)
        return best

    def end(self) -> None:
        self._client.connection_lost(None)


async def profile(settings: Path, count: int, lines: int) -> None:
    gateway = Gateway(load(settings).settings)
    traffic = gateway.traffic
    circuit = many.circuit(0, APP, time.time())
    await traffic.store.put(Entry(circuit, traffic.feed.node))
    await gateway.start()
    try:
        visitor = many.visitor(Running("wsproxy", 80, 0), 0)
        harness = Harness(gateway, visitor.request("/api/kernels?1"))
        await harness.begin()
        for name, answer in ANSWERS.items():
            harness.check(answer)
            click.echo(f"{harness.timed(answer, count):6.1f} µs of Python a request: {name}")
        measured = cProfile.Profile()
        answer = next(iter(ANSWERS.values()))
        measured.enable()
        for _ in range(count):
            harness.exchange(answer)
        measured.disable()
        click.echo(f"{count} requests; calls cost more here than without a profiler")
        pstats.Stats(measured, stream=sys.stdout).strip_dirs().sort_stats("tottime").print_stats(
            lines
        )
        harness.end()
    finally:
        await gateway.close()


def sample(pid: int, seconds: int) -> int:
    """Let a sampler look at a running gateway."""
    if spy := shutil.which("py-spy"):
        command = [spy, "record", "--native", "-d", str(seconds), "-o", "profile.svg"]
        return subprocess.call([*command, "-p", str(pid)])
    if perf := shutil.which("perf"):
        command = [perf, "record", "-g", "-o", "perf.data", "-p", str(pid)]
        subprocess.call([*command, "--", "sleep", str(seconds)])
        return subprocess.call([perf, "report", "--stdio", "-i", "perf.data", "--no-children"])
    click.echo("no sampler is installed: pip install py-spy, or Debian's linux-perf", err=True)
    return 1


@click.command()
@click.option("--count", default=20_000, show_default=True, help="Requests for each number.")
@click.option("--lines", default=25, show_default=True, help="Functions to list.")
@click.option("--running", "pid", type=int, help="Sample this process instead.")
@click.option("--seconds", default=10, show_default=True, help="How long to sample.")
def main(count: int, lines: int, pid: int | None, seconds: int) -> None:
    """Where the microseconds of a small request go."""
    if pid is not None:
        sys.exit(sample(pid, seconds))
    with TemporaryDirectory(prefix="wsproxy-profile-") as folder:
        settings = Path(folder, "wsproxy.toml")
        text = many.SETTINGS.format(api=0, secret=SECRET, domain=many.DOMAIN, port=0)
        settings.write_text(text)
        with asyncio.Runner(loop_factory=loop_factory()) as runner:
            runner.run(profile(settings, count, lines))


if __name__ == "__main__":
    main()
