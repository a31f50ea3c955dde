from pathlib import Path

import pytest

from benchmarks import wrk
from benchmarks.bench import Plan
from benchmarks.ends import backend
from benchmarks.machine import Cores
from benchmarks.works import small


@pytest.mark.slow
@pytest.mark.skipif(wrk.found() is None or backend.nginx() is None, reason="needs wrk and nginx")
def test_small_requests_are_measured_and_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The smallest run: it says nothing about speed, but every answer was right."""
    monkeypatch.setattr(small, "NAMES", ("wsproxy", "nginx"))
    found = small.run(Plan(tmp_path, Cores([]), rounds=1, seconds=1.0, quick=True))
    assert found.wrong == []
    assert found.faults == 0
    assert [each.name for each in found.measured] == ["direct", "wsproxy", "nginx"]
    assert all(each.rate > 0 for each in found.measured)
    ours, theirs = found.of("wsproxy"), found.of("nginx")
    assert ours is not None and ours.cost
    assert theirs is not None and theirs.cost
    rate = next(row for row in found.rows if row.goal.what.endswith("rate, of nginx"))
    assert rate.value is not None and rate.value > 0
