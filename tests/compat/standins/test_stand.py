"""Clients of each age meet the proxies of their time: what works, and what fails (P 2.8, 10)."""

import asyncio

import pytest

from tests.support.scenes import how, theatre
from tests.support.standins import ask
from wsproxy.compat.eras.clients import clients
from wsproxy.compat.eras.proxies import proxies
from wsproxy.compat.players import player
from wsproxy.compat.scene import Step
from wsproxy.compat.standins.stand import standin
from wsproxy.core.wire import Version

GOOD = ""
PATIENCE = 10.0
# proxy, client, what is said of launch, use and close: "" is well, else a part of the words
KNOWN = [
    ("node-2021", "webui-20.09", GOOD, GOOD, GOOD),
    ("node-classic", "webui-23.03", GOOD, GOOD, GOOD),
    # no auth_mode, so the header, which web servers of 22.03 do not know (P 3.3)
    ("node-classic", "webui-22.03", GOOD, "503", GOOD),
    # the redirect leads to an app that says nothing of origins (P 2.6)
    ("node-classic", "webui-26.8", "no Access-Control-Allow-Origin", None, None),
    # old clients have an access key for a token (P 2.8)
    ("node-hardened", "webui-25.3", GOOD, GOOD, "403"),
    # pages of the old desktop app have the origin null (P 2.7)
    ("node-hardened", "desktop-24.03", "no Access-Control-Allow-Origin", None, None),
    # only the cookie's value deletes (D17), and its refusal is a 200 (D8)
    ("python-25.10", "webui-24.03", GOOD, GOOD, "answered 200"),
    ("python-25.11", "webui-26.8", GOOD, GOOD, "answered 403"),
    # nothing ends a circuit (P 7.8)
    ("appproxy-25.13", "webui-25.3", GOOD, GOOD, "answered 404"),
    ("appproxy-26.9", "webui-26.8", GOOD, GOOD, "answered 404"),
    # managers of that time do not say whose session it is (P 5.2)
    ("appproxy-26.9", "webui-22.09", "start-service was answered 500", None, None),
    # this one asks no proxy at all (P 9.4)
    ("appproxy-26.9", "python-client-24.03", GOOD, GOOD, GOOD),
]


@pytest.mark.parametrize("known", KNOWN, ids=[f"{one[1]} at {one[0]}" for one in KNOWN])
async def test_what_each_client_meets_and_its_session_is_deleted(known):
    name, client, *said = known
    row = proxies()[name]
    async with standin(row) as addresses:
        address = addresses.api if addresses.version is Version.V2 else None
        async with theatre(address, manager_era=clients()[client].manager) as at:
            at.elsewhere(proxy=addresses.api)
            play = await player(client, patience=PATIENCE).play(at.scene)
            assert not at.alive, how(play)
    for step, words in zip((Step.LAUNCH, Step.USE, Step.CLOSE), said, strict=True):
        if words is None:
            continue
        outcome = play.step(step)
        assert outcome.good is (words == GOOD), how(play)
        if words:
            assert words in outcome.said


@pytest.mark.parametrize("row", proxies().values(), ids=proxies())
async def test_two_stand_side_by_side_and_leave_nothing(row):
    before = asyncio.all_tasks()
    async with standin(row) as one, standin(row) as other:
        assert one.api != other.api
        assert (await ask(f"{one.api}/")).body
    assert asyncio.all_tasks() == before
    with pytest.raises(ConnectionRefusedError):
        await ask(f"{one.api}/")
