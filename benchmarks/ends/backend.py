"""The app behind every proxy: nginx with fixed answers and files, on the core of the load."""

import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.ends.calls import Wrong, connected, listening, read_head
from benchmarks.machine import Core
from benchmarks.process import Running, process

SMALL = b"x" * 128
"""Body of a small answer, at ``/api/kernels?1``."""

MIB = 1 << 20
BLOCK = b"".join(hashlib.sha512(b"%d" % n).digest() for n in range(MIB // 64))
"""One MiB that repeats nowhere: the file ``/files/mib``, and all of ``/files/gib``."""

CONFIG = """
{user}daemon off; worker_processes 1; pid {folder}/backend.pid; error_log {folder}/backend.err;
worker_rlimit_nofile {files};
events {{ worker_connections {files}; }}
http {{
  access_log off; client_body_temp_path {folder}/b; proxy_temp_path {folder}/p;
  fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  keepalive_requests 1000000000; keepalive_timeout 600; sendfile on; tcp_nopush on;
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    default_type text/plain;
    location / {{ return 200 "{small}"; }}
    location /files/ {{ root {folder}; }}
  }}
}}
"""


USER = "user root; " if os.geteuid() == 0 else ""
"""Where this runs as root nginx must stay root: our folders are nobody else's."""


def nginx() -> str | None:
    return shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")


def write_files(folder: Path, gib: int) -> None:
    """``gib``: MiB in the large file."""
    files = folder / "files"
    files.mkdir()
    (files / "mib").write_bytes(BLOCK)
    with (files / "gib").open("wb") as large:
        for _ in range(gib):
            large.write(BLOCK)


@contextmanager
def backend(folder: Path, core: Core, files: int = 4096) -> Iterator[Running]:
    """``direct`` in the tables. Raises ``SystemExit`` where nginx is not installed."""
    program = nginx()
    if program is None:
        raise SystemExit("nginx, the backend of these measurements, is not installed")
    own = folder / "backend"
    own.mkdir(exist_ok=True)
    settings = own / "backend.conf"
    command = [program, "-e", str(own / "start.err"), "-c", str(settings), "-p", str(own)]
    with listening() as listener:
        port = listener.getsockname()[1]
        text = CONFIG.format(user=USER, folder=folder, port=port, small=SMALL.decode(), files=files)
        settings.write_text(text)
        # nginx takes over sockets that its environment names, as it does when it replaces itself;
        # what it accepts there has the options of the socket
        taken = {"NGINX": f"{listener.fileno()};"}
        with process(command, core, environment=taken, passed=[listener]) as child:
            listener.close()  # so that nobody is kept waiting when it did not start
            direct = Running("direct", port, child.pid, proxy=False)
            _answers(direct)
            yield direct


def _answers(direct: Running) -> None:
    """Wait for the first answer; the socket takes calls before nginx has begun."""
    try:
        with connected(direct) as call:
            call.sendall(direct.request("/api/kernels?1"))
            read_head(call)
    except (OSError, Wrong) as error:
        raise SystemExit(
            f"nginx, the backend of these measurements, did not start: {error}"
        ) from None
