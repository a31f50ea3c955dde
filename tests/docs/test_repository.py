"""What a fresh clone must have: the image's promises, the make targets, the licence."""

import re
import tomllib
from pathlib import Path

from wsproxy.cli.main import COMMANDS

ROOT = Path(__file__).resolve().parents[2]


def test_the_image_has_two_stages_and_runs_without_rights() -> None:
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    build, run = re.split(r"(?m)^FROM ", text)[1:]
    assert "gcc" in build
    assert "apt-get" not in run
    assert re.search(r"(?m)^USER 10001:10001$", run)
    assert re.search(r'HEALTHCHECK .*\\\n +CMD \["wsproxy", "status", "http://127', run)
    assert "pip uninstall --yes pip" in build


def test_the_image_copies_what_the_build_needs() -> None:
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for needed in ("pyproject.toml", project["readme"], *project["license-files"], "wsproxy"):
        assert f"!{needed}" in ignored


def test_make_has_the_promised_targets_with_help() -> None:
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in ("help", "demo", "test", "test-fast", "check", "fmt", "bench", "docs"):
        assert re.search(rf"(?m)^{target}:.*## \S", text), target


def test_the_first_screen_of_the_readme() -> None:
    first = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()[:30]
    assert any("make demo" in line for line in first)
    assert any("make test" in line for line in first)


def test_the_readme_names_every_command() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert [name for name in COMMANDS if f"`wsproxy {name}" not in text] == []


def test_the_licence_is_apache_2() -> None:
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert "Apache License" in text
    assert "END OF TERMS AND CONDITIONS" in text
