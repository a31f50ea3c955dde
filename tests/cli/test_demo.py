"""The command around the story: exit codes, what it prints, and how it ends.

JupyterLab is left out here, so the notebook chapters fail; ``tests/e2e/test_demo.py`` plays it all.
"""

import os
import shutil
import signal
import socket
import sys

import pytest
from click.testing import CliRunner
from rich.console import Console

from tests.sim.fakes import FakeLab
from wsproxy.cli import demo, output
from wsproxy.observe import logs
from wsproxy.sim import stage as staging
from wsproxy.sim.story import Link


@pytest.fixture(autouse=True)
def no_jupyter(monkeypatch):
    monkeypatch.setattr(staging, "JupyterLab", FakeLab)
    monkeypatch.setattr(logs, "setup", lambda level, form: None)


def run(*arguments: str):
    return CliRunner().invoke(demo.command, arguments)


def test_check_prints_a_line_a_step_and_exits_1_when_one_failed():
    result = run("--check")
    assert result.exit_code == 1
    lines = result.stdout.splitlines()
    assert any(line.startswith("ok   v2 ") and "version of group gpu" in line for line in lines)
    assert any(line.startswith("FAIL") and "alpha's JupyterLab" in line for line in lines)
    assert lines[-1].startswith("ok   v1 ")
    assert "session: deleted, circuits: closed" in lines[-1]


def test_check_ends_at_its_deadline(monkeypatch):
    monkeypatch.setattr(demo, "CHECK_SECONDS", 0.01)
    result = run("--check")
    assert result.exit_code == 1
    assert "demo-timeout" in result.stderr


def test_a_container_that_cannot_start_is_said_without_a_trace(monkeypatch):
    monkeypatch.setattr(FakeLab, "fails", True)
    result = run("--check")
    assert (result.exit_code, result.stderr.strip()) == (1, "error: cannot start: no luck")


def test_a_port_that_is_taken_is_said_without_a_trace():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        result = run("--port", str(taken.getsockname()[1]))
    assert result.exit_code == 1
    assert result.stderr.startswith("error: cannot start: ")
    assert result.stderr.endswith(" is in use.\n")


def test_it_stays_up_with_links_and_commands_until_ctrl_c(monkeypatch):
    print_commands = demo._print_commands

    def then_interrupt(story):
        print_commands(story)
        os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(demo, "_print_commands", then_interrupt)
    result = run()
    assert result.exit_code == 0
    assert "some steps failed" in result.stderr  # the notebooks, which are left out here
    assert "open these in a browser" in result.stdout
    assert "export BACKEND_SECRET_KEY=" in result.stdout


def test_links_stay_whole_in_a_narrow_terminal(monkeypatch, capsys):
    monkeypatch.setattr(output, "stdout", lambda: Console(width=40, markup=False))
    url = "http://127.0.0.1:20432/v2/proxy/auth?app=jupyter&token=" + "0123456789" * 20
    demo._print_links([Link("beta", "jupyter", "v2", url)])
    assert f"beta's jupyter, v2:  {url}\n" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("called", "on_path", "program"),
    [
        (".venv/bin/wsproxy", None, ".venv/bin/wsproxy"),  # after `make demo`
        ("/opt/bin/wsproxy", "/opt/bin/wsproxy", "wsproxy"),
        ("-c", None, "wsproxy"),
    ],
)
def test_the_commands_that_it_prints_can_be_called(monkeypatch, called, on_path, program):
    monkeypatch.setattr(sys, "argv", [called, "demo"])
    monkeypatch.setattr(shutil, "which", lambda name: on_path)
    assert demo._program() == program


def test_a_check_that_is_interrupted_exits_1(monkeypatch):
    told = []

    def interrupt(step):
        told.append(step)
        if len(told) == 1:
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(demo, "_print_step", interrupt)
    assert run("--check").exit_code == 1
    assert told[-1].detail == "interrupted"
