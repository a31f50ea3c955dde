import pytest

from benchmarks.wrk import read_report

SAID = """Running 1s test @ http://127.0.0.1:8080/
Requests/sec:  14391.10

REPORT {"requests":14641,"bytes":4055557,"microseconds":1017199,"faults":2,"p50":484,"p99":8318}
"""


def test_the_line_of_our_script_is_read() -> None:
    load = read_report(SAID)
    assert (load.requests, load.received, load.faults) == (14641, 4055557, 2)
    assert load.seconds == pytest.approx(1.017199)
    assert (load.p50, load.p99) == pytest.approx((0.000484, 0.008318))


def test_without_it_nothing_is_guessed() -> None:
    with pytest.raises(ValueError, match="unable to connect"):
        read_report("unable to connect to 127.0.0.1:8080 Connection refused\n")
