"""What each circuit carries, and what all of them carried together."""

from uuid import UUID

from wsproxy.data.activity import Activity

ONE, TWO = UUID(int=1), UUID(int=2)


def test_a_meter_is_made_once_and_goes_with_its_circuit() -> None:
    activity = Activity()
    meter = activity.meter(ONE)
    assert activity.meter(ONE) is meter
    assert activity.meters == {ONE: meter}
    assert activity.drop(ONE) is meter
    assert activity.drop(ONE) is None
    assert activity.meter(ONE) is not meter


def test_traffic_without_a_circuit_is_the_fronts() -> None:
    activity = Activity()
    assert activity.meter(None) is activity.front
    assert activity.meters == {}


def test_bytes_only_grow_when_circuits_end() -> None:
    activity = Activity()
    activity.meter(ONE).bytes_in = 10
    activity.meter(TWO).bytes_out = 5
    activity.front.bytes_out = 1
    assert activity.carried() == (10, 6)
    activity.drop(ONE)
    activity.drop(TWO)
    assert activity.carried() == (10, 6)


def test_the_clock_moves_while_a_connection_is_open() -> None:
    activity = Activity()
    activity.meter(ONE).connection_opened(1.0)
    activity.meter(TWO)
    activity.seen(5.0)
    assert activity.meter(ONE).last_open == 5.0
    assert activity.meter(TWO).last_open == 0.0
