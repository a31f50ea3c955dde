"""What is demanded of requests (protocol 5.2, 5.3)."""

import pytest

from wsproxy.compat.standins.checks import (
    ALL_PROTOCOLS,
    OLD_PROTOCOLS,
    Complaints,
    Listing,
    parsed,
    wish,
)
from wsproxy.compat.standins.problems import FaultError

GOOD = {"app": "a", "protocol": "http"}


def complaints_of(query, protocols=ALL_PROTOCOLS, addresses=True):
    complaints = Complaints(query)
    wish(query, complaints, protocols, addresses)
    return [(entry["type"], *entry["loc"]) for entry in complaints.entries]


def test_a_good_query_is_read_and_what_is_usual_is_left_out():
    query = {**GOOD, "open_to_public": "true", "no_reuse": "false", "port": "81", "dummy": "1"}
    found = wish(query, Complaints(query), ALL_PROTOCOLS, True)
    assert (found.open_to_public, found.no_reuse, found.port, found.redirect) == (
        True,
        False,
        81,
        "",
    )
    assert found.kept == (
        ("app", "a"),
        ("protocol", "http"),
        ("open_to_public", "True"),
        ("port", "81"),
    )


@pytest.mark.parametrize(
    ("query", "entries"),
    [
        ({}, [("missing", "app"), ("missing", "protocol")]),
        ({**GOOD, "protocol": "zzz"}, [("enum", "protocol")]),
        ({**GOOD, "envs": "{}"}, [("dict_type", "envs")]),
        ({**GOOD, "port": "x"}, [("int_parsing", "port")]),
        ({**GOOD, "allowed_client_ips": "foo"}, [("value_error", "allowed_client_ips")]),
        ({**GOOD, "allowed_client_ips": "10.0.0.0/8, ::1"}, []),
        (
            {**GOOD, "allowed_client_ips": ",".join(["10.0.0.1"] * 40)},
            [("value_error", "allowed_client_ips")],
        ),
    ],
)
def test_what_is_wrong_is_listed(query, entries):
    assert complaints_of(query) == entries


def test_older_ones_know_no_desktops_and_look_at_no_addresses():
    query = {**GOOD, "protocol": "vnc", "allowed_client_ips": "foo"}
    assert complaints_of(query, OLD_PROTOCOLS, False) == [("enum", "protocol")]


def test_later_programs_wrap_the_list():
    for wrapped in (False, True):
        complaints = Complaints({})
        complaints.text("app")
        with pytest.raises(FaultError) as raised:
            Listing(wrapped).judge(complaints)
        entries = raised.value.data["errors"] if wrapped else raised.value.data
        assert entries == [{"type": "missing", "loc": ["app"], "msg": "Field required"}]
    Listing(wrapped=True).judge(Complaints({}))


def test_no_body_is_an_empty_object():
    assert parsed(b"") == {}
    with pytest.raises(FaultError, match="Malformed body"):
        parsed(b"{")
