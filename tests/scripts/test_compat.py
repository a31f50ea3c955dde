"""The pages that are written by playing."""

from dataclasses import replace

from scripts import compat
from wsproxy.cli.compat import JOBS
from wsproxy.compat.outcome import Run
from wsproxy.compat.play import Result
from wsproxy.compat.verdict import Sign, Verdict


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


def test_what_fails_is_played_once_more_by_itself(monkeypatch):
    """If somebody's time was up. A fault that stays is told, and any other one at once."""
    asked: list[tuple[int, int]] = []
    good = Verdict(Sign.GOOD, Sign.GOOD, Sign.GOOD, Sign.GOOD)
    bad = replace(good, deletion=Sign.BAD)
    rushed = replace(bad, hurried=True)
    first, second = [rushed, bad, rushed], [rushed, good]

    def fake(cells, jobs=JOBS, *, before=False):
        asked.append((len(cells), jobs))
        told = iter(first if len(asked) == 1 else second)
        return Run("", [Result(cell, next(told, good)) for cell in cells])

    monkeypatch.setattr(compat, "_run", fake)
    run = compat.run(before=False)
    assert asked == [(len(run.results), JOBS), (2, 1)]
    assert run.bad == run.results[:2] and len(run.results) > 100
