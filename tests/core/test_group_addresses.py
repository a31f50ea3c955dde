"""What a manager's list of groups means, whatever is in it."""

import json

import pytest

from wsproxy.core.group_addresses import MOST, Listed, Unread, listed


def answer(groups: object, **more: object) -> bytes:
    return json.dumps({"data": {"scaling_groups": groups}, **more}).encode()


def test_groups_with_and_without_address():
    groups = [
        {"name": "gpu", "wsproxy_addr": " http://proxy:1 "},
        {"name": "none", "wsproxy_addr": None},
        {"name": "empty", "wsproxy_addr": ""},
        {"name": "number", "wsproxy_addr": 7},
        {"name": "missing"},
        {"name": None, "wsproxy_addr": "http://x:1"},
        "a text",
    ]
    found = listed(200, answer(groups))
    assert found == Listed(
        {"gpu": "http://proxy:1", "none": "", "empty": "", "number": "", "missing": ""}
    )
    assert "proxy" not in repr(found)  # addresses may hold credentials


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, answer(None, errors=[{"message": "Forbidden operation."}])),
        (200, b'{"data": null, "errors": []}'),
        (200, b"[]"),
        (200, b"<html>"),
        (200, answer([{}] * (MOST + 1))),
        (301, answer([])),
        (400, answer([])),
        (401, b"{}"),
        (404, b"{}"),
    ],
)
def test_a_key_that_may_not_see_it_or_a_server_that_has_none(status, body):
    assert listed(status, body) is Unread.NOT_FOR_US


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_trouble_that_passes(status):
    assert listed(status, answer([])) is Unread.TROUBLE
