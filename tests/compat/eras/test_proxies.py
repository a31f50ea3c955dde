"""Rows of proxies: they load, and each has the traits of its kind."""

import pytest

from wsproxy.compat.eras.proxies import Desktops, ProxyRow, proxies
from wsproxy.compat.eras.rows import EraError, Peer, read

NAMES = [
    "node-2021",
    "node-classic",
    "node-hardened",
    "python-25.10",
    "python-25.11",
    "appproxy-25.13",
    "appproxy-25.15",
    "appproxy-25.19",
    "appproxy-26.4",
    "appproxy-26.9",
]

TABLE = """
["x"]
peer = "python-proxy"
releases = "1"
about = "x"
sources = ["O 6"]
"""


def test_every_release_line_has_its_row():
    assert list(proxies()) == NAMES
    for row in proxies().values():
        assert row.about and row.releases and row.sources


def test_rows_differ_where_the_description_says_so():
    rows = proxies()
    apps = {name: row.appproxy for name, row in rows.items() if row.appproxy}
    assert [name for name, row in apps.items() if row.setup_status == 302] == NAMES[-2:]
    assert [row.desktops for row in apps.values()] == [
        Desktops.REFUSED,
        Desktops.TCP,
        Desktops.LOST,
        Desktops.TCP,
        Desktops.TCP,
    ]
    assert {row.peer for row in rows.values()} == {
        Peer.NODE_PROXY,
        Peer.PYTHON_PROXY,
        Peer.APP_PROXY,
    }


@pytest.mark.parametrize("more", ["", "python = {release = '1'}\n", "node = {colour = 'red'}\n"])
def test_a_row_without_the_traits_of_its_peer_is_named(more):
    with pytest.raises(EraError, match=r"proxies\.toml: era x: "):
        read(TABLE + more, ProxyRow, "proxies.toml")
