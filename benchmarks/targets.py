"""What is measured: a backend of ours, the gateway before it, nginx before it. Processes all."""

import asyncio
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import aiohttp
from yarl import URL

STARTING = 15.0
"""Seconds for a process to answer."""

GATEWAY = """
[gateway]
bind = "127.0.0.1:{api}"
admin-bind = ""
log-level = "warning"
[v2]
api-secret = "bench-bench-bench-bench"
jwt-secret = "bench-bench-bench-bench"
permit-secret = "bench-bench-bench-bench"
targets = ["127.0.0.0/8"]
ports = "{app}"
"""

NGINX = """
daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/nginx.err;
events {{ worker_connections 1024; }}
http {{
  access_log off; client_body_temp_path {folder}/b; proxy_temp_path {folder}/p;
  fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  upstream app {{ server 127.0.0.1:{backend}; keepalive 64; }}
  server {{
    listen 127.0.0.1:{port};
    keepalive_requests 100000000;
    location / {{
      proxy_pass http://app; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_set_header Host $http_host; proxy_buffering off;
    }}
  }}
}}
"""

FAKE_COOKIE = "appproxy_permit=" + "x" * 92


@dataclass(frozen=True)
class Running:
    """A process that answers on ``port``. ``proxy``: its CPU is what a request costs."""

    name: str
    port: int
    pid: int
    cookie: str = FAKE_COOKIE
    proxy: bool = True

    def cpu(self) -> float | None:
        """Seconds of CPU that the process and its children used; None where that is unknown."""
        if not Path("/proc/self/stat").is_file():
            return None
        return sum(_cpu_of(pid) for pid in (self.pid, *_children(self.pid)))


def _cpu_of(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _children(pid: int) -> list[int]:
    listed = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(child) for child in listed.read_text().split()] if listed.is_file() else []


@contextmanager
def _process(arguments: list[str]) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(arguments, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout:
            process.stdout.close()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + STARTING
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"{process.args!r} does not listen on port {port}") from None
            time.sleep(0.05)


@contextmanager
def backend() -> Iterator[Running]:
    with _process([sys.executable, "-m", "benchmarks.load"]) as process:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        yield Running("direct", port, process.pid, proxy=False)


@contextmanager
def gateway(folder: Path, backend_port: int) -> Iterator[Running]:
    api, app = free_port(), free_port()
    settings = folder / "wsproxy.toml"
    settings.write_text(GATEWAY.format(api=api, app=app))
    command = "from wsproxy.cli.main import main; main()"
    with _process([sys.executable, "-c", command, "serve", "-c", str(settings)]) as process:
        _wait_for(api, process)
        cookie = asyncio.run(open_app(f"http://127.0.0.1:{api}", backend_port))
        yield Running("wsproxy", app, process.pid, cookie)


async def open_app(base: str, backend_port: int) -> str:
    """Open an app as clients do (conf, add, auth, setup); its permit cookie."""
    session = str(uuid4())
    conf = {
        "kernel_host": "127.0.0.1",
        "kernel_port": backend_port,
        "session": {"id": session, "user_uuid": str(uuid4()), "access_key": "BENCH"},
    }
    timeout = aiohttp.ClientTimeout(total=STARTING)
    async with aiohttp.ClientSession(timeout=timeout, raise_for_status=True) as client:
        async with client.post(f"{base}/v2/conf", json=conf) as answer:
            token = (await answer.json())["token"]
        add = URL(f"{base}/v2/proxy/{token}/{session}/add") % {"app": "bench", "protocol": "http"}
        async with client.get(add) as answer:
            auth = (await answer.json())["url"]
        async with client.get(auth, headers={"Accept": "application/json"}) as answer:
            setup = (await answer.json())["redirect_url"]
        async with client.get(setup, allow_redirects=False) as answer:
            cookies = [f"{name}={morsel.value}" for name, morsel in answer.cookies.items()]
    return "; ".join(cookies)


@contextmanager
def nginx(folder: Path, backend_port: int) -> Iterator[Running | None]:
    program = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if program is None:
        yield None
        return
    port = free_port()
    settings = folder / "nginx.conf"
    settings.write_text(NGINX.format(folder=folder, port=port, backend=backend_port))
    with _process([program, "-c", str(settings), "-p", str(folder)]) as process:
        _wait_for(port, process)
        yield Running("nginx", port, process.pid)
