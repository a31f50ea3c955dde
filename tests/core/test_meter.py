"""The counters of a circuit, and their two clocks."""

from wsproxy.core.meter import Meter


def test_an_open_connection_moves_only_the_first_clock():
    meter = Meter(opened_at=1.0)
    meter.connection_opened(10.0)
    meter.seen(20.0)
    assert (meter.connections, meter.last_open, meter.last_user_bytes) == (1, 20.0, 0.0)


def test_without_a_connection_time_stands_still():
    meter = Meter()
    meter.connection_opened(10.0)
    meter.connection_closed(11.0)
    meter.seen(99.0)
    assert (meter.connections, meter.last_open) == (0, 11.0)


def test_the_count_never_drifts_below_zero():
    meter = Meter()
    meter.connection_closed(1.0)
    meter.connection_opened(2.0)
    assert meter.connections == 1
