"""``wsproxy demo`` as a person and as a script run it, in a process of its own."""

import asyncio
import os
import re
import signal
import sys
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from yarl import URL

from wsproxy.sim.visitor import new_http

pytestmark = [pytest.mark.jupyter, pytest.mark.slow, pytest.mark.timeout(180)]

ROOT = Path(__file__).parents[2]
COMMAND = (sys.executable, "-c", "from wsproxy.cli.main import main; main()", "demo")


@asynccontextmanager
async def demo(directory: Path, *options: str):
    """The running command. Its temporary files are in ``directory``: so its processes are known."""
    process = await asyncio.create_subprocess_exec(
        *COMMAND,
        *options,
        cwd=directory,
        env=os.environ | {"TMPDIR": str(directory), "PYTHONPATH": str(ROOT)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


def left_over(directory: Path) -> list[str]:
    """Command lines of processes that work in ``directory``."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if str(directory) in line:
            found.append(line)
    return found


async def test_check_does_everything_without_a_person_and_exits_0(tmp_path):
    async with demo(tmp_path, "--check") as process:
        async with asyncio.timeout(150):
            printed = (await process.communicate())[0].decode()
    assert process.returncode == 0, printed
    steps = re.findall(r"^(ok|FAIL) +(v\d|-) +([\d.]+) s  (.*)$", printed, re.MULTILINE)
    assert {mark for mark, *_ in steps} == {"ok"}
    told = [(version, title) for _, version, _, title in steps]
    for version in ("v1", "v2"):
        mine = "\n".join(title for said, title in told if said == version)
        assert "Out[1]: 42" in mine
        assert "upload 64 MiB" in mine
        assert mine.count("download 64 MiB") == 2
        assert "bytes came back" in mine
        hashes = re.findall(r"sha256 (\w+)", mine)
        assert len(hashes) == 3
        assert len(set(hashes)) == 1
    assert any("address-refused, degraded" in title for _, title in told)
    for session, version in (("delta", "v1"), ("epsilon", "v2"), ("gamma", "v1")):
        assert (version, f"delete {session}: session: deleted, circuits: closed") in told
    assert left_over(tmp_path) == []
    assert list(tmp_path.iterdir()) == []


async def test_a_person_can_open_what_it_prints_and_ends_it_with_ctrl_c(tmp_path):
    async with demo(tmp_path) as process:
        assert process.stdout is not None
        printed = ""
        async with asyncio.timeout(100):
            while "Ctrl-C ends everything" not in printed:
                line = (await process.stdout.readline()).decode()
                assert line, printed
                printed += line
        links = re.findall(r"\b(v[12]): +(http://\S+)", printed.partition("open these")[2])
        assert [version for version, _ in links] == ["v1", "v2"]
        for _, link in links:
            async with new_http() as browser, browser.get(URL(link, encoded=True)) as page:
                assert page.status == 200
                assert page.url.path == "/lab"
                assert b"JupyterLab" in await page.read()
        process.send_signal(signal.SIGINT)
        async with asyncio.timeout(30):
            rest = (await process.stdout.read()).decode()
            assert await process.wait() == 0, rest
    assert "Traceback" not in rest
    assert left_over(tmp_path) == []
    assert list(tmp_path.iterdir()) == []
