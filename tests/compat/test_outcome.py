"""What a run comes to."""

from dataclasses import replace

import pytest

from tests.support.results import ALL_WELL, BAD, GOOD, IDLE, MIXED
from wsproxy.compat.outcome import mark, troubles
from wsproxy.compat.verdict import Sign, unplayed


def test_a_run_is_good_when_every_cell_is():
    assert ALL_WELL.good and ALL_WELL.words == "1 cell, all that should work does"
    assert not MIXED.good and MIXED.words == "6 cells, 2 of them fail"
    assert not replace(ALL_WELL, fault="the target is no wsproxy").good


@pytest.mark.parametrize(
    ("verdict", "text"),
    [
        (GOOD, "✓"),
        (IDLE, "(✓)"),
        (BAD, "✗ launch, deletion"),
        (replace(GOOD, report=Sign.BAD, circuits=Sign.BAD), "✗ report, circuits"),
        (unplayed("out of time"), "?"),
    ],
)
def test_a_cell_in_a_few_characters(verdict, text):
    assert mark(verdict) == text


def test_only_what_should_work_is_trouble():
    assert troubles(IDLE) == [] and troubles(BAD) == ["launch", "deletion"]
