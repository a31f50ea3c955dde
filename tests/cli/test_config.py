"""``wsproxy config``: complaints on stderr with exit code 2, results on stdout."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from wsproxy.cli.main import main

BAD = '[gateway]\nbnd = 1\n[v2]\napi-secret = "hunter2"\n'


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)

    def run(*args: str) -> Result:
        return CliRunner().invoke(main, ["config", *args])

    return run


def test_a_good_file_in_one_line(run, tmp_path: Path) -> None:
    (tmp_path / "my.toml").write_text('[groups.gpu]\naddress = "nonsense"\n')
    result = run("check", "-c", "my.toml")
    assert result.exit_code == 0
    assert result.stdout == (
        "ok: my.toml: a gateway for v1 at http://127.0.0.1:5050; groups: gpu\n"
    )
    assert result.stderr.startswith("warning: groups.gpu.address: it does not start")


def test_no_file_is_good_too(run) -> None:
    result = run("check")
    assert result.exit_code == 0
    assert "no file, defaults and environment" in result.stdout


def test_every_complaint_and_exit_code_2(run, tmp_path: Path) -> None:
    (tmp_path / "wsproxy.toml").write_text(BAD)
    result = run("check")
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.splitlines() == [
        "wsproxy.toml:2: gateway.bnd: is not a setting. Did you mean 'bind'?",
        "wsproxy.toml:3: v2.jwt-secret: is missing: [v2] needs its three secrets. "
        "`openssl rand -hex 32` makes one; remove [v2] for a v1 gateway",
        "wsproxy.toml:3: v2.permit-secret: is missing: [v2] needs its three secrets. "
        "`openssl rand -hex 32` makes one; remove [v2] for a v1 gateway",
        "wsproxy.toml:4: v2.api-secret: is too short: 7 bytes, at least 16 are needed. "
        "`openssl rand -hex 32` makes one",
        "error: 4 faults in the settings; nothing started",
    ]


def test_json_for_scripts(run, tmp_path: Path) -> None:
    (tmp_path / "wsproxy.toml").write_text(BAD)
    result = run("check", "--json")
    document = json.loads(result.stdout)
    assert result.exit_code == 2
    assert document["ok"] is False
    assert document["complaints"][0] == {
        "file": "wsproxy.toml",
        "line": 2,
        "key": "gateway.bnd",
        "problem": "is not a setting",
        "remedy": "Did you mean 'bind'?",
    }
    assert "hunter2" not in result.output
    (tmp_path / "wsproxy.toml").write_text("")
    result = run("check", "--json")
    assert result.exit_code == 0
    assert json.loads(result.stdout)["version"] == "v1"


def test_the_sample_can_be_checked(run, tmp_path: Path) -> None:
    result = run("sample")
    assert result.exit_code == 0
    (tmp_path / "wsproxy.toml").write_text(result.stdout)
    assert run("check").exit_code == 0
