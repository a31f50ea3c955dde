"""The counters of a circuit, and their two clocks."""

from uuid import UUID

from wsproxy.core.meter import Carried, Meter, carried

ID = UUID(int=1)


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


def test_what_another_process_counted_is_added():
    before = Meter(requests=1, bytes_in=10, bytes_out=20, connections=2)
    now = Meter(requests=4, bytes_in=11, bytes_out=25, connections=1, last_open=7.0)
    more = carried(ID, before, now)
    assert more == Carried(ID, 3, 1, 5, connections=1, last_open=7.0)

    total = Meter(requests=10, connections=3, last_open=9.0, last_user_bytes=1.0)
    total.add(more, -1)
    assert total == Meter(13, 2, 1, 5, last_open=9.0, last_user_bytes=1.0)
    total.add(Carried(ID, last_user_bytes=3.0), -9)
    assert (total.connections, total.last_user_bytes) == (0, 3.0)
