"""The shapes of the management API, value by value."""

from dataclasses import replace
from uuid import UUID

import pytest

from tests.support.circuits import SESSION, circuit, label_circuit
from wsproxy.core.circuit import Direct, Mode, ThroughManager
from wsproxy.core.collection import NO_TROUBLE, CollectionRules, Trouble, Use
from wsproxy.core.documents import (
    Activity,
    NodeFacts,
    circuit_document,
    health_document,
    iso,
    occupied,
    old_slot_document,
    old_worker_document,
    slot_documents,
    statistics_document,
    status_document,
    worker_document,
)
from wsproxy.core.meter import Meter
from wsproxy.core.routing import EMPTY
from wsproxy.core.wire import Version

PORTS = NodeFacts(UUID(int=7), "h:5050", "h", 5050, 0.0, (10200, 10201, 10202))
DOMAIN = replace(PORTS, ports=(), domain=".apps.example", traffic_port=443)
NOWHERE = replace(PORTS, ports=())
V1 = replace(circuit(9, port=10202), version=Version.V1)


def test_a_circuit():
    route = Direct("10.0.0.5", 30001, route_id="r1", session_id="s2", ratio=0.5)
    shown = circuit_document(
        circuit(
            1,
            routes=(route, ThroughManager("s", "a", "c")),
            user_id="u",
            endpoint_id="e",
            runtime_variant="vllm",
            session_name="my session",
            arguments="{}",
            envs={"A": "1"},
            created_at=1.0,
            updated_at=2.5,
        ),
        PORTS,
    )

    common = {"session_name": "my session", "protocol": "http"}
    assert shown == {
        "id": str(UUID(int=1)),
        "app": "jupyter",
        "protocol": "http",
        "worker": str(UUID(int=7)),
        "app_mode": "interactive",
        "frontend_mode": "port",
        "envs": {"A": "1"},
        "arguments": "{}",
        "open_to_public": False,
        "allowed_client_ips": None,
        "port": 10200,
        "subdomain": None,
        "user_id": "u",
        "endpoint_id": "e",
        "runtime_variant": "vllm",
        "route_info": [
            {
                **common,
                "route_id": "r1",
                "session_id": "s2",
                "kernel_host": "10.0.0.5",
                "kernel_port": 30001,
                "traffic_ratio": 0.5,
                "through_manager": False,
            },
            {
                **common,
                "route_id": None,
                "session_id": SESSION,
                "kernel_host": None,
                "kernel_port": None,
                "traffic_ratio": 1.0,
                "through_manager": True,
            },
        ],
        "session_ids": [SESSION, "s2"],
        "created_at": "1970-01-01T00:00:01+00:00",
        "updated_at": "1970-01-01T00:00:02.500000+00:00",
        "wsproxy_version": "v2",
    }


def test_a_circuit_of_the_domain_and_what_is_not_set():
    shown = circuit_document(label_circuit(1, "x"), DOMAIN)

    assert (shown["frontend_mode"], shown["port"], shown["subdomain"]) == ("wildcard", None, "x")
    names = ("arguments", "user_id", "endpoint_id", "runtime_variant")
    assert [shown[name] for name in names] == [None] * 4
    assert shown["session_ids"] == [SESSION]


RULES = CollectionRules(unused=100.0)


@pytest.mark.parametrize(
    ("meter", "use", "last_access", "ttl"),
    [
        (Meter(), Use(), None, 50),
        (Meter(last_open=1030.5), Use(0, 1030.5), 1030500, 80),
        (Meter(last_open=900.0), Use(0, 900.0), 900000, 50),  # created later
        (Meter(connections=1, last_open=10.0), Use(1, 10.0), 10000, 100),
    ],
)
def test_statistics(meter, use, last_access, ttl):
    shown = statistics_document(
        circuit(1, created_at=1000.0), PORTS, Activity(meter, use, RULES), 1050.0
    )

    assert (shown["last_access"], shown["ttl"]) == (last_access, ttl)


def test_statistics_of_who_is_overdue_or_never_collected():
    idle = Activity(Meter(last_user_bytes=3.0), Use(), RULES)

    assert statistics_document(circuit(1), PORTS, idle, 5000.0)["ttl"] == 0
    assert statistics_document(circuit(1), PORTS, idle, 5000.0)["last_user_bytes"] == 3000
    model = circuit(1, mode=Mode.INFERENCE)
    assert statistics_document(model, PORTS, idle, 5000.0)["ttl"] is None


def test_health():
    assert health_document(circuit(1), NO_TROUBLE)["healthy"] is True
    shown = health_document(circuit(1), Trouble(2, 60.0))
    assert (shown["healthy"], shown["failed_connections"]) == (False, 2)
    assert shown["failing_since"] == iso(60.0)


TABLE = EMPTY
for made in (circuit(1, port=10200), V1, circuit(3, port=999), label_circuit(2, "x")):
    TABLE = TABLE.with_circuit(made)


def test_one_good_route_makes_an_endpoint_healthy():
    good, bad = Direct("10.0.0.1", 1), Direct("10.0.0.2", 1)
    model = circuit(1, mode=Mode.INFERENCE, routes=(good, bad))
    shown = health_document(model, NO_TROUBLE, lambda route: "good" if route == good else "out")
    assert shown["healthy"] is True
    assert [route["standing"] for route in shown["routes"]] == ["good", "out"]
    assert health_document(model, NO_TROUBLE, lambda route: "tired")["healthy"] is False
    interactive = health_document(circuit(1), NO_TROUBLE, lambda route: "out")
    assert interactive["healthy"] is True
    assert "standing" not in interactive["routes"][0]


def test_only_circuits_of_the_worker_use_its_slots():
    assert [c.id.int for c in occupied(TABLE, PORTS)] == [1]
    assert [c.id.int for c in occupied(TABLE, DOMAIN)] == [2]


def test_a_port_that_anything_holds_is_not_free():
    assert [slot["port"] for slot in slot_documents(TABLE, PORTS, in_use=False)] == [10201]
    assert slot_documents(TABLE, DOMAIN, in_use=False) == []
    assert slot_documents(TABLE, PORTS, in_use=True) == [
        {
            "frontend_mode": "port",
            "in_use": True,
            "port": 10200,
            "subdomain": None,
            "circuit_id": str(UUID(int=1)),
        }
    ]


@pytest.mark.parametrize(
    ("node", "mode", "ports", "available", "taken"),
    [
        (PORTS, "port", [10200, 10202], 1, 1),
        (DOMAIN, "wildcard", None, -1, 1),
        (NOWHERE, "port", None, 0, 0),
    ],
)
def test_the_worker(node, mode, ports, available, taken):
    shown = worker_document(TABLE, node)

    assert (shown["frontend_mode"], shown["port_range"]) == (mode, ports)
    assert (shown["available_slots"], shown["occupied_slots"]) == (available, taken)
    assert len(shown["slots"]) == taken
    assert set(shown["accepted_traffics"]) == {"interactive", "inference"}
    (told,) = status_document(TABLE, node, "1.2")["workers"]
    assert (told["available_slots"], told["occupied_slots"]) == (available, taken)


def test_the_old_forms():
    assert old_slot_document(circuit(1), PORTS)["worker__authority"] == "h:5050"
    shown = old_worker_document(TABLE, PORTS)
    assert shown["endpoint"] == "http://h:5050"
    assert (shown["total_slots"], shown["ports_in_use"]) == (3, [10200])
    assert (shown["min_range"], shown["max_range"]) == (10200, 10202)
    wildcard = old_worker_document(TABLE, replace(DOMAIN, tls=True))
    assert (wildcard["min_range"], wildcard["total_slots"]) == (None, -1)
    assert wildcard["endpoint"].startswith("https://")
    assert wildcard["ports_in_use"] == []
