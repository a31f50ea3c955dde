"""Slots: ranges, preferred ports, labels (protocol 5.7)."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wsproxy.core.circuit import HostListener, PortListener
from wsproxy.core.slots import (
    BadPorts,
    LabelSlot,
    ListedSlot,
    PortSlot,
    Slot,
    Taken,
    candidates,
    format_ranges,
    label_serves,
    normalise_label,
    parse_ports,
    slot_of,
    with_salt,
)

SALTS = ("0a1b2c3d", "11111111")
PORTS = (10200, 10201, 10202)
FREE = Taken()


def tried(wish, taken=FREE, salts=SALTS, turn=0):
    plan = candidates(wish, taken, salts, turn)
    return [
        listener.port if isinstance(listener, PortListener) else listener.label
        for listener in plan.listeners
    ], plan.otherwise


@pytest.mark.parametrize(
    ("preferred", "taken", "turn", "expected", "status"),
    [
        (None, (), 0, [10200, 10201, 10202], 503),
        (None, (), 1, [10201, 10202, 10200], 503),
        (None, (), 5, [10202, 10200, 10201], 503),
        (None, (10201,), 0, [10200, 10202], 503),
        (None, PORTS, 7, [], 503),
        (10201, (), 2, [10201], 409),
        (10201, (10201,), 0, [], 409),
        (10203, (), 0, [], 409),
        (0, (), 0, [], 409),
    ],
)
def test_ports_of_the_range(preferred, taken, turn, expected, status):
    ports, problem = tried(PortSlot("127.0.0.1", PORTS, preferred), Taken(taken), turn=turn)

    assert ports == expected
    assert problem.status == status
    assert (
        problem.code
        == {
            409: "appproxy/port-not-available",
            503: "appproxy/no-free-port",
        }[status]
    )


def test_what_is_wrong_with_a_preferred_port_is_said():
    assert "outside the range 10200-10202" in tried(PortSlot("h", PORTS, 80))[1].msg
    assert "in use" in tried(PortSlot("h", PORTS, 10200), Taken((10200,)))[1].msg
    assert "(empty)" in tried(PortSlot("h", (), 80))[1].msg


def test_listed_ports_keep_their_order_and_zero_means_any():
    ports, problem = tried(ListedSlot("127.0.0.1", (5, 6, 7, 0)), Taken((6,)))

    assert ports == [5, 7, 0]
    assert problem.status == 503


@pytest.mark.parametrize(
    ("preferred", "taken", "expected"),
    [
        ("", (), ["app-0a1b2c3d", "app-11111111"]),
        ("...", (), ["app-0a1b2c3d", "app-11111111"]),
        ("My.App_1", (), ["my-app-1", "my-app-1-0a1b2c3d", "my-app-1-11111111"]),
        ("My.App_1", ("my-app-1",), ["my-app-1-0a1b2c3d", "my-app-1-11111111"]),
        ("x", ("x", "x-0a1b2c3d"), ["x-11111111"]),
    ],
)
def test_labels_and_their_suffixes(preferred, taken, expected):
    assert tried(LabelSlot(preferred), Taken(labels=taken))[0] == expected


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("My.App_1", "my-app-1"),
        ("--a..b--", "a-b"),
        ("a b\tc", "a-b-c"),
        ("", ""),
        ("...", ""),
        ("bücher", "xn--bcher-kva"),
        ("bu\u0308cher", "xn--bcher-kva"),  # the same name, composed differently (NFC)
        ("BÜCHER", "xn--bcher-kva"),
        ("x" * 80, "x" * 63),
        ("x" * 62 + "-y", "x" * 62),
        ("한국어", "xn--" + "한국어".encode("punycode").decode()),
    ],
)
def test_a_preferred_subdomain_becomes_one_label(text, label):
    assert normalise_label(text) == label


def test_a_long_foreign_name_is_cut_before_it_is_encoded():
    label = normalise_label("ü" * 200)

    assert len(label) <= 63
    assert set(label.removeprefix("xn--").encode().decode("punycode")) == {"ü"}
    assert normalise_label("a" * 62 + "ü") == "a" * 62


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=120))
def test_whatever_is_asked_for_the_label_is_one(text):
    label = normalise_label(text)

    assert label == "" or re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", label)
    suffixed = with_salt(label or "app", SALTS[0])
    assert len(suffixed) <= 63
    assert label_serves(suffixed, text)
    assert label_serves(label, text)


@pytest.mark.parametrize(
    ("label", "preferred", "serves"),
    [
        ("app-0a1b2c3d", "", True),
        ("my-app", "My.App", True),
        ("my-app-0a1b2c3d", "my-app", True),
        ("my-app-0a1b2c3", "my-app", False),
        ("my-app-server", "my-app", False),
        ("other", "my-app", False),
        ("other-0a1b2c3d", "my-app", False),
    ],
)
def test_whether_a_label_is_what_was_asked_for(label, preferred, serves):
    assert label_serves(label, preferred) is serves


def test_a_port_belongs_to_a_node_and_a_label_to_all():
    assert slot_of(PortListener("h", 80), "n1") == Slot("n1", 80, "")
    assert slot_of(HostListener("x"), "n1") == slot_of(HostListener("x"), "n2")


@pytest.mark.parametrize(
    ("text", "ports"),
    [
        ("10200-10202", (10200, 10201, 10202)),
        (" 5 , 3-4,5", (5, 3, 4)),
        ("1-1", (1,)),
    ],
)
def test_ranges_are_read(text, ports):
    assert parse_ports(text) == ports


@pytest.mark.parametrize(
    "text", ["", "x", "0", "70000", "5-4", "1-", "-5", "1,,2", "1-70000", "٣", "1.5"]
)
def test_what_is_no_range_is_refused(text):
    with pytest.raises(BadPorts):
        parse_ports(text)


@settings(max_examples=60, deadline=None)
@given(st.sets(st.integers(1, 60), min_size=1))
def test_a_printed_range_reads_back(ports):
    assert set(parse_ports(format_ranges(tuple(ports)))) == ports


@settings(max_examples=60, deadline=None)
@given(st.sets(st.integers(1, 9)), st.sets(st.integers(1, 9)), st.integers(0, 99))
def test_every_free_port_is_tried_once_and_no_other(ports, taken, turn):
    offered = tried(PortSlot("h", tuple(ports)), Taken(taken), turn=turn)[0]

    assert sorted(offered) == sorted(ports - taken)
