"""Pages made from the code are current; what the code offers is in the docs."""

from pathlib import Path

import pytest

from scripts import docs
from wsproxy.cli.main import COMMANDS
from wsproxy.config.sources import CLASSIC
from wsproxy.core.catalogue import CATALOGUE

PAGES = Path(__file__).resolve().parents[2] / "docs"


@pytest.mark.parametrize("name", sorted(docs.PAGES))
def test_a_generated_page_is_current(name: str) -> None:
    made = docs.PAGES[name]()
    assert (PAGES / name).read_text(encoding="utf-8") == made, "run `make docs`"


def test_every_problem_command_and_variable_is_in_its_page() -> None:
    errors, commands = docs.PAGES["errors.md"](), docs.commands()
    assert [code for code in CATALOGUE if f"`{code}` |" not in errors] == []
    assert [name for name in COMMANDS if f"## wsproxy {name}\n" not in commands] == []
    assert [name for name in CLASSIC if f"| `{name}` |" not in docs.PAGES["settings.md"]()] == []


def test_commands_show_their_options_and_sub_commands() -> None:
    page = docs.commands()
    assert "### wsproxy config check\n\n" in page
    assert "    wsproxy config check [OPTIONS]\n" in page
    assert "| `-c`, `--config` | Settings file." in page


def test_a_stale_page_is_named_and_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(docs, "DOCS", tmp_path)
    monkeypatch.setattr(docs, "PAGES", {"a.md": lambda: "new\n", "b.md": lambda: "same\n"})
    (tmp_path / "a.md").write_text("old\n")
    (tmp_path / "b.md").write_text("same\n")
    assert docs.main(["--check"]) == 1
    assert "docs/a.md is stale" in capsys.readouterr().err
    assert (tmp_path / "a.md").read_text() == "old\n"
    assert docs.main([]) == 0
    assert (tmp_path / "a.md").read_text() == "new\n"
    assert docs.main(["--check"]) == 0
