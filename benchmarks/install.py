"""Install what is measured beside the gateway, as far as that is possible here. Idempotent.

Debian's packages where we may install some; the rest below ``benchmarks/.cache``. What stays
missing is said, and the measurements go on without it.
"""

import glob
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import click

from benchmarks.peers import PEERS
from benchmarks.peers.peer import CACHE

PROGRAMS = {"wrk": "wrk", "nginx": "nginx-light", "haproxy": "haproxy", "caddy": "caddy"}
"""What a program is called, and Debian's package with it."""

NODE = {"node": "nodejs", "npm": "npm"}
CHP = "configurable-http-proxy@5"
ENVIRONMENTS = (
    ("worker", "3.13", "backend.ai-appproxy-worker==26.9.6"),
    ("pywsproxy", "3.12", "backend.ai-wsproxy==25.5.2"),
)
"""Folder, the Python that its wheels are for, and what goes in."""

LIMIT = 600.0
"""Seconds for one installation: without a way to its server a program may try for ever."""

PATH = f"{os.environ.get('PATH', '')}:/usr/sbin"


def run(*command: object, limit: float = LIMIT) -> bool:
    """Whether it went well within ``limit`` seconds; what it says is shown when it does not."""
    words = [str(one) for one in command]
    try:
        done = subprocess.run(
            words, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=limit
        )
    except subprocess.TimeoutExpired:
        click.echo(f"  {command[0]}: nothing came of it in {limit:g} s", err=True)
        return False
    if done.returncode:
        click.echo(f"  {command[0]}: {(done.stderr or done.stdout)[-300:].strip()}", err=True)
    return done.returncode == 0


def install_packages() -> None:
    wanted = {**PROGRAMS, **NODE}
    missing = [package for name, package in wanted.items() if not shutil.which(name, path=PATH)]
    if not missing or shutil.which("apt-get") is None:
        return
    click.echo(f"installing {', '.join(missing)} (Debian's packages)", err=True)
    sudo = () if os.geteuid() == 0 else ("sudo", "-n")
    quiet = (*sudo, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get")
    if not run(*quiet, "update", "-qq"):
        return
    for package in missing:  # one that is not there must not keep the others away
        run(*quiet, "install", "-y", "-qq", "--no-install-recommends", package)
    _switch_off(missing, sudo)


def _switch_off(packages: list[str], sudo: tuple[str, ...]) -> None:
    """Debian starts servers when it installs them; ours are started by the measurements."""
    if not Path("/run/systemd/system").is_dir():
        return
    for service, package in PROGRAMS.items():
        if package in packages and service != "wrk":
            run(*sudo, "systemctl", "disable", "--quiet", "--now", service)


def install_node_proxy() -> None:
    npm = shutil.which("npm")
    folder = CACHE / "chp"
    if npm is None or (folder / "node_modules/.bin/configurable-http-proxy").exists():
        return
    click.echo(f"installing {CHP} (npm)", err=True)
    quiet = ("--no-audit", "--no-fund", "--silent", "--fetch-retries=1")
    run(npm, "install", "--prefix", folder, *quiet, CHP, limit=120.0)


def python(version: str) -> str | None:
    """An interpreter of that version: on the path, or one of pyenv's."""
    found = shutil.which(f"python{version}")
    if found and run(found, "-c", "pass"):
        return found
    root = os.environ.get("PYENV_ROOT", str(Path.home() / ".pyenv"))
    known = sorted(glob.glob(f"{root}/versions/{version}*/bin/python"))
    return known[-1] if known else None


def install_environments() -> None:
    for name, version, package in ENVIRONMENTS:
        folder = CACHE / name
        if (folder / "ready").exists():
            continue
        interpreter = python(version)
        if interpreter is None:
            click.echo(f"no Python {version} for {package}", err=True)
            continue
        click.echo(f"installing {package} (Python {version})", err=True)
        shutil.rmtree(folder, ignore_errors=True)
        pip = ("-m", "pip", "install", "--quiet", "--disable-pip-version-check")
        if run(interpreter, "-m", "venv", folder) and run(folder / "bin/python", *pip, package):
            (folder / "ready").touch()
        else:
            shutil.rmtree(folder, ignore_errors=True)


def install_drawing() -> None:
    pip = ("-m", "pip", "install", "--quiet", "--disable-pip-version-check")
    if importlib.util.find_spec("matplotlib") is None:
        click.echo("installing matplotlib, for --plot", err=True)
        run(sys.executable, *pip, "matplotlib>=3.9")


def main() -> None:
    CACHE.mkdir(exist_ok=True)
    install_packages()
    install_node_proxy()
    install_environments()
    install_drawing()
    for peer in PEERS.values():
        if missing := peer.missing():
            click.echo(f"missing: {peer.name}: {missing}", err=True)


if __name__ == "__main__":
    main()
