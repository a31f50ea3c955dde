"""The set-up on machines of several kinds; nothing is installed here, everything is a stand-in."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "scripts/setup"

PYTHON = """#!/bin/sh
echo "python $*" >> "$LOG"
case "$1 $2" in
    "-c "*) exit "${TOO_OLD:-0}" ;;
    "-m venv") mkdir -p "$3/bin" && cp "$0" "$3/bin/python" ;;
esac
"""

APT = """#!/bin/sh
echo "apt-get $* $DEBIAN_FRONTEND" >> "$LOG"
exit "${APT:-0}"
"""


class Machine:
    """What its commands were called with is in ``log``."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.commands = directory / "bin"
        self.commands.mkdir()
        self.has("python3", PYTHON)
        for tool in ("sh", "cp", "mkdir", "env"):
            found = shutil.which(tool)
            assert found
            (self.commands / tool).symlink_to(found)
        self.has("id", "#!/bin/sh\necho 0\n")

    def has(self, name: str, text: str = "#!/bin/sh\n") -> None:
        (self.commands / name).write_text(text)
        (self.commands / name).chmod(0o755)

    def set_up(self, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["sh", str(SCRIPT), str(self.directory / "venv")],
            env={"PATH": str(self.commands), "LOG": str(self.directory / "log")} | variables,
            capture_output=True,
            text=True,
            timeout=60,
        )

    @property
    def log(self) -> str:
        return (self.directory / "log").read_text()


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


@pytest.mark.parametrize("browser", ["chromium", "chromium-browser"])
def test_with_all_programs_only_python_is_set_up(machine: Machine, browser: str) -> None:
    machine.has(browser)
    machine.has("redis-server")
    machine.has("h2load")
    machine.has("apt-get", APT)
    done = machine.set_up()
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert "install --quiet --disable-pip-version-check -e .[demo,dev]" in machine.log
    assert "apt-get" not in machine.log
    assert os.access(machine.directory / "venv/bin/python", os.X_OK)


@pytest.mark.parametrize(
    ("there", "missing"),
    [
        ("chromium", "redis-server nghttp2-client"),
        ("redis-server", "chromium nghttp2-client"),
        ("h2load", "chromium redis-server"),
        ("sed", "chromium redis-server nghttp2-client"),
    ],
)
def test_what_is_missing_is_installed(machine: Machine, there: str, missing: str) -> None:
    machine.has(there)
    machine.has("systemctl")
    machine.has("apt-get", APT)
    done = machine.set_up()
    assert done.returncode == 0
    assert f"apt-get install -y -qq --no-install-recommends {missing} noninteractive" in machine.log


@pytest.mark.parametrize("apt", [True, False])
def test_a_machine_that_cannot_install_them_gets_everything_else(
    machine: Machine, apt: bool
) -> None:
    if apt:
        machine.has("apt-get", APT)
    done = machine.set_up(APT="100")
    assert done.returncode == 0
    assert "could not install chromium redis-server nghttp2-client" in done.stderr


def test_rights_are_asked_for_without_waiting_for_a_password(machine: Machine) -> None:
    machine.has("id", "#!/bin/sh\necho 1000\n")
    machine.has("apt-get", APT)
    machine.has("sudo", '#!/bin/sh\necho "sudo $*" >> "$LOG"\nexit 1\n')
    done = machine.set_up()
    assert done.returncode == 0
    assert "sudo -n apt-get update" in machine.log
    assert "could not install chromium redis-server nghttp2-client" in done.stderr


def test_a_python_that_is_too_old_is_said(machine: Machine) -> None:
    done = machine.set_up(TOO_OLD="1")
    assert done.returncode == 2
    assert "older than 3.11" in done.stderr
