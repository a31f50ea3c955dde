"""The port pool: what upstream's tests pin, and what holds for every pool."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsproxy.core.portpool import ANY_PORT, PortPool, candidates, parse_pool, port_number

POOLS = [
    ("10000,abc,0,70000,10001", (10000, 10001)),
    ("10005-10000,20000-20001", (20000, 20001)),
    ("10000-10002,10001,10003", (10000, 10001, 10002, 10003)),
    (" 9000 , 8000 ", (9000, 8000)),
    ("1-3", (1, 2, 3)),
    ("65535-65536", ()),
    ("10000abc", ()),
    ("-5,5-,--", ()),
    ("1-2-3", ()),
    ("٣", ()),
]


@pytest.mark.parametrize(("text", "ports"), POOLS)
def test_a_pool_keeps_what_is_valid(text, ports):
    assert parse_pool(text)[0] == PortPool(ports, configured=True)


@pytest.mark.parametrize("text", ["", "  ", ",", " , ,"])
def test_a_blank_pool_is_not_configured(text):
    assert parse_pool(text) == (PortPool(), ())


def test_what_was_skipped_is_told():
    assert parse_pool("10000,abc,3-1")[1] == ("abc", "3-1")


@pytest.mark.parametrize(
    ("preferred", "taken", "tried"),
    [
        (0, frozenset(), (ANY_PORT,)),
        (9000, frozenset(), (9000, 9001, 9002, 9003, ANY_PORT)),
        (9000, frozenset({9000, 9002}), (9001, 9003, ANY_PORT)),
        (65534, frozenset(), (65534, 65535, ANY_PORT)),
    ],
)
def test_without_a_pool_the_last_try_is_any_port(preferred, taken, tried):
    assert candidates(PortPool(), preferred, taken) == tried


POOL = PortPool((7, 8, 9), configured=True)


@pytest.mark.parametrize(
    ("preferred", "taken", "tried"),
    [
        (0, frozenset(), (7, 8, 9)),
        (8, frozenset(), (8, 7, 9)),
        (8, frozenset({8}), (7, 9)),
        (0, frozenset({7, 8, 9}), ()),
        (10, frozenset(), ()),
    ],
)
def test_a_pool_is_a_hard_constraint(preferred, taken, tried):
    assert candidates(POOL, preferred, taken) == tried


def test_a_pool_of_invalid_entries_opens_nothing():
    assert candidates(parse_pool("abc")[0], 0, frozenset()) == ()


PORTS = st.integers(1, 65535)


@given(st.lists(PORTS, max_size=30), st.sets(PORTS, max_size=10), st.one_of(st.just(0), PORTS))
def test_every_candidate_is_in_the_pool_and_free(ports, taken, preferred):
    pool, skipped = parse_pool(",".join(map(str, ports)))
    assert not skipped
    tried = candidates(pool, preferred, frozenset(taken))
    assert len(tried) == len(set(tried))
    assert not set(tried) & taken
    if ports:
        assert set(tried) <= set(ports)
    else:
        assert tried[-1] == ANY_PORT


@given(st.text(max_size=40))
def test_any_text_parses_to_valid_distinct_ports(text):
    pool, _ = parse_pool(text)
    assert all(1 <= port <= 65535 for port in pool.ports)
    assert len(pool.ports) == len(set(pool.ports))


@given(st.integers(0, 200000))
def test_port_number_is_the_number_or_zero(number):
    assert port_number(str(number)) == (number if number <= 65535 else 0)
