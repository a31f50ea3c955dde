"""The matrix as a command: a small one end to end, every format, and wrong input."""

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from click.testing import CliRunner, Result

from tests.cli.test_status import elsewhere
from wsproxy.cli import compat, compat_table
from wsproxy.cli.compat import command
from wsproxy.compat import elsewhere as targets
from wsproxy.compat.house import Wanted
from wsproxy.compat.zoo.table import ANIMALS
from wsproxy.config.settings import Settings

CLIENTS = ("webui-22.09", "desktop-26.8")
ADDRESSES = ("refuse", "404", "redirect", "healthy-v2")
SMALL = tuple(
    argument
    for client in CLIENTS
    for address in (*ADDRESSES, "healthy")
    for argument in ("--only", f"{client}/*/{address}")
)
CELLS = len(CLIENTS) * 2 * (len(ADDRESSES) + 1)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(command, list(arguments))


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The JSON of a small matrix that was really played."""
    path = tmp_path_factory.mktemp("compat") / "matrix.json"
    result = run(*SMALL, "--format", "json", "--output", str(path))
    assert result.exit_code == 0, result.output
    assert result.stdout == ""
    assert f"this gateway: {CELLS} cells, all that should work does" in result.stderr
    document = json.loads(path.read_text(encoding="utf-8"))
    assert isinstance(document, dict)
    return document


def test_every_cell_of_a_small_matrix_works(said):
    assert said["good"] and said["counts"] == {
        "cells": CELLS,
        "good": CELLS,
        "bad": 0,
        "unplayed": 0,
    }
    assert {cell["deletion"] for cell in said["cells"]} == {"works"}
    assert {cell["circuits"] for cell in said["cells"]} == {"works"}
    reported = {cell["name"]: cell["reported"] for cell in said["cells"]}
    assert reported["webui-22.09/v1/healthy"] == "v1 confirmed"
    assert reported["webui-22.09/v2/healthy"] == "v2 confirmed"
    assert reported["webui-22.09/v2/refuse"] == "v1 address-refused"
    assert reported["webui-22.09/v1/404"] == "v1 address-answers-404"
    assert reported["desktop-26.8/v2/refuse"] == ""


def test_an_app_opens_wherever_the_report_says_how(said):
    launches = {cell["name"]: cell["launch"] for cell in said["cells"]}
    idle = [name for name, launch in launches.items() if launch != "works"]
    # managers follow redirects, so v2 is told; nobody can open an app through such an address
    assert idle == ["webui-22.09/v1/healthy-v2", "webui-22.09/v1/redirect"]


ONE = ("--only", "webui-26.8/v1/refuse")


def test_a_table_for_people():
    result = run(*ONE)
    assert result.exit_code == 0
    head, row, end = result.stdout.splitlines()
    assert head.split("  ")[0] == "client"
    assert row.split()[:5] == ["webui-26.8", "v1", "1", "of", "1"]
    assert end.startswith("this gateway: 1 cell, all that should work does")


def test_markdown_junit_and_a_page():
    assert "| refuse | ✓ |" in run(*ONE, "--format", "md").stdout.splitlines()
    root = ET.fromstring(run(*ONE, "--format", "junit").stdout)
    assert root.get("failures") == "0" and root.find("testsuite/testcase") is not None
    page = run(*ONE, "--format", "html").stdout
    assert page.startswith("<!doctype html>") and "✓</td>" in page


def test_the_conversation_of_one_cell():
    result = run("--explain", "webui-22.09/v2/refuse")
    assert result.exit_code == 0, result.output
    assert "/wsproxy-version?…" in result.stdout and "DELETE " in result.stdout
    assert "reported: v1 address-refused" in result.stdout
    assert '"reason": "address-refused"' in result.stdout
    for name in ("AIOHTTP_SESSION", "appproxy_permit_"):
        assert f"{name}=" not in result.stdout


def test_the_proxies_before_it_show_red(tmp_path: Path):
    name = "webui-22.09/v2/refuse/python-25.10/manager-26.2"
    result = run("--upstream", "--only", name, "--format", "json")
    assert result.exit_code == 1
    [cell] = json.loads(result.stdout)["cells"]
    assert (cell["name"], cell["deletion"]) == (name, "fails")
    assert cell["said"] == ["not deleted: the version question was answered 503"]


@pytest.mark.parametrize("pattern", ["webui-19.*", "webui-22.09/v1/snake", "era-of-tea"])
def test_an_unknown_pattern_is_told_what_there_is(pattern):
    result = run("--only", pattern)
    assert result.exit_code == 2
    assert repr(pattern) in result.stderr and "clients: webui-20.09, " in result.stderr
    assert "refuse" in result.stderr and result.stdout == ""


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--explain", "webui-22.09/v2"], "no cell is named"),
        (["--target", "127.0.0.1:5050"], "--target is not a URL"),
        (["--target", "http://127.0.0.1:1", "--manager", "nowhere"], "--manager is not a URL"),
        (["--upstream", "--target", "http://127.0.0.1:1"], "exclude each other"),
        (["--manager", "http://127.0.0.1:1"], "belongs to a --target"),
        (["--format", "pdf"], "pdf"),
        (["--jobs", "0"], "0"),
    ],
)
def test_wrong_usage(arguments, words):
    result = run(*arguments)
    assert result.exit_code == 2 and words in result.stderr


def test_a_file_that_cannot_be_written_is_said_so(tmp_path: Path, monkeypatch):
    """Before everything is played, where that can be known."""
    result = run("--output", str(tmp_path / "missing" / "a.md"))
    assert result.exit_code == 2 and "missing is no directory" in result.stderr

    def full(self: Path, *_: object, **__: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    result = run(*ONE, "--output", str(tmp_path / "a.md"))
    assert result.exit_code == 1 and "No space left on device" in result.stderr


# other targets


def test_nothing_at_the_target():
    with elsewhere(ANIMALS["refuse"]) as address:
        result = run("--target", address)
    assert result.exit_code == 3 and "nothing answers at the target" in result.stderr


@pytest.mark.parametrize("name", ["hang", "html", "unknown-version"])
def test_a_target_that_is_no_wsproxy_is_named_in_the_cells(name, monkeypatch):
    monkeypatch.setattr(targets, "PATIENCE", 0.5)
    with elsewhere(ANIMALS[name]) as address:
        result = run("--target", address, *SMALL, "--format", "json")
    assert result.exit_code == 1
    document = json.loads(result.stdout)
    why = f"the target is no wsproxy: {ANIMALS[name].reason}"
    assert document["fault"].startswith(why) and document["counts"]["cells"] == CELLS
    bad = [cell for cell in document["cells"] if not cell["good"]]
    assert len(bad) == CELLS and all(why in "; ".join(cell["said"]) for cell in bad)
    assert document["counts"]["unplayed"] == len(CLIENTS) * 2 * len(ADDRESSES)


def test_a_target_that_lies_about_its_version_fails_where_it_is_used():
    with elsewhere(ANIMALS["healthy-v2"]) as address:
        result = run("--target", address, *SMALL, "--format", "json")
    assert result.exit_code == 1
    document = json.loads(result.stdout)
    launches = {cell["name"]: cell["launch"] for cell in document["cells"]}
    assert not document["fault"] and launches["webui-22.09/v2/healthy"] == "fails"


def test_a_run_against_a_target_has_an_end(monkeypatch):
    monkeypatch.setattr(compat, "BUDGET", 0.0)
    with elsewhere(ANIMALS["healthy-v2"]) as address:
        result = run("--target", address, *SMALL)
    assert result.exit_code == 1
    assert f"? {CELLS} of the cells not played: out of time" in result.stdout


def test_many_failures_are_not_all_told(monkeypatch):
    monkeypatch.setattr(compat_table, "MOST", 1)
    with elsewhere(ANIMALS["healthy-v1"]) as address:
        result = run("--target", address, *SMALL)
    assert "more; --format json has them all" in result.stdout


def test_control_c_ends_everything():
    command = [sys.executable, "-c", INTERRUPTED, "--only", "*/v1/hang"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 130, ended.stderr
    assert "stopped" in ended.stderr and "Traceback" not in ended.stderr
    assert ended.stdout == ""


INTERRUPTED = f"""
import os, signal
from wsproxy.compat import runner
from wsproxy.cli.compat import command
play = runner.play_cell
async def interrupted(stage, cell):
    os.kill(os.getpid(), signal.{signal.SIGINT.name})
    return await play(stage, cell)
runner.play_cell = interrupted
command()
"""
"""The first cell that is played sends the signal."""


def test_the_settings_are_those_a_person_would_write():
    settings = compat.settings_for(Wanted("http://127.0.0.1:1", {"a": "http://127.0.0.1:2"}))
    assert isinstance(settings, Settings)
    assert settings.manager.forward and settings.groups["a"].address == "http://127.0.0.1:2"
    assert settings.policy.on_invalid_address == "fallback"
