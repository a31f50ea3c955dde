"""Opening and closing circuits: reuse, roll-back, order, a store that is away."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from uuid import UUID

import pytest

from tests.support.apps import eventually
from tests.support.circuits import PORTS, SESSION, FakeHost, want
from tests.support.stores import FailingStore
from wsproxy.circuits import CircuitRules, Circuits, Opened, Want
from wsproxy.core.circuit import Circuit, CloseReason, Direct, Mode, Protocol
from wsproxy.core.problem import Problem
from wsproxy.core.slots import LabelSlot, ListedSlot, PortSlot
from wsproxy.core.wire import Version
from wsproxy.state.base import Refused
from wsproxy.state.feed import Feed, FeedRules
from wsproxy.state.memory import MemoryStore

REQUESTED = CloseReason.REQUESTED
DEADLINE = 10.0


@pytest.fixture
async def store():
    store = FailingStore(MemoryStore())
    yield store
    await store.close()


@pytest.fixture
def host():
    return FakeHost()


@pytest.fixture
async def make(store, host):
    """Makes the circuits of one more node on the same store."""
    made: list[tuple[Circuits, Feed]] = []

    async def make(node: str = "n1", host: FakeHost = host, per_session: int = 8) -> Circuits:
        feed = Feed(store, node, FeedRules(wait=0.05, retry=0.01))
        salts = iter(f"{number:08x}" for number in range(1000))
        rules = CircuitRules(per_session, retry=0.01)
        circuits = Circuits(
            store, feed, host, rules, clock=lambda: 1234.5, salt=lambda: next(salts)
        )
        await feed.start()
        made.append((circuits, feed))
        return circuits

    yield make
    for circuits, feed in made:
        await circuits.stop()
        await feed.close()


@pytest.fixture
async def circuits(make):
    return await make()


async def opened(circuits: Circuits, want: Want) -> Circuit:
    outcome = await circuits.open(want)
    assert isinstance(outcome, Opened), outcome
    assert not outcome.reused
    return outcome.circuit


async def reused(circuits: Circuits, want: Want) -> Circuit:
    outcome = await circuits.open(want)
    assert isinstance(outcome, Opened), outcome
    assert outcome.reused
    return outcome.circuit


async def refused(circuits: Circuits, want: Want) -> Problem:
    outcome = await circuits.open(want)
    assert isinstance(outcome, Problem), outcome
    return outcome


async def stored(store: FailingStore) -> set[UUID]:
    return {e.circuit.id for e in (await store.inner.snapshot()).entries}


async def assert_nothing_is_left(circuits: Circuits, store: FailingStore, host: FakeHost) -> None:
    """No circuit, no listener, no entry, and every port can be had again."""
    assert circuits.table.all() == ()
    assert host.bound == {}
    await eventually(lambda: circuits.owed == 0)
    assert await stored(store) == set()
    host.problem = host.broken = None
    for port in PORTS:
        await opened(circuits, want(f"app{port}", slot=PortSlot("127.0.0.1", PORTS, port)))


# opening


async def test_an_open_circuit_is_bound_stored_and_in_the_table(circuits, store, host):
    circuit = await opened(circuits, want())

    assert circuit.port in PORTS
    assert circuits.table.by_port(circuit.port) == circuit
    assert host.bound == {circuit.id: circuit}
    assert await stored(store) == {circuit.id}
    assert (circuit.created_at, circuits.asked_at(circuit.id)) == (1234.5, 1234.5)
    assert circuits.here() == (circuit,)


async def test_it_is_in_the_table_only_when_it_accepts(circuits, host):
    host.gate = asyncio.Event()
    opening = asyncio.create_task(circuits.open(want()))
    await asyncio.wait_for(host.reached.wait(), DEADLINE)
    assert circuits.table.all() == ()

    host.gate.set()
    outcome = await asyncio.wait_for(opening, DEADLINE)
    assert circuits.table.all() == (outcome.circuit,)


async def test_port_zero_comes_back_with_the_real_port(circuits):
    circuit = await opened(circuits, want(slot=ListedSlot("127.0.0.1", (0,))))

    assert circuit.port == 50001
    assert circuits.table.by_port(50001) == circuit


async def test_two_circuits_can_ask_for_any_port_at_once(circuits, host):
    wants = [want(f"a{n}", slot=ListedSlot("127.0.0.1", (0,))) for n in range(3)]
    wants += [want("b", session="T", slot=ListedSlot("127.0.0.1", (0,)))]
    outcomes = await asyncio.gather(*map(circuits.open, wants))

    assert len({outcome.circuit.port for outcome in outcomes}) == 4


async def test_a_label_is_given_as_asked_for_and_suffixed_when_taken(circuits):
    first = await opened(circuits, want(slot=LabelSlot("My.App_1")))
    second = await opened(circuits, want("other", slot=LabelSlot("my-app-1")))

    assert first.label == "my-app-1"
    assert (second.label or "").startswith("my-app-1-")
    assert circuits.table.by_label("my-app-1") == first


async def test_a_label_that_another_node_has_just_taken_is_suffixed(make, store):
    """The other node's change has not arrived yet: only the store knows."""
    one, two = await make("n1"), await make("n2")
    outcomes = await asyncio.gather(
        one.open(want(session="S", slot=LabelSlot("x"))),
        two.open(want(session="T", slot=LabelSlot("x"))),
    )

    assert len({outcome.circuit.label for outcome in outcomes}) == 2


async def test_a_port_that_another_program_holds_is_skipped(circuits, host):
    host.busy = {10200, 10201}

    assert (await opened(circuits, want())).port == 10202


async def test_a_port_that_another_opening_took_meanwhile_is_not_tried(circuits, host):
    host.busy, host.gate = {10201}, asyncio.Event()
    first = asyncio.create_task(circuits.open(want(session="S")))  # 10201, 10202, 10200
    slot = PortSlot("127.0.0.1", PORTS, 10202)
    second = asyncio.create_task(circuits.open(want(session="T", slot=slot)))
    await eventually(lambda: len(host.bound) == 2)
    host.gate.set()

    assert [(await first).circuit.port, (await second).circuit.port] == [10200, 10202]
    assert sorted(host.tried) == [10200, 10201, 10202]


async def test_the_range_is_used_up_and_then_exhausted(circuits, store, host):
    for number in range(3):
        await opened(circuits, want(f"app{number}"))
    problem = await refused(circuits, want("one-more"))

    assert (problem.status, problem.code) == (503, "appproxy/no-free-port")
    assert problem.retry_after
    assert len(host.bound) == 3


@pytest.mark.parametrize("held_by", ["a circuit", "another program"])
async def test_a_preferred_port_that_is_taken_is_409(circuits, host, held_by):
    slot = PortSlot("127.0.0.1", PORTS, 10201)
    if held_by == "a circuit":
        await opened(circuits, want("other", slot=slot))
    else:
        host.busy = {10201}
    problem = await refused(circuits, want(slot=slot))

    assert (problem.status, problem.code) == (409, "appproxy/port-not-available")


async def test_two_sessions_that_want_one_port_at_once(circuits, host):
    host.gate = asyncio.Event()
    slot = PortSlot("127.0.0.1", PORTS, 10201)
    first = asyncio.create_task(circuits.open(want(session="S", slot=slot)))
    await asyncio.wait_for(host.reached.wait(), DEADLINE)
    problem = await refused(circuits, want(session="T", slot=slot))
    host.gate.set()

    assert problem.status == 409
    assert isinstance(await asyncio.wait_for(first, DEADLINE), Opened)


async def test_a_session_may_have_only_so_many(make):
    circuits = await make(per_session=2)
    for number in range(2):
        await opened(circuits, want(f"app{number}"))
    problem = await refused(circuits, want("third"))

    assert (problem.status, problem.code) == (503, "appproxy/circuit-limit")
    await opened(circuits, want("third", session="another"))
    await reused(circuits, want("app0"))


# reuse


async def test_the_same_thing_again_is_the_same_circuit(circuits, host):
    first = await opened(circuits, want())

    assert await reused(circuits, want()) == first
    assert await reused(circuits, want(slot=PortSlot("127.0.0.1", PORTS, first.port))) == first
    assert len(host.tried) == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"reuse": False},
        {"app": "terminal"},
        {"session": "another"},
        {"owner": "another"},
        {"protocol": Protocol.TCP},
        {"open_to_public": True},
        {"allowed_client_ips": ("10.0.0.0/8",)},
        {"envs": (("A", "1"),)},
        {"arguments": '{"--x":"1"}'},
    ],
)
async def test_something_else_is_another_circuit(circuits, changes):
    first = await opened(circuits, want())
    second = await opened(circuits, want(**changes))

    assert second.port != first.port
    assert len(circuits.table) == 2


async def test_another_preferred_port_is_another_circuit(circuits):
    first = await opened(circuits, want(slot=PortSlot("127.0.0.1", PORTS, 10200)))
    second = await opened(circuits, want(slot=PortSlot("127.0.0.1", PORTS, 10202)))

    assert (first.port, second.port) == (10200, 10202)


async def test_many_who_ask_at_once_get_one_circuit(circuits, host):
    outcomes = await asyncio.gather(*(circuits.open(want()) for _ in range(20)))

    assert len({outcome.circuit.id for outcome in outcomes}) == 1
    assert sorted(outcome.reused for outcome in outcomes) == [False] + [True] * 19
    assert len(host.tried) == 1


async def test_a_dead_listener_is_replaced(circuits, store, host):
    first = await opened(circuits, want())
    host.dead.add(first.id)
    second = await opened(circuits, want())

    assert second.id != first.id
    assert host.closed == [(first.id, CloseReason.LISTENER_DIED)]
    assert await stored(store) == {second.id}


async def test_a_listener_of_another_node_is_not_ours_to_judge(make):
    one, two = await make("n1"), await make("n2", FakeHost())
    first = await opened(one, want())
    await eventually(lambda: len(two.table) == 1)

    assert await reused(two, want()) == first
    assert two.here() == ()


async def test_a_container_that_moved_is_followed(circuits, store, host):
    first = await opened(circuits, want())
    elsewhere = (Direct("10.9.9.9", 30009, generation="2"),)
    second = await reused(circuits, want(routes=elsewhere))

    assert (second.id, second.routes, second.generation) == (first.id, elsewhere, 2)
    assert circuits.table.by_port(first.port) == second
    assert host.closed == []  # nobody's connection was touched
    assert (await store.snapshot()).entries[0].circuit == second


async def test_v1_keeps_what_it_was_opened_with(circuits):
    listed = ListedSlot("127.0.0.1", (0,))
    first = await opened(circuits, want(version=Version.V1, slot=listed))
    again = want(
        version=Version.V1, slot=ListedSlot("127.0.0.1", (5,)), envs=(("A", "1"),), routes=()
    )

    assert await reused(circuits, again) == first


async def test_following_a_container_needs_the_store(circuits, store):
    first = await opened(circuits, want())
    store.down = True

    assert await reused(circuits, want()) == first  # nothing to store
    problem = await refused(circuits, want(routes=(Direct("10.9.9.9", 1),)))
    assert (problem.code, problem.retry_after) == ("store-unavailable", 5)
    assert circuits.table.all() == (first,)


async def test_a_circuit_that_somebody_else_changed_is_not_overwritten(circuits, store):
    first = await opened(circuits, want())
    entry = (await store.snapshot()).entries[0]
    theirs = replace(entry, circuit=replace(first, generation=5))
    await store.inner.put(theirs)
    outcome = await circuits.open(want(routes=(Direct("10.9.9.9", 1),)))

    assert isinstance(outcome, Problem)
    assert outcome.code == "store-unavailable"
    assert await store.inner.put(theirs) is Refused.STALE


# fencing


async def test_an_address_that_another_tenant_got_answers_no_more_for_the_old_one(circuits, host):
    address = (Direct("10.0.0.5", 30001),)
    old = await opened(circuits, want(session="old", routes=address, owner="A"))
    other = await opened(circuits, want(session="other", owner="A"))
    new = await opened(circuits, want(session="new", routes=address, owner="B"))

    assert list(circuits.table.all()) == [other, new]
    assert host.closed == [(old.id, CloseReason.ROUTE_GONE)]


ENDPOINT = want(
    "llm",
    session="e1",
    owner="endpoint:e1",
    user_id="user-2",
    mode=Mode.INFERENCE,
    endpoint_id="e1",
    routes=(Direct("10.0.0.5", 1, "r1", "s1"), Direct("10.0.0.6", 1, "r2", "s2")),
)


async def test_an_endpoint_loses_only_the_route_whose_address_another_tenant_got(circuits, host):
    endpoint = await opened(circuits, ENDPOINT)
    mine = want(routes=(Direct("10.0.0.5", 1, session_id=SESSION),), user_id="user-1")
    await opened(circuits, mine)
    now = circuits.table.by_id(endpoint.id)
    assert now is not None
    assert now.routes == endpoint.routes[1:]
    assert not host.closed


async def test_an_interactive_app_ends_when_an_endpoint_of_another_tenant_has_its_address(circuits):
    app = await opened(circuits, want(routes=(Direct("10.0.0.6", 1, session_id=SESSION),)))
    endpoint = await opened(circuits, replace(ENDPOINT, routes=()))
    assert app.id in circuits.table
    changed = await circuits.change(endpoint.id, lambda now: replace(now, routes=ENDPOINT.routes))
    assert isinstance(changed, Circuit)
    assert app.id not in circuits.table


async def test_a_change_is_a_new_generation_and_none_is_none(circuits, store):
    endpoint = await opened(circuits, ENDPOINT)
    changed = await circuits.change(endpoint.id, lambda now: replace(now, routes=()))
    assert isinstance(changed, Circuit)
    assert (changed.generation, changed.routes) == (2, ())
    assert circuits.table.by_id(endpoint.id) == changed
    assert await circuits.change(endpoint.id, lambda now: now) == changed
    (stored,) = (await store.snapshot()).entries
    assert stored.circuit == changed


async def test_changing_what_is_not_open_or_while_the_store_is_away(circuits, store):
    assert await circuits.change(UUID(int=9), lambda now: now) is None
    endpoint = await opened(circuits, ENDPOINT)
    store.down = True
    problem = await circuits.change(endpoint.id, lambda now: replace(now, routes=()))
    assert isinstance(problem, Problem)
    assert problem.status == 503
    assert circuits.table.by_id(endpoint.id) == endpoint
    store.down = False


async def test_changes_of_one_endpoint_do_not_overtake_each_other(circuits):
    endpoint = await opened(circuits, replace(ENDPOINT, routes=()))

    def add(number: int) -> Callable[[Circuit], Circuit]:
        route = Direct("10.0.0.9", number, f"r{number}")
        return lambda now: replace(now, routes=(*now.routes, route))

    await asyncio.gather(*(circuits.change(endpoint.id, add(one)) for one in range(1, 21)))
    now = circuits.table.by_id(endpoint.id)
    assert now is not None
    assert len(now.routes) == 20


async def test_a_change_that_waits_while_the_circuit_closes_changes_nothing(circuits, host):
    endpoint = await opened(circuits, ENDPOINT)
    host.close_gate = asyncio.Event()
    closing = asyncio.ensure_future(circuits.close(endpoint.id, REQUESTED))
    changing = asyncio.ensure_future(circuits.change(endpoint.id, lambda now: now))
    await host.reached.wait()
    host.close_gate.set()
    assert await closing
    assert await changing is None


async def test_two_sessions_that_fence_each_other_do_not_wait_for_ever(circuits):
    a, b = Direct("10.0.0.1", 1), Direct("10.0.0.2", 2)
    await opened(circuits, want(session="S", routes=(a,), owner="A"))
    await opened(circuits, want(session="T", routes=(b,), owner="B"))
    both = asyncio.gather(
        circuits.open(want(session="S", routes=(b,), owner="A")),
        circuits.open(want(session="T", routes=(a,), owner="B")),
    )
    outcomes = await asyncio.wait_for(both, DEADLINE)

    assert all(isinstance(outcome, Opened) for outcome in outcomes)


# opening fails


async def test_the_hosts_problem_is_the_answer(circuits, store, host):
    host.problem = Problem("internal-server-error", msg="no descriptors left")

    assert await refused(circuits, want()) == host.problem
    assert host.tried == [host.tried[0]]  # another port would not help
    await assert_nothing_is_left(circuits, store, host)


async def test_a_host_that_breaks_leaves_nothing(circuits, store, host):
    host.broken = RuntimeError("broken")
    with pytest.raises(RuntimeError, match="broken"):
        await circuits.open(want())

    await assert_nothing_is_left(circuits, store, host)


async def test_a_client_that_gives_up_leaves_nothing(circuits, store, host):
    host.gate = asyncio.Event()
    opening = asyncio.create_task(circuits.open(want()))
    await asyncio.wait_for(host.reached.wait(), DEADLINE)
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening
    host.gate = None

    await assert_nothing_is_left(circuits, store, host)


async def test_a_store_that_is_away_is_503_and_leaves_nothing(circuits, store, host):
    store.down = True
    problem = await refused(circuits, want())
    assert (problem.status, problem.code, problem.retry_after) == (503, "store-unavailable", 5)
    assert host.bound == {}

    store.down = False
    await assert_nothing_is_left(circuits, store, host)


async def test_a_put_whose_answer_is_lost_is_taken_back(circuits, store, host):
    store.put_is_lost = True
    assert (await refused(circuits, want())).code == "store-unavailable"

    await assert_nothing_is_left(circuits, store, host)


# closing


async def test_closing_ends_everything_and_twice_is_nothing(circuits, store, host):
    circuit = await opened(circuits, want())

    assert await circuits.close(circuit.id, REQUESTED)
    assert not await circuits.close(circuit.id, REQUESTED)
    assert host.closed == [(circuit.id, REQUESTED)]
    assert circuits.asked_at(circuit.id) == 0.0
    await assert_nothing_is_left(circuits, store, host)


async def test_it_is_out_of_the_table_before_its_connections_end(circuits, host):
    circuit = await opened(circuits, want())
    host.close_gate = asyncio.Event()
    host.reached.clear()
    closing = asyncio.create_task(circuits.close(circuit.id, REQUESTED))
    await asyncio.wait_for(host.reached.wait(), DEADLINE)
    assert circuits.table.all() == ()
    # Its port is not given out while it is still bound.
    other = await opened(circuits, want(session="another"))
    assert other.port != circuit.port

    host.close_gate.set()
    assert await asyncio.wait_for(closing, DEADLINE)


async def test_who_gives_up_waiting_does_not_stop_the_closing(circuits, store, host):
    circuit = await opened(circuits, want())
    host.close_gate = asyncio.Event()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.02):
            await circuits.close(circuit.id, REQUESTED)
    host.close_gate.set()

    await eventually(lambda: host.closed == [(circuit.id, REQUESTED)])
    host.close_gate = None
    await assert_nothing_is_left(circuits, store, host)


async def test_closing_a_session_says_how_many(circuits, store, host):
    v1 = want("c", slot=ListedSlot("127.0.0.1", (0,)), version=Version.V1)
    for made in (want("a"), want("b"), want("a", owner="B"), v1):
        await opened(circuits, made)
    elsewhere = await opened(circuits, want("a", session="T", slot=LabelSlot("t")))

    assert len(circuits.find(SESSION)) == 4
    assert await circuits.close_session("unknown", reason=REQUESTED) == 0
    assert await circuits.close_session(SESSION, app="a", owner="B", reason=REQUESTED) == 1
    assert await circuits.close_session(SESSION, version=Version.V1, reason=REQUESTED) == 1
    assert await circuits.close_session(SESSION, app="b", reason=REQUESTED) == 1
    assert await circuits.close_session(SESSION, reason=REQUESTED) == 1
    assert await circuits.close_session(SESSION, reason=REQUESTED) == 0
    assert circuits.table.all() == (elsewhere,)
    assert set(host.bound) == {elsewhere.id}


async def test_a_session_that_is_closed_twice_at_once_is_counted_once(circuits):
    for number in range(3):
        await opened(circuits, want(f"app{number}"))
    counts = await asyncio.gather(
        *(circuits.close_session(SESSION, reason=REQUESTED) for _ in range(4))
    )

    assert sorted(counts) == [0, 0, 0, 3]


async def test_an_app_that_is_being_opened_is_closed_with_its_session(circuits, store, host):
    host.gate = asyncio.Event()
    opening = asyncio.create_task(circuits.open(want()))
    await asyncio.wait_for(host.reached.wait(), DEADLINE)
    closing = asyncio.create_task(circuits.close_session(SESSION, reason=REQUESTED))
    await asyncio.sleep(0)
    host.gate.set()

    assert isinstance(await asyncio.wait_for(opening, DEADLINE), Opened)
    assert await asyncio.wait_for(closing, DEADLINE) == 1
    await assert_nothing_is_left(circuits, store, host)


async def test_a_circuit_that_is_wanted_again_is_not_closed_at_the_last_moment(circuits):
    circuit = await opened(circuits, want())

    assert not await circuits.close(circuit.id, CloseReason.IDLE, still=lambda c: c != circuit)
    assert circuits.table.all() == (circuit,)
    assert await circuits.close(circuit.id, CloseReason.IDLE, still=lambda c: c == circuit)


async def test_a_circuit_that_went_while_its_closing_waited(circuits):
    circuit = await opened(circuits, want())
    outcomes = await asyncio.gather(*(circuits.close(circuit.id, REQUESTED) for _ in range(3)))

    assert sorted(outcomes) == [False, False, True]


async def test_a_listener_that_does_not_close_well_stops_nothing(circuits, store, host, caplog):
    circuit = await opened(circuits, want())
    host.close_broken = RuntimeError("stuck")

    assert await circuits.close(circuit.id, REQUESTED)
    assert "stuck" in caplog.text
    host.close_broken = None
    await assert_nothing_is_left(circuits, store, host)


async def test_deleting_works_while_the_store_is_away(circuits, store, host):
    circuit = await opened(circuits, want())
    store.down = True

    assert await circuits.close_session(SESSION, reason=REQUESTED) == 1
    assert circuits.table.all() == ()
    assert host.bound == {}
    assert circuits.owed == 1
    assert await stored(store) == {circuit.id}
    store.down = False
    await eventually(lambda: circuits.owed == 0)
    assert await stored(store) == set()


async def test_what_the_store_still_has_does_not_come_back(circuits, store):
    circuit = await opened(circuits, want())
    store.down = True
    await circuits.close(circuit.id, REQUESTED)
    store.down, store.gap = False, True  # the snapshot is read before the deletion is told
    await eventually(lambda: store.snapshots >= 2)

    assert circuits.table.all() == ()


# several nodes


async def test_what_another_node_closes_ends_here_too(make, host):
    elsewhere = FakeHost()
    one, two = await make("n1"), await make("n2", elsewhere)
    circuit = await opened(one, want(slot=LabelSlot("x")))
    await eventually(lambda: two.table.by_label("x") is not None)

    assert await two.close_session(SESSION, reason=CloseReason.SESSION_ENDED) == 1
    await eventually(lambda: host.closed == [(circuit.id, CloseReason.SESSION_ENDED)])
    assert one.table.all() == ()


async def test_stopping_keeps_the_circuits_and_ends_the_work(make, store):
    circuits = await make("n9")
    circuit = await opened(circuits, want())
    await circuits.stop()
    await circuits.stop()

    assert await stored(store) == {circuit.id}
    assert circuits.node == "n9"
