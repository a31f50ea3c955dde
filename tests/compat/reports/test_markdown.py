"""The Markdown of a run."""

from dataclasses import replace

from tests.support.results import MIXED
from wsproxy.compat.reports.markdown import markdown


def test_a_table_for_each_grid():
    lines = markdown(MIXED).splitlines()
    assert lines[0] == "This gateway: 6 cells, 2 of them fail."
    assert "| address | webui 20.09 | webui 22.09 |" in lines
    assert "| healthy | ✓ | ✓ |" in lines
    assert "| refuse |  | ✗ launch, deletion |" in lines
    assert "| refuse | ? | (✓) |" in lines


def test_it_holds_nothing_that_differs_from_run_to_run():
    slower = replace(MIXED, seconds=99.0)
    assert markdown(slower) == markdown(MIXED)
    assert "1.25" not in markdown(MIXED) and "out of time" not in markdown(MIXED)


def test_what_the_target_is_comes_first():
    text = markdown(replace(MIXED, fault="the target is no wsproxy: address-silent"))
    assert "**the target is no wsproxy: address-silent**" in text
