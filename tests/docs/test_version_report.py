"""The page about the version report shows the table of the code, row by row."""

from pathlib import Path

from wsproxy.core.version import ROWS
from wsproxy.net.asking import AskRules
from wsproxy.net.probe import ProbeRules

PAGE = (Path(__file__).parents[2] / "docs" / "version-report.md").read_text()


def expected_rows() -> list[str]:
    rows = []
    for reason, row in ROWS.items():
        name = reason + ("-N" if reason.endswith("-answers") else "")
        version = "as said" if reason == "confirmed" else "v1"
        cells = [f"`{name}`", version, row.meaning, str(row.fallback), str(row.strict)]
        rows.append("| " + " | ".join([*cells, row.mend or "—"]) + " |")
    return rows


def test_the_table_is_the_table_of_the_code():
    shown = [line for line in PAGE.splitlines() if line.startswith("| `")]
    assert shown == expected_rows()


def test_the_numbers_are_the_defaults():
    rules = ProbeRules()
    assert f"{AskRules().deadline:.0f} s) covers" in PAGE
    assert f"holds for {rules.keep:.0f} s" in PAGE
    assert f"up to {rules.penalty.longest:.0f} s" in PAGE
    assert rules.patience == 0.25 and "a quarter of a second" in PAGE
