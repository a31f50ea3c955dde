"""Stand-ins for containers where only the stage around them matters."""

import asyncio
import tempfile
from pathlib import Path

from wsproxy.sim.jupyter import ContainerError, JupyterLab
from wsproxy.sim.stage import free_port


class FakeLab(JupyterLab):
    """A JupyterLab that nobody asks anything."""

    fails = False

    def __init__(self) -> None:
        super().__init__()
        self.closed = asyncio.Event()
        self._directory = tempfile.TemporaryDirectory()

    @property
    def files(self) -> Path:
        return Path(self._directory.name)

    async def start(self) -> "FakeLab":
        if self.fails:
            raise ContainerError("no luck")
        self.port = free_port()
        return self

    async def close(self) -> None:
        self.closed.set()
        self._directory.cleanup()
