"""The grids of a run."""

from tests.support.results import MIXED, result
from wsproxy.compat.outcome import UPSTREAM, Run
from wsproxy.compat.reports.grids import grids


def shape(run: Run) -> list[tuple[str, tuple[str, ...], list[str]]]:
    return [(grid.title, grid.columns, [row for row, _ in grid.rows]) for grid in grids(run)]


def test_one_for_each_mode_with_clients_in_the_order_of_their_age():
    first, second = shape(MIXED)
    assert first[0].startswith("v1: ") and second[0].startswith("v2: ")
    assert first[1:] == (("webui-20.09", "webui-22.09"), ["healthy", "refuse"])
    rows = grids(MIXED)[0].rows
    assert rows[1][0] == "refuse" and rows[1][1][0] is None and rows[1][1][1] is not None


def test_stand_ins_by_proxy_then_by_address_then_with_the_other_manager():
    run = Run(
        UPSTREAM,
        [
            result("webui-22.09/v1/healthy/node-2021/manager-22.09"),
            result("webui-22.09/v1/healthy/node-classic/manager-22.09"),
            result("webui-22.09/v1/refuse/node-classic/manager-22.09"),
            result("webui-22.09/v1/refuse/node-classic/manager-26.2"),
        ],
    )
    by_proxy, of_time, other = shape(run)
    assert by_proxy[0].startswith("every proxy") and by_proxy[2] == ["node-2021", "node-classic"]
    assert of_time[0].startswith("the proxy and the manager of") and of_time[2] == [
        "healthy",
        "refuse",
    ]
    assert other[0].startswith("manager-26.2; v1") and other[2] == ["refuse"]


def test_parts_that_nobody_played_are_left_out():
    run = Run(UPSTREAM, [result("webui-22.09/v1/refuse/node-classic/manager-26.2")])
    assert [grid.title.partition(";")[0] for grid in grids(run)] == ["manager-26.2"]
