"""The route table: look-ups, and that it equals a plain model after any history."""

from dataclasses import replace
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.circuits import ROUTE, SESSION, circuit, label_circuit
from wsproxy.core.circuit import Circuit, Mode, PortListener
from wsproxy.core.routing import EMPTY, RouteTable

TARGET = (ROUTE.host, ROUTE.port)


def test_a_circuit_is_found_by_everything_it_has():
    table = EMPTY.with_circuit(circuit(1, port=10200)).with_circuit(label_circuit(2, "app-1"))

    assert table.by_id(UUID(int=1)) == table.by_port(10200) == circuit(1, port=10200)
    assert table.by_label("APP-1") == label_circuit(2, "app-1")
    assert table.by_port(1) is table.by_label("") is table.by_id(UUID(int=3)) is None
    assert len(table) == 2
    assert UUID(int=1) in table
    assert UUID(int=3) not in table
    assert table.ports() == {10200}
    assert table.labels() == {"app-1"}


def test_a_change_makes_a_new_table():
    before = EMPTY.with_circuit(circuit(1, port=10200))
    after = before.without(UUID(int=1))

    assert before.by_port(10200) is not None
    assert after.by_port(10200) is None
    assert after.without(UUID(int=1)) is after
    assert [c.id for c in before.gone_in(after)] == [UUID(int=1)]
    assert after.gone_in(before) == ()


def test_a_session_has_its_circuits_oldest_first_and_by_owner():
    table = EMPTY
    for number, owner in ((1, "a"), (2, "b"), (3, "a")):
        table = table.with_circuit(circuit(number, port=number, session="S", owner=owner))
    table = table.with_circuit(circuit(9, port=9, session="T"))

    assert [c.id.int for c in table.of_session("S")] == [1, 2, 3]
    assert [c.id.int for c in table.of_session("S", "a")] == [1, 3]
    assert [c.id.int for c in table.without(UUID(int=1)).of_session("S")] == [2, 3]
    assert table.of_session("U") == ()


def test_a_circuit_alone_below_a_key_needs_no_tuple():
    one, other = circuit(1, port=1), circuit(2, port=2)
    assert one.session_id == other.session_id and one.routes == other.routes
    built = RouteTable.of([(one, True)])
    grown = EMPTY.with_circuit(one)
    shrunk = grown.with_circuit(other).without(other.id)
    for table in (built, grown, shrunk):
        assert list(table._sessions.values()) == list(table._targets.values()) == [one.id]
        assert table.of_session(SESSION) == table.leading_to(TARGET) == (one,)
    several = RouteTable.of([(one, True), (other, True), (circuit(3, port=3), True)])
    assert [c.id.int for c in several.of_session(SESSION)] == [1, 2, 3]
    assert [c.id.int for c in several.leading_to(TARGET)] == [1, 2, 3]
    assert several.without(one.id).leading_to(TARGET)[0] == other
    assert several.leading_to(("10.0.0.5", 1)) == ()


def test_endpoints_are_found_among_many_circuits():
    endpoint = replace(circuit(2, port=2), mode=Mode.INFERENCE)
    several = RouteTable.of([(circuit(1, port=1), True), (endpoint, True)])
    one_by_one = EMPTY.with_circuit(circuit(1, port=1)).with_circuit(endpoint)

    assert several.endpoints() == one_by_one.endpoints() == (endpoint,)
    changed = replace(endpoint, mode=Mode.INTERACTIVE)
    assert one_by_one.with_circuit(changed).endpoints() == ()
    assert one_by_one.without(endpoint.id).endpoints() == ()
    assert one_by_one.endpoints() == (endpoint,)


def test_a_newer_form_replaces_the_older_one():
    old = circuit(1, port=10200)
    moved = replace(old, listener=PortListener("127.0.0.1", 10201), generation=2)
    table = EMPTY.with_circuit(old).with_circuit(moved)

    assert table.by_port(10200) is None
    assert table.by_port(10201) == moved
    assert len(table) == 1
    assert table.of_session(old.session_id) == (moved,)


def test_the_port_of_another_node_is_not_ours():
    table = EMPTY.with_circuit(circuit(1, port=10200), here=False)

    assert table.by_port(10200) is None
    assert table.by_id(UUID(int=1)) is not None
    assert RouteTable.of([(circuit(1, port=10200), False)]).by_port(10200) is None


def test_a_slot_that_was_taken_over_stays_with_its_new_circuit():
    table = EMPTY.with_circuit(circuit(1, port=10200)).with_circuit(circuit(2, port=10200))
    table = table.with_circuit(label_circuit(3, "x")).with_circuit(label_circuit(4, "x"))
    table = table.without(UUID(int=1)).without(UUID(int=3))

    assert table.by_port(10200) == circuit(2, port=10200)
    assert table.by_label("x") == label_circuit(4, "x")


_circuits = st.builds(
    lambda number, port, label, session: (
        circuit(number, port=port, session=session)
        if label is None
        else label_circuit(number, label, session=session)
    ),
    st.integers(1, 6),
    st.integers(1, 4),
    st.none() | st.sampled_from(["a", "b"]),
    st.sampled_from(["S", "T"]),
)
_steps = st.lists(_circuits | st.integers(1, 6).map(lambda number: UUID(int=number)), max_size=25)


@settings(max_examples=80, deadline=None)
@given(_steps)
def test_the_table_equals_a_plain_dictionary(steps: list[Circuit | UUID]):
    table = EMPTY
    model: dict[UUID, Circuit] = {}
    for step in steps:
        if isinstance(step, UUID):
            table = table.without(step)
            model.pop(step, None)
        elif not _slot_taken(model, step):  # the store never lets two have one slot
            table = table.with_circuit(step)
            model[step.id] = step
    whole = RouteTable.of((c, True) for c in model.values())
    for view in (table, whole):
        assert {c.id: c for c in view.all()} == model
        for session in ("S", "T"):
            expected = {c.id for c in model.values() if c.session_id == session}
            assert {c.id for c in view.of_session(session)} == expected
        for port in range(1, 5):
            assert view.by_port(port) == _one(c for c in model.values() if c.port == port)
        for label in ("a", "b"):
            assert view.by_label(label) == _one(c for c in model.values() if c.label == label)


def _slot_taken(model: dict[UUID, Circuit], circuit: Circuit) -> bool:
    return any(
        other.id != circuit.id and (other.port, other.label) == (circuit.port, circuit.label)
        for other in model.values()
    )


def _one(found):
    circuits = list(found)
    assert len(circuits) <= 1
    return circuits[0] if circuits else None


def test_what_is_new_is_what_came_or_changed():
    one, two = circuit(1, port=1), circuit(2, port=2)
    before = EMPTY.with_circuit(one)
    changed = replace(one, open_to_public=True)
    assert before.new_in(before) == ()
    assert before.new_in(before.with_circuit(two)) == (two,)
    assert before.new_in(before.with_circuit(changed)) == (changed,)
    assert before.with_circuit(two).new_in(before) == ()
