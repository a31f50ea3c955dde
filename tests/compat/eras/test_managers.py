"""Rows of managers: they load, and the simulated manager answers as each row says (P 8.1)."""

import json

import pytest

from tests.sim.conftest import USER, signed, simulated
from wsproxy.compat.eras.managers import ManagerRow, managers, traits_of
from wsproxy.compat.eras.rows import EraError, Peer, read
from wsproxy.sim.authentication import API_VERSIONS
from wsproxy.sim.traits import Era

NAMES = ["22.03", "22.09", "23.03", "23.09", "25.12", "26.2", "26.3", "26.4"]
INTERNAL = (500, "internal-server-error")
MISCONFIGURED = (500, "server-misconfigured")
NAMED = (500, "appproxy-connection-error")
NOT_FOUND = (404, "object-not-found")
NO_ADDRESS_AND_DEAD = {
    "manager-22.03": ("v1", INTERNAL),
    "manager-22.09": ("v1", INTERNAL),
    "manager-23.03": ("v1", INTERNAL),
    "manager-23.09": ("v1", MISCONFIGURED),
    "manager-25.12": ("v1", MISCONFIGURED),
    "manager-26.2": (NOT_FOUND, (503, "appproxy-connection-error")),
    "manager-26.3": (NOT_FOUND, NAMED),
    "manager-26.4": ("v1", NAMED),
}


def test_every_release_line_has_its_row():
    assert list(managers()) == [f"manager-{name}" for name in NAMES]
    for row in managers().values():
        assert row.peer is Peer.MANAGER
        assert row.sources and row.about and row.releases
        assert traits_of(row).api_version in API_VERSIONS


def test_rows_agree_with_the_eras_that_tests_and_demo_use():
    rows = managers()
    assert traits_of(rows["manager-23.09"]) == Era.M23_09
    assert traits_of(rows["manager-26.2"]) == Era.M26_2
    assert traits_of(rows["manager-26.4"]) == Era.M26_8


@pytest.mark.parametrize("name", managers())
async def test_the_version_of_groups_without_and_with_a_dead_address(name):
    async def ask(group: str):
        target = f"/scaling-groups/{group}/wsproxy-version?group=default"
        headers = signed(sim, USER, "GET", target)
        async with sim.http.get(sim.running.endpoint + target, headers=headers) as answer:
            document = json.loads(await answer.read())
        if answer.status == 200:
            return document["wsproxy_version"]
        return answer.status, document["type"].rpartition("/")[2]

    async with simulated(traits_of(managers()[name])) as sim:
        assert (await ask("local"), await ask("broken")) == NO_ADDRESS_AND_DEAD[name]


@pytest.mark.parametrize("name", managers())
async def test_every_manager_carries_deletes_and_tells_its_version(name):
    row = managers()[name]
    async with simulated(traits_of(row)) as sim:
        async with sim.http.get(sim.running.endpoint + "/") as answer:
            assert await answer.json() == {
                "version": row.traits.api_version,
                "manager": row.traits.release,
            }
        target = "/stream/session/work/tcpproxy?app=echo"
        headers = signed(sim, USER, "GET", target)
        url = sim.running.endpoint + target
        async with sim.http.ws_connect(url, headers=headers) as socket:
            assert await socket.receive_bytes()
        target = "/session/work?forced=true"
        headers = signed(sim, USER, "DELETE", target)
        async with sim.http.delete(sim.running.endpoint + target, headers=headers) as answer:
            assert answer.status == 200
        assert sim.ended == ["work"]


def test_a_trait_that_does_not_exist_is_named():
    text = """
["manager-1"]
peer = "manager"
releases = "1"
about = "x"
sources = ["P 8.1"]
traits.colour = "red"
"""
    with pytest.raises(EraError, match=r"managers\.toml: era manager-1: traits\.colour: "):
        read(text, ManagerRow, "managers.toml")
