"""Clients of every age with the proxies and managers of their time, without this gateway: what is
known not to work there must not work here either, or the players are kinder than the clients were.
"""

import contextlib
from collections.abc import AsyncIterator

import pytest

from tests.support.scenes import Theatre, how, theatre, told
from wsproxy.compat.eras.clients import clients
from wsproxy.compat.eras.proxies import proxies
from wsproxy.compat.players import player
from wsproxy.compat.scene import Play, Step
from wsproxy.compat.standins.stand import standin
from wsproxy.compat.zoo.table import ANIMALS

HIDDEN = "hidden by the browser: no Access-Control-Allow-Origin"


@contextlib.asynccontextmanager
async def upstream(proxy: str, client: str) -> AsyncIterator[Theatre]:
    row = proxies()[proxy]
    async with standin(row) as addresses:
        address = None if row.node is not None else addresses.api
        async with theatre(address, manager_era=clients()[client].manager) as at:
            at.elsewhere(addresses.api)
            yield at


async def played(at: Theatre, client: str, **options) -> Play:
    return await player(client, patience=10.0, **options).play(at.scene)


CELLS = [
    # proxy, client, what ends its launch ("" when it works), what closing the app says
    ("node-2021", "webui-20.09", "", "+ closed, unseen by the page"),
    ("node-classic", "webui-22.09", "", "+ closed, unseen by the page"),
    ("node-classic", "webui-23.03", "", "+ closed, unseen by the page"),
    # P 2.2, O 3: the app's own port allows no page to read it
    ("node-classic", "webui-25.15", f"Request failed: GET http://127.0.0.1:*: {HIDDEN}", ""),
    ("node-classic", "webui-26.9", f"Request failed: GET http://127.0.0.1:*: {HIDDEN}", ""),
    # P 2.8: an access key is no token there
    ("node-hardened", "webui-22.09", "", "- the app stays open: answered 403 '{\"code\": 403}'"),
    ("node-hardened", "webui-24.03", "", "- the app stays open: answered 403 '{\"code\": 403}'"),
    # P 2.7: pages without origin came first, then not at all
    ("node-classic", "desktop-22.09", "", "+ closed, unseen by the page"),
    ("node-hardened", "desktop-22.09", f"OPTIONS http://127.0.0.1:*/conf: {HIDDEN}", ""),
    # P 5.2: such managers do not say whose session it is
    ("python-25.11", "webui-22.09", "start-service was answered 500", ""),
    ("python-25.11", "webui-24.03", "", "- the app stays open: answered 403"),
    ("appproxy-26.9", "webui-23.03", "", "- the app stays open: answered 404"),
    ("appproxy-26.9", "webui-26.8", "", "- the app stays open: answered 404"),
    # O 3: it speaks no v1
    ("appproxy-26.9", "desktop-26.8", "OPTIONS http://127.0.0.1:*/conf: hidden by the browser", ""),
]


@pytest.mark.parametrize(("proxy", "client", "launch", "close"), CELLS)
async def test_what_works_and_what_does_not(proxy, client, launch, close):
    async with upstream(proxy, client) as at:
        play = await played(at, client)

        said = how(play)
        assert play.step(Step.LAUNCH).good is (launch == ""), (said, told(play))
        if launch:
            before, _, after = launch.partition("*")
            ended = play.step(Step.LAUNCH).said
            assert ended.startswith(before) and after in ended
        else:
            assert play.step(Step.USE).good, (said, told(play))
            assert said["close"].startswith(close), said
        assert play.step(Step.TERMINATE).good and not at.alive, said


DELETIONS = [
    # manager, what the address does ("" for none), who deletes, who does not (P 8.1, 9.3)
    ("manager-22.09", "refuse", ["webui-23.03", "webui-26.9"], ["webui-22.03", "webui-22.09"]),
    ("manager-23.09", "refuse", ["webui-23.03", "webui-26.9"], ["webui-22.03", "webui-22.09"]),
    ("manager-26.2", "", ["webui-23.03", "webui-25.15", "webui-26.9"], ["webui-22.09"]),
    ("manager-26.2", "refuse", ["webui-26.8", "webui-26.9"], ["webui-22.09", "webui-25.15"]),
    ("manager-26.4", "html", ["webui-23.03", "webui-26.9"], ["webui-22.09"]),
]


@pytest.mark.parametrize(("manager", "animal", "deletes", "keeps"), DELETIONS)
async def test_who_can_delete_beside_which_manager(manager, animal, deletes, keeps):
    for client in (*deletes, *keeps):
        async with contextlib.AsyncExitStack() as stack:
            address = await stack.enter_async_context(ANIMALS[animal]()) if animal else None
            at = await stack.enter_async_context(theatre(address, manager_era=manager))
            play = await played(at, client)

            assert at.alive is (client in keeps), (client, how(play))
            assert play.asks_delete is (client in deletes)
