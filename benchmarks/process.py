"""Starting and ending the processes of a measurement."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.machine import Core, cpu_of, descriptors_of, memory_of, pinned_to, split_of

STARTING = 30.0
"""Seconds for a process to listen."""

FAKE_COOKIE = "appproxy_permit_0b5ee6ad-8f4c-4d1f-9d5c-5b7b7cb2a5e9=" + "x" * 55
ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Running:
    """A process that answers on ``port``. ``proxy``: its CPU is what is measured.

    ``host``: the Host field that leads to the app; ``api``: the gateway's control port.
    """

    name: str
    port: int
    pid: int
    cookie: str = FAKE_COOKIE
    proxy: bool = True
    host: str = ""
    api: int = 0
    more: Mapping[str, str] = field(default_factory=dict)

    def cpu(self) -> float | None:
        return cpu_of(self.pid) if self.proxy else None

    def split(self) -> tuple[float, float] | None:
        """Seconds in user space and in the kernel; None: nobody is measured, or it has ended."""
        try:
            return split_of(self.pid) if self.proxy else None
        except OSError:
            return None

    def memory(self) -> int:
        return memory_of(self.pid)

    def descriptors(self) -> int:
        return descriptors_of(self.pid)

    @property
    def fields(self) -> list[tuple[str, str]]:
        """Six fields of a small request, one of them a permit cookie of about 108 bytes."""
        return [
            ("Host", self.host or f"127.0.0.1:{self.port}"),
            ("User-Agent", "bench/1"),
            ("Accept", "*/*"),
            ("Accept-Encoding", "gzip, deflate"),
            ("Referer", "http://127.0.0.1/lab"),
            ("Cookie", self.cookie),
        ]

    def request(self, path: str, extra: Sequence[tuple[str, str]] = ()) -> bytes:
        lines = [f"GET {path} HTTP/1.1", *(f"{n}: {v}" for n, v in (*self.fields, *extra))]
        return "\r\n".join([*lines, "", ""]).encode()


@contextmanager
def process(
    arguments: Sequence[object],
    core: Core = None,
    log: Path | None = None,
    *,
    environment: Mapping[str, str] | None = None,
    passed: Sequence[socket.socket] = (),
) -> Iterator[subprocess.Popen[bytes]]:
    """A child that is ended with the block. What it says to stderr goes to ``log``; what is
    ``passed`` it has under the same numbers.
    """
    with open(log or "/dev/null", "ab") as errors:
        child = subprocess.Popen(
            [str(one) for one in arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            preexec_fn=pinned_to(core),
            cwd=ROOT,
            env={**os.environ, **(environment or {})},
            pass_fds=[sock.fileno() for sock in passed],
        )
    try:
        yield child
    finally:
        child.terminate()
        try:
            child.wait(10)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        if child.stdout:
            child.stdout.close()


@contextmanager
def module(name: str, *arguments: object, core: Core = None) -> Iterator[tuple[int, str]]:
    """A Python module of this package that prints one line when it is ready; pid and the line."""
    command = [sys.executable, "-m", name, *map(str, arguments)]
    with process(command, core) as child:
        assert child.stdout is not None
        line = child.stdout.readline().decode().strip()
        if not line:
            raise SystemExit(f"{name} did not start")
        yield child.pid, line


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def free_range(count: int) -> int:
    """The first of some ports in a row that nobody uses, below those that the system gives out."""
    for start in range(21000, 32000, count):
        try:
            for port in range(start, start + count):
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", port))
        except OSError:
            continue
        return start
    raise SystemExit(f"no {count} free ports in a row")


def wait_for(port: int, child: "subprocess.Popen[bytes]", seconds: float = STARTING) -> None:
    deadline = time.monotonic() + seconds
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            if child.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"nothing listens on port {port}") from None
            time.sleep(0.05)
