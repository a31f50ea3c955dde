"""Peers that are Backend.AI's own: the App Proxy worker, and the Python wsproxy before it.

Each runs in an environment of its own below ``benchmarks/.cache``, with the Python it needs.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.peers.gateway import Control
from benchmarks.peers.peer import CACHE, Setting
from benchmarks.process import Running, free_port, free_range, process, wait_for

WORKER = CACHE / "worker/bin/python"
PYWSPROXY = CACHE / "pywsproxy/bin/python"
HERE = Path(__file__).parent

SETTINGS = """
[wsproxy]
ipc_base_path = "{folder}/ipc"
pid_file = "{folder}/wsproxy.pid"
bind_host = "127.0.0.1"
advertised_host = "127.0.0.1"
bind_api_port = {api}
advertised_api_port = {api}
internal_api_port = {internal}
bind_proxy_port_range = [{first}, {last}]
protocol = "http"
event_loop = "uvloop"
jwt_encrypt_key = "bench-bench-bench-bench"
permit_hash_key = "bench-bench-bench-bench"
api_secret = "bench-bench-bench-bench"
user = {user}
group = {group}
aiomonitor_termui_port = {termui}
aiomonitor_webui_port = {webui}
[logging]
level = "ERROR"
drivers = ["console"]
[logging.console]
colored = false
format = "simple"
"""


def worker_missing() -> str:
    return "" if WORKER.exists() else "backend.ai-appproxy-worker is not installed (Python 3.13)"


@contextmanager
def worker(setting: Setting) -> Iterator[Running]:
    port = free_port()
    command = [WORKER, HERE / "app_proxy_worker.py", str(setting.app), str(port)]
    with process(command, setting.core) as child:
        assert child.stdout is not None
        cookie = child.stdout.readline().decode().strip()
        wait_for(port, child)
        yield Running("app proxy worker", port, child.pid, cookie)


def pywsproxy_missing() -> str:
    return "" if PYWSPROXY.exists() else "backend.ai-wsproxy is not installed (Python 3.12)"


@contextmanager
def pywsproxy(setting: Setting) -> Iterator[Running]:
    own = setting.folder / "pywsproxy"
    own.mkdir(exist_ok=True)
    api, first = free_port(), free_range(4)
    settings = own / "wsproxy.toml"
    owner = own.stat()
    settings.write_text(
        SETTINGS.format(
            folder=own,
            api=api,
            internal=free_port(),
            first=first,
            last=first + 3,
            user=owner.st_uid,
            group=owner.st_gid,
            termui=free_port(),
            webui=free_port(),
        )
    )
    command = [PYWSPROXY, "-m", "ai.backend.wsproxy.server", "-f", settings]
    with process(command, setting.core, own / "log") as child:
        wait_for(api, child)
        with Control(Running("python wsproxy", 0, child.pid, api=api)) as control:
            circuit = control.open(setting.app)
        yield Running("python wsproxy", circuit.port, child.pid, circuit.cookie)
