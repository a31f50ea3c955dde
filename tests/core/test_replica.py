"""A node's copy of the store: order, removals, and what an empty or new store may not do."""

from dataclasses import replace
from uuid import UUID

import pytest

from tests.support.circuits import circuit
from wsproxy.core import replica as replicas
from wsproxy.core.circuit import CloseReason
from wsproxy.core.replica import Changes, Entry, Position, Removed, Replica, Snapshot


def entry(number: int, *, revision: int, generation: int = 1, node: str = "n1") -> Entry:
    made = circuit(number, port=10200 + number, generation=generation)
    return Entry(made, node, revision)


def removed(number: int, revision: int = 0) -> Removed:
    return Removed(UUID(int=number), 1, CloseReason.REQUESTED, revision)


def ids(replica: Replica) -> list[int]:
    return sorted(c.id.int for c in replica.table.all())


FIRST = Snapshot(Position("e1", 2), (entry(1, revision=1), entry(2, revision=2, node="n2")))


def test_a_first_snapshot_is_the_table():
    replica = Replica("n1").with_snapshot(FIRST)

    assert replica.position == Position("e1", 2)
    assert ids(replica) == [1, 2]
    assert replica.table.ports() == {10201}  # 10202 is bound on the other node
    assert not replica.unconfirmed


def test_changes_follow_in_order():
    batch = Changes(Position("e1", 4), (entry(3, revision=3), removed(1, 4)))
    replica = Replica("n1").with_snapshot(FIRST).with_changes(batch)

    assert replica.position == Position("e1", 4)
    assert ids(replica) == [2, 3]


def test_a_change_that_is_known_or_late_changes_nothing():
    replica = Replica("n1").with_change(entry(1, revision=5, generation=3))

    assert replica.with_change(entry(1, revision=4, generation=2)).table is replica.table
    assert replica.with_change(entry(1, revision=5, generation=3)).table is replica.table
    assert ids(replica.with_change(removed(9))) == [1]


def test_a_removed_circuit_never_comes_back():
    replica = Replica("n1").with_change(entry(1, revision=1)).with_change(removed(1))
    late = entry(1, revision=2, generation=2)

    assert ids(replica.with_change(late)) == []
    assert ids(replica.with_snapshot(Snapshot(Position("e1", 2), (late,)))) == []


def test_the_snapshot_of_our_history_removes_what_it_lacks():
    replica = Replica("n1").with_snapshot(FIRST)
    later = Snapshot(Position("e1", 9), (entry(2, revision=2, node="n2"),))

    assert ids(replica.with_snapshot(later)) == [2]


def test_a_snapshot_taken_before_our_own_change_does_not_remove_it():
    replica = Replica("n1").with_snapshot(FIRST).with_change(entry(3, revision=3))

    assert ids(replica.with_snapshot(FIRST)) == [1, 2, 3]


def test_an_older_form_in_a_snapshot_does_not_win():
    newer = entry(1, revision=3, generation=2)
    replica = Replica("n1").with_snapshot(FIRST).with_change(newer).with_snapshot(FIRST)

    assert replica.table.by_id(UUID(int=1)) == newer.circuit


@pytest.mark.parametrize("told", [(), (entry(2, revision=1, node="n2"),)])
def test_an_empty_or_new_store_is_never_an_order_to_delete(told):
    replica = Replica("n1").with_snapshot(FIRST)
    after = replica.with_snapshot(Snapshot(Position("e2", 0), told))

    assert ids(after) == [1, 2]
    assert after.unconfirmed == {UUID(int=n) for n in (1, 2)} - {e.circuit.id for e in told}
    assert after.table.by_port(10201) is not None


def test_what_a_new_store_tells_has_the_slot_that_an_unconfirmed_one_had():
    other = Entry(circuit(7, port=10201), "n1", 1)
    after = Replica("n1").with_snapshot(FIRST).with_snapshot(Snapshot(Position("e2", 1), (other,)))

    assert ids(after) == [1, 2, 7]
    assert after.table.by_port(10201) == other.circuit


def test_a_new_store_that_remembers_a_removal_is_believed():
    replica = Replica("n1").with_snapshot(FIRST)
    after = replica.with_snapshot(Snapshot(Position("e2", 1), (), (removed(1, 1),)))

    assert ids(after) == [2]


def test_what_is_stored_again_is_confirmed_again():
    lost = Replica("n1").with_snapshot(FIRST).with_snapshot(Snapshot(Position("e2", 0)))
    same = lost.with_change(entry(1, revision=1))
    newer = same.with_change(entry(2, revision=2, generation=2, node="n2"))

    assert same.unconfirmed == {UUID(int=2)}
    assert not newer.unconfirmed
    assert not lost.with_change(removed(1)).with_change(removed(2)).unconfirmed


def test_only_the_newest_removals_are_remembered(monkeypatch):
    monkeypatch.setattr(replicas, "REMEMBERED", 2)
    replica = Replica("n1")
    for number in (1, 2, 3):
        replica = replica.with_change(removed(number))

    assert list(replica.removed) == [UUID(int=2), UUID(int=3)]
    assert replace(replica, position=None) == replica
