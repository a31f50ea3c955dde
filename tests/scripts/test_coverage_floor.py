"""The floors hold, and say which file is to blame."""

from pathlib import Path

import pytest

from scripts.coverage_floor import main

REPORT = """<?xml version="1.0" ?>
<coverage><packages><package><classes>
<class filename="{core}"><lines>
  <line number="1" hits="1"/>
  <line number="2" hits="1" branch="true" condition-coverage="{branches}"/>
</lines></class>
<class filename="net/pump.py"><lines>{lines}</lines></class>
</classes></package></packages></coverage>
"""
COVERED, NOT = '<line number="1" hits="1"/>', '<line number="1" hits="0"/>'


@pytest.mark.parametrize(
    ("core", "branches", "lines", "code", "said"),
    [
        ("core/a.py", "100% (2/2)", COVERED * 20, 0, "core 100.00 %"),
        ("wsproxy/core/a.py", "50% (1/2)", COVERED * 20, 1, "core/a.py (1)"),
        ("core/a.py", "100% (2/2)", COVERED * 20 + NOT * 3, 1, "net/pump.py (3)"),
    ],
)
def test_each_floor(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    core: str,
    branches: str,
    lines: str,
    code: int,
    said: str,
) -> None:
    report = tmp_path / "coverage.xml"
    report.write_text(REPORT.format(core=core, branches=branches, lines=lines))
    assert main([str(report)]) == code
    captured = capsys.readouterr()
    assert said in captured.out + captured.err


def test_no_report_is_no_success(tmp_path: Path) -> None:
    assert main([str(tmp_path / "none.xml")]) == 2
    assert main([]) == 2
    empty = tmp_path / "coverage.xml"
    empty.write_text("<coverage/>")
    assert main([str(empty)]) == 1
