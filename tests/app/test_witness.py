"""What is counted and logged of an exchange, a tunnel and a circuit; secrets stay out."""

import json
import logging
from dataclasses import replace
from uuid import UUID

import pytest

from wsproxy.app.witness import OutcomeWitness, opened_in
from wsproxy.core.circuit import Circuit, Direct, PortListener, Protocol, ThroughManager
from wsproxy.core.failure import Failure, FailureKind, Side
from wsproxy.core.routing import RouteTable
from wsproxy.core.wire import Version
from wsproxy.data.site import Forward, Outcome
from wsproxy.observe.metrics import Metrics

ID = UUID(int=7)
DIRECT = Direct("10.0.0.1", 8888)
MANAGER = ThroughManager("s", "jupyter", "c")
CIRCUIT = Circuit(ID, Version.V1, "sshd", Protocol.TCP, "s", PortListener("127.0.0.1", 1), ())


class Collected:
    """Stands for the collector: what it was told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, UUID]] = []

    def connected(self, circuit_id: UUID) -> None:
        self.told.append(("connected", circuit_id))

    def connect_failed(self, circuit_id: UUID) -> None:
        self.told.append(("failed", circuit_id))


@pytest.fixture
def collected() -> Collected:
    return Collected()


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
def witness(collected: Collected, metrics: Metrics) -> OutcomeWitness:
    return OutcomeWitness(metrics, collected)


def outcome(**changes: object) -> Outcome:
    forward = Forward((DIRECT, MANAGER), (), Version.V2, circuit_id=ID)
    done = Outcome(forward, "GET", "/lab?token=hunter2", route=DIRECT, status=200, seconds=0.5)
    return replace(done, **changes)  # type: ignore[arg-type]


def text(metrics: Metrics) -> str:
    return metrics.text()[0].decode()


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    logger = logging.getLogger("wsproxy.access")
    logger.addHandler(caplog.handler)
    caplog.set_level(logging.INFO, "wsproxy.access")
    return caplog


def fields(lines: pytest.LogCaptureFixture) -> dict[str, object]:
    record = lines.records[-1]
    assert isinstance(record.__dict__["fields"], dict)
    return record.__dict__["fields"]


def test_an_exchange_is_counted_and_logged_without_its_query(witness, metrics, collected, lines):
    witness(outcome())
    assert 'wsproxy_exchanges_total{outcome="2xx",version="v2"} 1.0' in text(metrics)
    assert collected.told == [("connected", ID)]
    assert fields(lines)["target"] == "/lab?…"
    assert "hunter2" not in json.dumps(fields(lines))


def test_the_version_is_that_of_the_way_taken(witness, metrics, lines):
    refused = Failure(FailureKind.REFUSED, Side.APP)
    witness(outcome(route=MANAGER, failures=[(DIRECT, refused)]))
    assert 'wsproxy_exchanges_total{outcome="2xx",version="v1"} 1.0' in text(metrics)
    assert 'wsproxy_failures_total{kind="refused",side="app"} 1.0' in text(metrics)
    assert fields(lines)["version"] == "v1"


def test_a_container_that_cannot_be_connected_is_told(witness, collected, lines):
    witness(outcome(status=502, route=None, failure=Failure(FailureKind.REFUSED, Side.APP)))
    assert collected.told == [("failed", ID)]
    assert fields(lines)["failure"] == "refused"
    assert lines.records[-1].levelno == logging.WARNING


def test_traffic_without_a_circuit_is_nobodys_sign(witness, collected):
    witness(outcome(forward=Forward((DIRECT,), (), Version.V2)))
    assert collected.told == []


def test_a_tunnel_is_no_exchange(witness, metrics):
    witness(outcome(status=101, upgraded=True))
    assert 'wsproxy_tunnels_total{version="v2"} 1.0' in text(metrics)
    assert "wsproxy_exchanges_total{" not in text(metrics)


def test_a_raw_connection_has_its_record_too(witness, metrics, lines):
    witness.connection_left(CIRCUIT, 2.0)
    assert 'wsproxy_tunnels_total{version="v1"} 1.0' in text(metrics)
    assert fields(lines)["app"] == "sshd"
    assert fields(lines)["ms"] == 2000.0


def test_opened_circuits_are_counted_once(metrics):
    swapped = opened_in(metrics)
    empty = RouteTable()
    table = empty.with_circuit(CIRCUIT)
    swapped(empty, table)
    swapped(table, table)
    swapped(table, empty)
    assert 'appproxy_circuits_created_total{protocol="tcp"} 1.0' in text(metrics)
