"""Names of cells, and patterns that choose them."""

import pytest

from wsproxy.compat.matrix import HEALTHY, Cell, NoSuchCell, cells, fits, named, only
from wsproxy.core.wire import Version

EVERY = cells(["webui-22.09", "webui-26.8"], ["refuse", "hang"])
CELL = Cell("webui-22.09", Version.V2, "refuse")
BESIDE = Cell("webui-22.09", Version.V2, "refuse", "appproxy-26.4", "manager-26.2")


def test_every_client_meets_every_address_in_both_modes():
    assert len(EVERY) == len(set(EVERY)) == 2 * 2 * 3
    assert CELL in EVERY and Cell("webui-26.8", Version.V1, HEALTHY) in EVERY


@pytest.mark.parametrize(
    ("pattern", "fitting"),
    [
        ("webui-22.09/v2/refuse", True),
        ("webui-22.09", True),
        ("refuse", True),
        ("v2", True),
        ("webui-*/v?/re*", True),
        ("webui-22.09/v2", True),
        ("webui-22.09/v1/refuse", False),
        ("webui-26.*", False),
        ("v2/refuse", False),
        ("webui-22.09/v2/refuse/appproxy-26.4", False),
        ("webui-[!2]*", False),
    ],
)
def test_a_pattern_is_matched_part_by_part(pattern, fitting):
    assert fits(pattern, CELL) is fitting


def test_proxy_and_manager_are_further_parts():
    assert CELL.name == "webui-22.09/v2/refuse"
    assert BESIDE.name == "webui-22.09/v2/refuse/appproxy-26.4/manager-26.2"
    assert fits("webui-22.09/v2/refuse", BESIDE) and fits("manager-26.2", BESIDE)
    assert not fits("*/*/*/node-*", BESIDE)


def test_several_patterns_add_up_in_the_order_of_the_cells():
    chosen = only(EVERY, ["webui-26.8/v1/hang", "webui-22.09/v1"])
    assert [cell.name for cell in chosen] == [
        "webui-22.09/v1/healthy",
        "webui-22.09/v1/refuse",
        "webui-22.09/v1/hang",
        "webui-26.8/v1/hang",
    ]
    assert only(EVERY, []) == EVERY


@pytest.mark.parametrize("pattern", ["webui-19.*", "webui-22.09/v3", "*/*/snake"])
def test_a_pattern_that_fits_nothing_is_told_what_there_is(pattern):
    with pytest.raises(NoSuchCell) as caught:
        only(EVERY, ["webui-22.09", pattern])
    said = str(caught.value)
    assert repr(pattern) in said
    assert "clients: webui-22.09, webui-26.8" in said and "addresses: healthy, refuse" in said


def test_a_cell_is_found_by_its_whole_name():
    assert named(CELL.name, EVERY) == CELL
    with pytest.raises(NoSuchCell, match="modes: v1, v2"):
        named("webui-22.09/v2", EVERY)
