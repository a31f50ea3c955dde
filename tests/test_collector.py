"""The collector closes what the decision names, and nothing else."""

import pytest

from tests.support.apps import eventually
from tests.support.circuits import want
from tests.support.management import Managed, managed
from wsproxy.core.circuit import CloseReason, Protocol
from wsproxy.core.meter import Meter
from wsproxy.core.slots import ListedSlot
from wsproxy.core.wire import Version


@pytest.fixture
async def node():
    async with managed(unused=100.0) as node:
        yield node


@pytest.mark.parametrize("protocol", [Protocol.HTTP, Protocol.TCP])
async def test_an_unused_circuit_goes_and_gives_its_port_back(node, protocol):
    circuit = await node.open(want(protocol=protocol))
    node.now[0] += 99.0
    assert await node.collector.sweep() == 0
    node.now[0] += 1.0
    assert await node.collector.sweep() == 1

    assert node.host.closed == [(circuit.id, CloseReason.IDLE)]
    assert node.circuits.table.all() == ()


async def test_what_is_used_stays(node):
    connected = await node.open(want("connected"))
    recent = await node.open(want("recent"))
    v1 = await node.open(want("v1", version=Version.V1, slot=ListedSlot("127.0.0.1", (0,))))
    node.now[0] += 500.0
    node.meters[connected.id] = Meter(connections=1)
    node.meters[recent.id] = Meter(last_open=node.now[0] - 10)

    assert await node.collector.sweep() == 0
    assert len(node.circuits.table) == 3
    assert v1 in node.circuits.table.all()


async def test_opening_it_again_is_a_use(node):
    circuit = await node.open(want())
    node.now[0] += 99.0
    await node.circuits.open(want())
    node.now[0] += 99.0

    assert await node.collector.sweep() == 0
    assert node.circuits.table.all() == (circuit,)


async def test_a_circuit_that_is_used_at_the_last_moment_stays(node):
    circuit = await node.open(want())
    node.now[0] += 500.0
    closing = node.circuits.close

    async def close(circuit_id, reason, *, still):
        node.meters[circuit_id] = Meter(connections=1)
        return await closing(circuit_id, reason, still=still)

    node.circuits.close = close
    assert await node.collector.sweep() == 0
    assert node.circuits.table.all() == (circuit,)


async def test_a_container_that_cannot_be_connected_again_and_again(node):
    circuit = await node.open(want())
    for _ in range(3):
        node.collector.connect_failed(circuit.id)
    assert await node.collector.sweep() == 0  # not for long yet
    node.now[0] += 20.0
    assert await node.collector.sweep() == 1

    assert node.host.closed == [(circuit.id, CloseReason.ROUTE_GONE)]


async def test_one_good_connection_forgives_everything(node):
    circuit = await node.open(want())
    for _ in range(5):
        node.collector.connect_failed(circuit.id)
    node.collector.connected(circuit.id)
    node.collector.connect_failed(circuit.id)
    node.now[0] += 50.0

    assert await node.collector.sweep() == 0


async def test_troubles_of_circuits_that_are_gone_are_forgotten(node):
    circuit = await node.open(want())
    node.collector.connect_failed(circuit.id)
    await node.circuits.close(circuit.id, CloseReason.REQUESTED)
    node.collector.connect_failed(circuit.id)  # a late report
    await node.collector.sweep()

    assert node.collector.trouble(circuit.id).count == 0


async def test_it_runs_by_itself_and_survives_a_failure(node, caplog):
    circuit = await node.open(want())
    fail_once(node)
    node.now[0] += 500.0
    node.collector.start()

    await eventually(lambda: node.host.closed == [(circuit.id, CloseReason.IDLE)])
    assert "collecting unused circuits failed" in caplog.text


def fail_once(node: Managed) -> None:
    bound_here = node.circuits.bound_here

    def broken(circuit_id):
        node.circuits.bound_here = bound_here  # type: ignore[method-assign]
        raise RuntimeError("once")

    node.circuits.bound_here = broken  # type: ignore[method-assign]
