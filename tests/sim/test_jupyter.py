"""A real JupyterLab as a container, used directly: the ground for the tests through the gateway."""

import asyncio
import os

import pytest
from yarl import URL

from wsproxy.sim.jupyter import ContainerError, JupyterLab
from wsproxy.sim.notebook import Lab
from wsproxy.sim.visitor import VisitError, new_http

pytestmark = [pytest.mark.jupyter, pytest.mark.slow]


async def test_it_runs_code_keeps_xsrf_and_ends_with_its_kernels():
    lab = await JupyterLab().start()
    try:
        async with new_http() as http:
            page = Lab(http, URL(lab.url))
            async with page.kernel() as kernel:
                assert await page.run(kernel, "6*7") == "42"
                with pytest.raises(VisitError, match="division by zero"):
                    await page.run(kernel, "1/0")
                async with http.post(URL(lab.url) / "api/kernels", json={}) as bare:
                    assert bare.status == 403  # XSRF is on: no header, no kernel
            async with page.terminal() as shell:
                await shell.send_json(["stdin", "echo $((6*7))x\n"])
                async with asyncio.timeout(20):
                    while "42x" not in await shell.receive_str():
                        pass
            left = page.kernel()  # never left again: close() must end its kernel
            kernel = await left.__aenter__()
            kernel_pid = int(await page.run(kernel, "import os; os.getpid()"))
        server, files = lab.pid, lab.files
        assert server is not None and files.is_dir()
    finally:
        await lab.close()
    await lab.close()
    assert not files.exists()
    for pid in (server, kernel_pid):
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


async def test_a_jupyter_that_cannot_start_says_why_and_leaves_nothing(monkeypatch):
    monkeypatch.setattr("wsproxy.sim.jupyter._command", lambda files: ["sh", "-c", "echo no luck"])
    lab = JupyterLab()
    with pytest.raises(ContainerError, match="no luck"):
        await lab.start()
    assert lab.pid is None


async def test_without_jupyterlab_the_extra_is_named(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ContainerError, match=r"wsproxy\[demo\]"):
        await JupyterLab().start()
