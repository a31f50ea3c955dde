"""A run as JUnit XML: a suite for each client, a case for each cell."""

from collections.abc import Sequence
from xml.etree import ElementTree as ET

from wsproxy.compat.outcome import Run, troubles
from wsproxy.compat.play import Result
from wsproxy.observe.redact import printable

LONGEST = 1000


def junit(run: Run) -> str:
    root = ET.Element("testsuites", name=f"wsproxy compat: {_text(run.target)}")
    _count(root, run.results, run.seconds)
    for player in dict.fromkeys(result.cell.player for result in run.results):
        mine = [result for result in run.results if result.cell.player == player]
        suite = ET.SubElement(root, "testsuite", name=player)
        _count(suite, mine, sum(result.verdict.seconds for result in mine))
        for result in mine:
            _case(suite, result)
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _count(element: ET.Element, results: Sequence[Result], seconds: float) -> None:
    failed = sum(result.verdict.played and not result.verdict.good for result in results)
    unplayed = sum(not result.verdict.played for result in results)
    element.set("tests", str(len(results)))
    element.set("failures", str(failed))
    element.set("errors", str(unplayed))
    element.set("time", f"{seconds:.3f}")


def _case(suite: ET.Element, result: Result) -> None:
    cell, verdict = result.cell, result.verdict
    case = ET.SubElement(
        suite,
        "testcase",
        classname=f"{cell.player}.{cell.mode}",
        name="/".join(cell.parts[2:]),
        time=f"{verdict.seconds:.3f}",
    )
    said = _text("; ".join(verdict.said))
    if not verdict.played:
        ET.SubElement(case, "error", message=said)
    elif not verdict.good:
        ET.SubElement(case, "failure", message=", ".join(troubles(verdict))).text = said
    elif said:
        ET.SubElement(case, "system-out").text = said


def _text(text: str) -> str:
    """What a server said may hold characters that XML cannot."""
    return printable(text, LONGEST)
