"""The pages that are written by playing."""

from scripts import compat


def test_a_stale_page_is_shown_and_written(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(compat, "DOCS", tmp_path)
    monkeypatch.setattr(compat, "PAGES", {"a.md": lambda: "new\n", "b.md": lambda: "same\n"})
    (tmp_path / "b.md").write_text("same\n")
    assert compat.main(["--check"]) == 1
    said = capsys.readouterr().err
    assert "docs/a.md is stale" in said and "+new" in said and "b.md" not in said
    assert not (tmp_path / "a.md").exists()
    assert compat.main([]) == 0
    assert (tmp_path / "a.md").read_text() == "new\n"
    assert compat.main(["--check"]) == 0
