"""What the texts in the manager's Redis mean."""

import json
from dataclasses import replace
from uuid import uuid4

import pytest

from tests.support.circuits import circuit
from wsproxy.core.circuit import Direct, Mode
from wsproxy.core.endpoints import MOST_ROUTES
from wsproxy.core.healthcheck import HealthCheck
from wsproxy.manager.keys import RoutesKey, check_of, ended_session, routes_of, told, with_ratios
from wsproxy.manager.redis import EndpointKeys

SESSION, ROUTE = str(uuid4()), str(uuid4())
ENTRY = {"session_id": SESSION, "route_id": ROUTE, "kernel_host": "10.0.0.5", "kernel_port": 80}
ONE = Direct("10.0.0.5", 80, ROUTE, SESSION, 1.0, ROUTE)


def test_routes_of_the_first_app():
    text = json.dumps({"vllm": [{**ENTRY, "kernel_id": 7}], "other": [ENTRY, ENTRY]})
    assert routes_of(text) == RoutesKey("vllm", (ONE,))


def test_one_bad_entry_does_not_hide_the_others():
    text = json.dumps({"vllm": [{**ENTRY, "kernel_port": 0}, ENTRY, "x"]})
    assert routes_of(text) == RoutesKey("vllm", (ONE,), bad=2)


@pytest.mark.parametrize("text", ["{}", '{"vllm": []}'])
def test_no_routes_may_be_told(text):
    found = routes_of(text)
    assert found is not None
    assert found.routes == ()


@pytest.mark.parametrize("text", [None, "", "{", "[]", '{"vllm": {}}', '{"a": [1]}', "[" * 9000])
def test_what_tells_nothing(text):
    assert routes_of(text) is None


def test_there_is_an_end_to_the_number_of_routes():
    found = routes_of(json.dumps({"vllm": [ENTRY] * (MOST_ROUTES + 5)}))
    assert found is not None
    assert (len(found.routes), found.bad) == (MOST_ROUTES, 5)


@pytest.mark.parametrize(
    ("text", "ratio"),
    [("0.5", 0.5), ("0", 0.0), ("x", 1.0), ("nan", 1.0), ("-1", 1.0), ("1e9", 1.0), ("", 1.0)],
)
def test_ratios(text, ratio):
    key = with_ratios(RoutesKey("vllm", (ONE,)), {SESSION: text, "another": "9"})
    assert key.routes == (replace(ONE, ratio=ratio),)
    assert with_ratios(key, {}) == key


KNOWN = HealthCheck("/known")


@pytest.mark.parametrize(
    ("enabled", "config", "expected"),
    [
        (None, None, KNOWN),
        ("false", '{"path": "/x"}', None),
        (" False ", None, None),
        ("true", None, KNOWN),
        ("true", '{"path": "/x"}', HealthCheck("/x")),
        (None, '{"path": "/x", "enable": false}', None),
        ("true", "{", KNOWN),
        ("true", "null", KNOWN),
        ("true", '{"interval": 0}', KNOWN),
        ("true", "{}", HealthCheck()),
    ],
)
def test_health_checks(enabled, config, expected):
    assert check_of(EndpointKeys(None, enabled, config), KNOWN) == expected


def test_an_endpoint_becomes_what_is_told():
    model = circuit(1, mode=Mode.INFERENCE, app="old", routes=())
    changed = told(model, EndpointKeys(), RoutesKey("vllm", (ONE,)))
    assert (changed.app, changed.routes) == ("vllm", (ONE,))
    assert told(changed, EndpointKeys(), None) == changed
    emptied = told(changed, EndpointKeys(), RoutesKey("", ()))
    assert (emptied.app, emptied.routes) == ("vllm", ())


@pytest.mark.parametrize(
    ("event", "session"),
    [
        ({b"name": b"session_terminated", b"args": b"\x92\xd9$" + SESSION.encode()}, SESSION),
        ({b"name": b"session_started", b"args": SESSION.encode()}, None),
        ({b"name": b"session_terminated", b"args": b"\xff"}, None),
        ({b"name": b"session_terminated"}, None),
        ({}, None),
    ],
)
def test_the_session_that_an_event_says_has_ended(event, session):
    assert ended_session(event) == session
