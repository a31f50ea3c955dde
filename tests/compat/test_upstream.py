"""The proxies before this gateway: red where the recorded behaviour is red."""

import pytest

from wsproxy.compat import upstream
from wsproxy.compat.eras.clients import clients
from wsproxy.compat.eras.proxies import proxies
from wsproxy.compat.matrix import Cell, named
from wsproxy.compat.runner import run
from wsproxy.compat.verdict import Sign
from wsproxy.compat.zoo.table import ANIMALS
from wsproxy.core.wire import Version

CELLS = upstream.cells()

STAY = [
    # clients of 22.x delete after no failed version question, whatever its status
    "webui-22.03/v2/refuse/python-25.10/manager-22.03",
    "webui-22.09/v1/refuse/node-classic/manager-22.09",
    "webui-22.09/v2/refuse/python-25.10/manager-22.09",
    "webui-22.09/v2/hang/python-25.10/manager-22.09",
    "webui-22.09/v2/html/python-25.10/manager-22.09",
    "webui-22.09/v2/no-scheme/python-25.10/manager-22.09",
    # 26.2 calls a group without address 404, and an address that refuses 503
    "webui-22.09/v1/healthy/node-classic/manager-26.2",
    "webui-22.09/v2/refuse/python-25.10/manager-26.2",
    "webui-23.03/v2/refuse/python-25.10/manager-26.2",
    "webui-24.03/v1/refuse/node-classic/manager-26.2",
    "webui-25.3/v2/refuse/appproxy-25.13/manager-26.2",
    "webui-25.15/v2/refuse/appproxy-25.19/manager-26.2",
    # nobody waits as long as a manager does
    "webui-23.03/v2/hang/python-25.10/manager-23.09",
    "webui-25.15/v2/hang/appproxy-25.19/manager-25.12",
]
GO = [
    "webui-22.09/v1/healthy/node-classic/manager-22.09",
    "webui-20.09/v2/refuse/python-25.10/manager-22.03",
    # 500 and 404 are forgiven from 23.03 on, anything from 26.7 on
    "webui-23.03/v2/refuse/python-25.10/manager-23.09",
    "webui-23.03/v1/healthy/node-classic/manager-26.2",
    "webui-25.15/v2/refuse/appproxy-25.19/manager-25.12",
    "webui-26.8/v2/refuse/appproxy-26.4/manager-26.2",
    "webui-26.8/v2/hang/appproxy-26.4/manager-26.4",
    "webui-26.9/v2/refuse/appproxy-26.9/manager-26.2",
    # and who asks no proxy is not stopped by any
    "desktop-22.09/v1/refuse/node-classic/manager-26.2",
    "python-client-22.09/v2/refuse/python-25.10/manager-26.2",
]


async def deletions(names: list[str]) -> dict[str, Sign]:
    wanted = [named(name, CELLS) for name in names]
    async with upstream.upstream(wanted) as set_up:
        results = await run(wanted, set_up, jobs=8, done=lambda result: None)
    return {result.cell.name: result.verdict.deletion for result in results}


async def test_sessions_stay_where_they_are_known_to_stay():
    assert await deletions(STAY) == dict.fromkeys(STAY, Sign.BAD)


async def test_sessions_go_where_nothing_is_known_to_stop_it():
    assert await deletions(GO) == dict.fromkeys(GO, Sign.GOOD)


def test_every_client_meets_every_proxy_and_every_address_and_manager_26_2():
    assert len(CELLS) == len(set(CELLS))
    healthy = {(cell.player, cell.proxy) for cell in CELLS if cell.animal == "healthy"}
    assert healthy >= {(name, proxy) for name in clients() for proxy in proxies()}
    for name, row in clients().items():
        for manager in (row.manager, "manager-26.2"):
            mine = [cell for cell in CELLS if (cell.player, cell.manager) == (name, manager)]
            met = {(cell.mode, cell.animal) for cell in mine}
            assert met >= {(mode, animal) for mode in Version for animal in ANIMALS}


@pytest.mark.parametrize("name", clients())
def test_the_proxies_of_a_clients_time_speak_v1_and_v2(name):
    v1, v2 = upstream.OF_THEIR_TIME[name]
    assert (upstream.mode_of(v1), upstream.mode_of(v2)) == (Version.V1, Version.V2)


async def test_the_app_opens_with_the_proxies_of_the_time():
    wanted = [
        Cell("webui-22.09", Version.V1, "healthy", "node-classic", "manager-22.09"),
        Cell("webui-26.8", Version.V2, "healthy", "appproxy-26.4", "manager-26.4"),
        Cell("webui-25.15", Version.V1, "healthy", "node-classic", "manager-25.12"),
    ]
    async with upstream.upstream(wanted) as set_up:
        results = await run(wanted, set_up, jobs=3, done=lambda result: None)
    # an app has no CORS header for the page that opens it, and clients of 25.15 need one
    assert [result.verdict.launch for result in results] == [Sign.GOOD, Sign.GOOD, Sign.BAD]
