"""A real JupyterLab as a container: its own process group, port, settings and files.

Authentication is off, as in the containers of Backend.AI, where the proxy decides who may come
in; its protection against forged requests (XSRF) stays on. It listens on loopback only.
"""

import asyncio
import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Self

from aiohttp import ClientError, ClientSession, ClientTimeout

READY_SECONDS = 45.0
POLL_SECONDS = 0.1
TERMINATE_SECONDS = 5.0

PAGE_CONFIG = {"disabledExtensions": {"@jupyterlab/apputils-extension:announcements": True}}
"""No dialog about news on the first visit, and no question to the network."""


class ContainerError(RuntimeError):
    """A container could not be started; the text says what to do."""


class JupyterLab:
    """One running server. ``files`` is the directory it shows."""

    def __init__(self) -> None:
        self._home = Path()
        self._process: asyncio.subprocess.Process | None = None
        self.port = 0

    @property
    def files(self) -> Path:
        return self._home / "files"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int | None:
        """Of the server, which leads its process group; None when it does not run."""
        return self._process.pid if self._process else None

    async def start(self) -> Self:
        """Returns when it answers; raises ``ContainerError``."""
        if importlib.util.find_spec("jupyterlab") is None:
            raise ContainerError("JupyterLab is not installed: pip install 'wsproxy[demo]'")
        self._home = await asyncio.to_thread(_furnish)
        try:
            with await asyncio.to_thread((self._home / "log").open, "wb") as log:
                self._process = await asyncio.create_subprocess_exec(
                    *_command(self.files),
                    env=_environment(self._home, os.environ),
                    cwd=self.files,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            async with asyncio.timeout(READY_SECONDS):
                await self._ready()
        except TimeoutError as error:
            await self.close()
            text = f"JupyterLab did not answer within {READY_SECONDS:.0f} s"
            raise ContainerError(text) from error
        except BaseException:
            await self.close()
            raise
        return self

    async def _ready(self) -> None:
        assert self._process is not None
        note = self._home / "runtime" / f"jpserver-{self._process.pid}.json"
        async with ClientSession(timeout=ClientTimeout(total=5.0)) as http:
            while not (self._read_port(note) and await _answers(http, f"{self.url}/api/status")):
                if self._process.returncode is not None:
                    log = await asyncio.to_thread((self._home / "log").read_text)
                    raise ContainerError(f"JupyterLab ended while starting:\n{log[-2000:]}")
                await asyncio.sleep(POLL_SECONDS)

    def _read_port(self, note: Path) -> bool:
        """Jupyter writes the port that the system gave it into its runtime directory."""
        with suppress(OSError, ValueError, KeyError):
            self.port = int(json.loads(note.read_text())["port"])
        return self.port != 0

    async def close(self) -> None:
        """End it and its kernels; a second call does nothing."""
        process, self._process = self._process, None
        if process is not None:
            await _end(process)
        home, self._home = self._home, Path()
        if home != Path():
            await asyncio.to_thread(shutil.rmtree, home, ignore_errors=True)


def _furnish() -> Path:
    home = Path(tempfile.mkdtemp(prefix="wsproxy-jupyter-"))
    for name in ("files", "runtime", "data", "ipython", "config/labconfig"):
        (home / name).mkdir(parents=True)
    (home / "config/labconfig/page_config.json").write_text(json.dumps(PAGE_CONFIG))
    return home


def _command(files: Path) -> list[str]:
    return [
        sys.executable,
        "-m",
        "jupyterlab",
        "--no-browser",
        "--allow-root",
        "--ServerApp.ip=127.0.0.1",
        "--ServerApp.port=0",
        f"--ServerApp.root_dir={files}",
        "--ServerApp.allow_origin=*",
        "--ServerApp.allow_remote_access=True",
        "--IdentityProvider.token=",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
        "--LabApp.extension_manager=readonly",
    ]


def _environment(home: Path, inherited: Mapping[str, str]) -> dict[str, str]:
    """The user's, without the user's own Jupyter settings."""
    kept = {name: value for name, value in inherited.items() if not name.startswith("JUPYTER")}
    return kept | {
        "JUPYTER_PLATFORM_DIRS": "1",
        "JUPYTER_CONFIG_DIR": str(home / "config"),
        "JUPYTER_DATA_DIR": str(home / "data"),
        "JUPYTER_RUNTIME_DIR": str(home / "runtime"),
        "IPYTHONDIR": str(home / "ipython"),
    }


async def _answers(http: ClientSession, url: str) -> bool:
    with suppress(ClientError, OSError, TimeoutError):
        async with http.get(url) as answer:
            return answer.status == 200
    return False


async def _end(process: asyncio.subprocess.Process) -> None:
    """Ask, wait, then insist. Kernels lead groups of their own; they end with their server."""
    for signum in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signum)
        with suppress(TimeoutError):
            async with asyncio.timeout(TERMINATE_SECONDS):
                await process.wait()
                return
