"""``wsproxy serve``: what starts, what is told, and how it stops."""

import asyncio
import errno
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from tests.support.authority import tls_files
from wsproxy.cli import serve as module
from wsproxy.cli.main import main
from wsproxy.config.settings import Settings
from wsproxy.observe import logs

DEADLINE = 30.0
"""Seconds for a real gateway to start or stop."""

WSPROXY = [sys.executable, "-c", "from wsproxy.cli.main import main; main()"]


class Gateway:
    """Stands for ``app.serve``: runs until cancelled, then drains. ``again``: signals meanwhile."""

    def __init__(self, first: int, again: int = 0) -> None:
        self.first = first
        self.again = again
        self.drained = False

    async def __call__(self, settings: Settings, ready: Callable[[Any], None]) -> None:
        ready("http://127.0.0.1:1")
        os.kill(os.getpid(), self.first)
        try:
            await asyncio.Event().wait()
        finally:
            await self._drain()

    async def _drain(self) -> None:
        if self.again:
            os.kill(os.getpid(), self.again)
            await asyncio.Event().wait()
        self.drained = True


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_drains_and_exits_0(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], number: int
) -> None:
    gateway = Gateway(number)
    monkeypatch.setattr(module, "serve", gateway)
    before = signal.getsignal(number)
    assert module.run(Settings()) == 0
    assert gateway.drained
    assert signal.getsignal(number) is before
    assert "http://127.0.0.1:1; circuits live in memory" in capsys.readouterr().out


def test_a_second_signal_ends_it_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    gateway = Gateway(signal.SIGTERM, again=signal.SIGINT)
    monkeypatch.setattr(module, "serve", gateway)
    assert module.run(Settings()) == module.EXIT_CUT
    assert not gateway.drained


def test_signals_work_where_the_loop_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    class WithoutSignals(asyncio.SelectorEventLoop):
        def add_signal_handler(self, sig: int, callback: Any, *args: Any) -> None:  # type: ignore[override]
            raise NotImplementedError

        def remove_signal_handler(self, sig: int) -> bool:
            raise NotImplementedError

    monkeypatch.setattr(module, "loop_factory", lambda: WithoutSignals)
    monkeypatch.setattr(module, "serve", Gateway(signal.SIGINT))
    assert module.run(Settings()) == 0


def test_a_cancellation_that_is_no_signal_is_not_swallowed(monkeypatch: pytest.MonkeyPatch) -> None:
    async def cancels_itself(settings: Settings, ready: Callable[[Any], None]) -> None:
        raise asyncio.CancelledError

    monkeypatch.setattr(module, "serve", cancels_itself)
    with pytest.raises(asyncio.CancelledError):
        module.run(Settings())


@pytest.mark.parametrize(
    ("number", "remedy"),
    [
        (errno.EADDRINUSE, "choose another port"),
        (errno.EADDRNOTAVAIL, "does not have that address"),
        (errno.EACCES, "below 1024"),
        (errno.EIO, ""),
    ],
)
def test_what_cannot_be_bound_is_a_clear_error(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    number: int,
    remedy: str,
) -> None:
    async def cannot_bind(settings: Settings, ready: Callable[[Any], None]) -> None:
        raise OSError(number, "while attempting to bind on address ('127.0.0.1', 5050).")

    monkeypatch.setattr(module, "serve", cannot_bind)
    assert module.run(Settings()) == 1
    err = capsys.readouterr().err
    assert "cannot start: while attempting to bind on address" in err
    assert "[cannot-listen]" in err
    assert remedy in err


# -- the command


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(logs, "setup", lambda *arguments: None)
    monkeypatch.setattr(module, "run", lambda settings: 0)
    return lambda *arguments: CliRunner().invoke(main, ["serve", *arguments])


def test_wrong_settings_start_nothing(run, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(module, "run", lambda settings: pytest.fail("it started"))
    (tmp_path / "wsproxy.toml").write_text("[gateway]\nbnd = 1\ngrace = 'x'\n")
    result = run()
    assert result.exit_code == 2
    assert "wsproxy.toml:2: gateway.bnd" in result.stderr
    assert "wsproxy.toml:3: gateway.grace" in result.stderr


def test_a_key_that_is_not_the_certificates_starts_nothing(run, tmp_path: Path) -> None:
    own, other = tmp_path / "own", tmp_path / "other"
    for directory in (own, other):
        directory.mkdir()
        tls_files(directory)
    pair = "certificate = 'own/certificate.pem'\nkey = 'other/key.pem'\n"
    (tmp_path / "wsproxy.toml").write_text(f"[gateway]\nbnd = 1\n[tls]\n{pair}")
    result = run()
    assert result.exit_code == 2
    assert "wsproxy.toml:2: gateway.bnd" in result.stderr
    assert "wsproxy.toml:5: tls.key" in result.stderr


def test_check_starts_nothing(run, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(module, "run", lambda settings: pytest.fail("it started"))
    (tmp_path / "x.toml").write_text("[groups.a]\naddress = 'nonsense'\n")
    result = run("-c", "x.toml", "--check")
    assert result.exit_code == 0
    assert result.stdout.startswith("ok: x.toml: a gateway for v1")
    assert "warning: groups.a.address" in result.stderr


def test_the_settings_and_the_exit_code_are_passed_on(run, tmp_path: Path, monkeypatch) -> None:
    seen: list[Settings] = []

    def remember(settings: Settings) -> int:
        seen.append(settings)
        return 7

    monkeypatch.setattr(module, "run", remember)
    (tmp_path / "wsproxy.toml").write_text("[gateway]\nbind = '127.0.0.1:1234'\n")
    assert run().exit_code == 7
    assert str(seen[0].gateway.bind) == "127.0.0.1:1234"


# -- a real process


@pytest.fixture
def settings_file(tmp_path: Path) -> Path:
    file = tmp_path / "wsproxy.toml"
    file.write_text('[gateway]\nbind = "127.0.0.1:0"\nadmin-bind = ""\ngrace = 5\n')
    return file


@pytest.mark.slow
def test_a_real_gateway_starts_says_so_and_stops(settings_file: Path) -> None:
    process = subprocess.Popen(
        [*WSPROXY, "serve", "-c", str(settings_file)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=DEADLINE)
    finally:
        process.kill()
    assert "127.0.0.1:" in line, err
    assert "circuits live in memory" in line
    assert process.returncode == 0
    assert "Traceback" not in err


@pytest.mark.slow
def test_a_port_in_use_is_told(settings_file: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        settings_file.write_text(f'[gateway]\nbind = "127.0.0.1:{port}"\nadmin-bind = ""\n')
        result = subprocess.run(
            [*WSPROXY, "serve", "-c", str(settings_file)],
            capture_output=True,
            text=True,
            timeout=DEADLINE,
            check=False,
        )
    assert result.returncode == 1
    assert f"Port {port} on 127.0.0.1 is in use" in result.stderr
    assert "Another program listens there" in result.stderr
    assert "Traceback" not in result.stderr


def _limits(soft: int, code: str = "") -> list[int]:
    """The soft and hard limit of a process that began with ``soft`` and raised it."""
    program = f"""
import resource
hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, ({soft}, hard))
from wsproxy.cli import serve
{code}
serve.raise_file_limit()
print(*resource.getrlimit(resource.RLIMIT_NOFILE))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    return [int(number) for number in done.stdout.split()]


@pytest.mark.skipif(sys.platform == "win32", reason="there is no such limit")
def test_as_many_files_as_the_system_allows() -> None:
    soft, hard = _limits(256)
    assert soft == (min(hard, 1 << 16) if hard > 0 else 1 << 16)  # negative: none
    assert _limits(256, "serve.FILES = 128")[0] == 256


def test_a_limit_that_cannot_be_raised_is_said(monkeypatch, caplog) -> None:
    class Fixed:
        RLIMIT_NOFILE, RLIM_INFINITY = 7, -1

        def getrlimit(self, what: int) -> tuple[int, int]:
            return (64, -1)

        def setrlimit(self, what: int, limits: tuple[int, int]) -> None:
            raise ValueError("not allowed to raise maximum limit")

    monkeypatch.setitem(sys.modules, "resource", Fixed())
    module.raise_file_limit()
    assert "64 files" in caplog.text
    monkeypatch.setitem(sys.modules, "resource", None)  # Windows
    module.raise_file_limit()
