import csv
import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from benchmarks.__main__ import main
from benchmarks.bench import Found
from benchmarks.figures import Measured, Sample
from benchmarks.goals import Goal, Row
from benchmarks.save import append_csv, progress, write_json
from wsproxy import __version__

ROWS = [
    Row("small", Goal("a rate", 0.6, 0.8), 0.9),
    Row("idle", Goal("a price", 6.0, 3.5, low=True), 4.0, "1500 open"),
    Row("later", Goal("another", 0.9, 1.0), None, "not yet"),
]


def test_runs_of_one_release_are_below_each_other(tmp_path: Path) -> None:
    append_csv(tmp_path / "results", ROWS)
    file = append_csv(tmp_path / "results", ROWS[:1])
    assert file.name == f"{__version__}.csv"
    with file.open(newline="") as opened:
        read = list(csv.DictReader(opened))
    assert [row["found"] for row in read] == ["0.9", "4", "", "0.9"]
    assert [row["verdict"] for row in read[:3]] == ["aim reached", "reached", "not measured"]


def test_nothing_is_measured_for_a_picture_that_cannot_be_drawn(monkeypatch) -> None:
    monkeypatch.setattr("benchmarks.wrk.found", lambda: "wrk")
    monkeypatch.setattr("benchmarks.save.can_draw", lambda: False)
    said = CliRunner().invoke(main, ["--only", "open", "--plot", "numbers.png"])
    assert said.exit_code == 1
    assert "--plot needs matplotlib: python -m benchmarks.install" in said.output


def test_json_has_the_rounds_too(tmp_path: Path) -> None:
    found = Found("small", "small requests", measured=[Measured("nginx", [Sample(10, 1.0, 0.5)])])
    write_json(tmp_path / "new" / "all.json", [found], ROWS)
    read = json.loads((tmp_path / "new" / "all.json").read_text())
    (target,) = read["works"][0]["targets"]
    assert target["cpu_seconds_per_unit"] == 0.05
    assert target["rounds"] == [{"units": 10, "seconds": 1.0, "cpu": 0.5, "faults": 0}]
    assert read["numbers"][2]["found"] is None


def test_a_bar_ends_at_one_where_the_least_is_reached() -> None:
    assert progress(ROWS[0]) == pytest.approx(1.5)
    assert progress(ROWS[1]) == pytest.approx(1.5)
    assert progress(ROWS[2]) is None
