"""The gateway itself, in a process of its own, as ``wsproxy serve`` runs it."""

import http.client
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from tempfile import NamedTemporaryFile
from urllib.parse import urlsplit
from uuid import uuid4

from benchmarks.ends.calls import WAIT, Wrong
from benchmarks.peers.peer import Setting
from benchmarks.process import Running, free_port, free_range, process, wait_for

SECRET = "bench-bench-bench-bench"
PORTS = 32

SETTINGS = """
[gateway]
bind = "127.0.0.1:{api}"
admin-bind = ""
log-level = "warning"
{more}
[v1]
rate-limit = 0
[v2]
api-secret = "{secret}"
jwt-secret = "{secret}"
permit-secret = "{secret}"
targets = ["127.0.0.0/8"]
ports = "{first}-{last}"
[limits]
connections-per-client = 0
idle = 600.0
"""

COMMAND = "from wsproxy.cli.main import main; main()"


def accepts(more: str) -> bool:
    """Whether this release takes these lines of ``[gateway]``."""
    text = f"[gateway]\n{more}\n"
    with NamedTemporaryFile("w", suffix=".toml") as file:
        file.write(text)
        file.flush()
        checking = [sys.executable, "-c", COMMAND, "serve", "--check", "-c", file.name]
        return subprocess.run(checking, capture_output=True).returncode == 0


@dataclass(frozen=True)
class Circuit:
    """An app that was opened: where it is, what admits to it, what closes it."""

    id: str
    port: int
    cookie: str


@contextmanager
def running(setting: Setting, more: str = "", name: str = "wsproxy") -> Iterator[Running]:
    """The gateway without a circuit; ``more``: lines of ``[gateway]``."""
    api, first = free_port(), free_range(PORTS)
    settings = setting.folder / f"{name}.toml"
    text = SETTINGS.format(api=api, more=more, secret=SECRET, first=first, last=first + PORTS - 1)
    settings.write_text(text)
    log = setting.folder / f"{name}.log"
    with process([sys.executable, "-c", COMMAND, "serve", "-c", settings], setting.core, log) as it:
        wait_for(api, it)
        yield Running(name, 0, it.pid, api=api)


@contextmanager
def start(setting: Setting, more: str = "", name: str = "wsproxy") -> Iterator[Running]:
    """The gateway with one circuit that leads to the app."""
    with running(setting, more, name) as gateway:
        with Control(gateway) as control:
            circuit = control.open(setting.app)
        yield replace(gateway, port=circuit.port, cookie=circuit.cookie)


class Control:
    """The control API, over one kept connection."""

    def __init__(self, gateway: Running) -> None:
        self._call = http.client.HTTPConnection("127.0.0.1", gateway.api, timeout=WAIT)

    def __enter__(self) -> "Control":
        return self

    def __exit__(self, *error: object) -> None:
        self._call.close()

    def ask(
        self, method: str, path: str, body: object = None, expected: int = 200
    ) -> tuple[http.client.HTTPMessage, bytes]:
        fields = {
            "Accept": "application/json",
            "Content-Type": "application/json",
            "X-BackendAI-Token": SECRET,
        }
        text = None if body is None else json.dumps(body).encode()
        self._call.request(method, path, text, fields)
        answer = self._call.getresponse()
        data = answer.read()
        if answer.status != expected:
            raise Wrong(f"{method} {path.partition('?')[0]}: {answer.status} {data[:300]!r}")
        return answer.headers, data

    def open(self, app: int, session: str = "") -> Circuit:
        """Open an app as clients do: conf, add, auth, setup."""
        session = session or str(uuid4())
        conf = {
            "kernel_host": "127.0.0.1",
            "kernel_port": app,
            "login_session_token": None,
            "session": {
                "id": session,
                "user_uuid": str(uuid4()),
                "group_id": str(uuid4()),
                "access_key": "BENCH",
                "domain_name": "default",
            },
        }
        token = json.loads(self.ask("POST", "/v2/conf", conf)[1])["token"]
        path = f"/v2/proxy/{token}/{session}/add?app=bench&protocol=http"
        auth = urlsplit(json.loads(self.ask("GET", path)[1])["url"])
        page = self.ask("GET", f"{auth.path}?{auth.query}")[1]
        setup = urlsplit(json.loads(page)["redirect_url"])
        return _visit_setup(setup.hostname or "", setup.port or 0, f"{setup.path}?{setup.query}")

    def close(self, circuit: Circuit) -> None:
        self.ask("DELETE", f"/api/circuit/{circuit.id}")


def _visit_setup(host: str, port: int, path: str) -> Circuit:
    """The page that leaves the permit and says where the app is."""
    call = http.client.HTTPConnection(host, port, timeout=WAIT)
    try:
        call.request("GET", path)
        answer = call.getresponse()
        answer.read()
    finally:
        call.close()
    cookie = (answer.headers["Set-Cookie"] or "").partition(";")[0]
    name = cookie.partition("=")[0]
    app = urlsplit(answer.headers["Location"] or "")
    if not name.startswith("appproxy_permit") or app.port is None:
        raise Wrong(f"the setup page answered {answer.status} without a permit")
    return Circuit(name.removeprefix("appproxy_permit_"), app.port, cookie)
