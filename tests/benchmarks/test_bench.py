import os
import time
from pathlib import Path

from benchmarks.bench import Found, Plan, in_turn
from benchmarks.ends.calls import Wrong
from benchmarks.figures import Measured, Sample, cost_ratio
from benchmarks.goals import Verdict
from benchmarks.machine import Cores
from benchmarks.process import Running


def plan(rounds: int) -> Plan:
    return Plan(Path("/nowhere"), Cores([]), rounds=rounds)


def test_each_round_begins_with_another_target() -> None:
    order: list[str] = []

    def one(target: Running) -> Sample:
        order.append(target.name)
        return Sample(1, 1.0)

    targets = [Running(name, 0, 0) for name in ("a", "b", "c")]
    found = Found("work", "title")
    in_turn(plan(2), found, targets, one)
    assert "".join(order) == "abcbca"
    assert [len(each.samples) for each in found.measured] == [2, 2, 2]


def test_where_the_cpu_of_a_target_goes_is_noted() -> None:
    def one(target: Running) -> Sample:
        end = time.process_time() + 0.1
        while time.process_time() < end:
            sum(range(10_000))  # the kernel tells the time
        return Sample(1, 1.0)

    found = Found("work", "title")
    targets = [
        Running("us", 0, os.getpid()),
        Running("gone", 0, 0),
        Running("direct", 0, 1, proxy=False),
    ]
    in_turn(plan(1), found, targets, one)
    us, gone, direct = found.measured
    assert us.in_kernel is not None and us.user > us.kernel
    assert (gone.in_kernel, direct.in_kernel) == (None, None)


def test_a_wrong_answer_is_a_fault_and_the_others_go_on() -> None:
    def one(target: Running) -> Sample:
        if target.name == "broken":
            raise Wrong("another body")
        return Sample(1, 1.0)

    found = Found("work", "title")
    in_turn(plan(1), found, [Running("broken", 0, 0), Running("whole", 0, 0)], one)
    assert found.wrong == ["broken: another body"]
    assert found.faults == 1


def test_a_number_about_a_missing_peer_says_so() -> None:
    found = Found("small", "title", measured=[Measured("wsproxy", [Sample(1, 1.0, 0.1)])])
    found.compare("small-caddy", cost_ratio, "caddy")
    (row,) = found.rows
    assert row.verdict is Verdict.UNKNOWN
    assert row.note == "caddy is missing"
