"""What counts as use of a session, and what of it is news."""

from uuid import UUID

import pytest

from tests.support.circuits import SESSION, circuit
from wsproxy.core.circuit import Direct, Mode, ThroughManager
from wsproxy.core.meter import Meter
from wsproxy.core.usage import Clock, Told, Used, after, news, sessions_of
from wsproxy.core.wire import Version

ONE = circuit(1)
ID = ONE.id


def told_of(meter: Meter | None, told: Told | None = None, clock: Clock = Clock.CONNECTION):
    known = {} if told is None else {ID: told}
    return news([ONE], {ID: meter}.get, known, 100.9, clock)


def test_an_open_connection_is_use_now():
    assert told_of(Meter(requests=2, connections=1, last_open=50.0)) == [
        Used(ID, (SESSION,), 100, 2, 2)
    ]


def test_afterwards_its_end_counts():
    assert told_of(Meter(requests=2, last_open=50.7), Told(40, 1)) == [
        Used(ID, (SESSION,), 50, 1, 2)
    ]


@pytest.mark.parametrize(
    ("meter", "told"),
    [
        (None, None),
        (Meter(), None),
        (Meter(last_arrival=60.0), None),
        (Meter(requests=2, last_open=50.7), Told(50, 2)),
        (Meter(connections=1, last_open=99.0, last_user_bytes=3.0), Told(100, 0)),
    ],
)
def test_a_circuit_that_rests_has_no_news(meter, told):
    assert told_of(meter, told) == []


def test_a_page_left_open_is_no_use_where_only_the_user_counts():
    assert told_of(Meter(connections=1, last_open=99.0), clock=Clock.USER) == []
    used = told_of(Meter(connections=1, last_user_bytes=30.5), clock=Clock.USER)
    assert used == [Used(ID, (SESSION,), 30, 0, 0)]


def test_time_never_goes_back():
    assert told_of(Meter(requests=1, last_open=50.0), Told(60, 0)) == [
        Used(ID, (SESSION,), 60, 1, 1)
    ]


def test_a_listener_that_was_made_anew_counts_from_zero():
    assert told_of(Meter(requests=3, last_open=50.0), Told(60, 9)) == [
        Used(ID, (SESSION,), 60, 3, 3)
    ]


def test_v1_passes_the_manager_which_counts_itself():
    v1 = circuit(1, version=Version.V1)
    assert news([v1], {ID: Meter(connections=1)}.get, {}, 100.0, Clock.CONNECTION) == []


def test_what_is_told_is_known_and_what_is_gone_forgotten():
    gone = UUID(int=9)
    told = {ID: Told(1, 1), gone: Told(1, 1)}
    assert after(told, [], [ID, UUID(int=5)]) == {ID: Told(1, 1)}
    assert after(told, [Used(ID, (), 7, 2, 3)], [ID]) == {ID: Told(7, 3)}


def test_of_an_endpoint_the_sessions_that_may_carry_requests_are_in_use():
    routes = (
        Direct("a", 1, session_id="s2"),
        Direct("b", 1, session_id="s1"),
        Direct("b", 2, session_id="s1"),
        Direct("c", 1, session_id="rests", ratio=0),
        Direct("d", 1),
        ThroughManager("s9", "app", "conf"),
    )
    endpoint = circuit(1, mode=Mode.INFERENCE, routes=routes, session="the endpoint")
    assert sessions_of(endpoint) == ("s1", "s2")
    assert sessions_of(circuit(1, session="")) == ()
