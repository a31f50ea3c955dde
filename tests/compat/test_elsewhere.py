"""Other targets: what they are found to be, and that a run against them ends."""

from dataclasses import replace

import pytest
from aiohttp import web
from yarl import URL

from tests.support.installations import serving
from tests.support.node import SECRETS, node, settings
from tests.support.results import BAD, result
from wsproxy.compat import elsewhere
from wsproxy.compat.elsewhere import Looked, Target, Unreachable, batches, looked_at, split
from wsproxy.compat.eras.proxies import proxies
from wsproxy.compat.matrix import HEALTHY, cells
from wsproxy.compat.standins.stand import standin
from wsproxy.compat.verdict import Kind
from wsproxy.compat.zoo.table import ANIMALS
from wsproxy.core.address import Address, parse
from wsproxy.sim.stage import free_port

CELLS = cells(["webui-22.09", "webui-26.8", "desktop-26.8"], ["refuse"])
PROXY = Kind(front=False, v1=True, v2=True)


async def look(url: str, manager: str = "", secret: str = "") -> Looked:
    address = parse(url)
    assert isinstance(address, Address)
    return await looked_at(address, Target(URL(url), secret, URL(manager) if manager else None))


async def test_this_gateway_beside_a_manager_speaks_both():
    async with node(settings(v2=SECRETS)) as gateway:
        assert await look(gateway.api) == Looked(PROXY)


async def test_one_that_forwards_to_our_manager_is_a_front():
    manager = f"http://127.0.0.1:{free_port()}"
    async with node(settings(manager={"endpoint": manager, "forward": True})) as gateway:
        assert (await look(gateway.api, manager)).kind.front
        assert not (await look(gateway.api)).kind.front


@pytest.mark.parametrize(
    ("era", "kind", "one_by_one"),
    [
        ("node-classic", Kind(front=False, v1=True, v2=False), True),
        ("node-hardened", Kind(front=False, v1=True, v2=False), True),
        ("python-25.10", Kind(front=False, v1=False, v2=True), False),
        ("appproxy-26.9", Kind(front=False, v1=False, v2=True), False),
    ],
)
async def test_the_proxies_before_it_speak_one(era, kind, one_by_one):
    async with standin(proxies()[era]) as there:
        assert await look(there.api) == Looked(kind, one_by_one=one_by_one)


@pytest.mark.parametrize("name", ["refuse", "unresolvable", "unanswered"])
async def test_where_nobody_accepts_a_connection_nothing_is_played(name, monkeypatch):
    monkeypatch.setattr(elsewhere, "LOOK_SECONDS", 0.5 if name == "unanswered" else 30.0)
    async with ANIMALS[name]() as address:
        with pytest.raises(Unreachable):
            await look(address)


@pytest.mark.parametrize(
    "name", ["hang", "close", "html", "unknown-version", "404", "tls-on-plain"]
)
async def test_what_is_no_wsproxy_is_told_so(name, monkeypatch):
    monkeypatch.setattr(elsewhere, "LOOK_SECONDS", 0.5 if name == "hang" else 30.0)
    async with ANIMALS[name]() as address:
        fault = (await look(address)).fault
    assert fault.startswith(f"the target is no wsproxy: {ANIMALS[name].reason} (")


async def test_one_that_lies_is_believed_until_it_is_used():
    async with ANIMALS["healthy-v2"]() as address:
        assert not (await look(address)).fault


async def test_a_target_may_say_anything():
    async def says(request: web.Request) -> web.Response:
        if request.path == "/status":
            return web.json_response({"api_version": "v1"})
        return web.json_response(["no", "object"])

    async with serving(says) as url:
        assert await look(url, f"http://127.0.0.1:{free_port()}") == Looked(
            Kind(front=False, v1=False, v2=False)
        )


def test_what_can_be_played_side_by_side():
    plain = Target(URL("http://t"))
    fixed = replace(plain, manager=URL("http://m:1"))
    assert batches(CELLS, plain, Looked(PROXY)) == [list(CELLS)]
    by_era = batches(CELLS, fixed, Looked(PROXY))
    assert [sorted({cell.player for cell in batch}) for batch in by_era] == [
        ["webui-22.09"],
        ["desktop-26.8", "webui-26.8"],
    ]
    alone = batches(CELLS, plain, Looked(PROXY, one_by_one=True))
    assert [len({cell.player for cell in batch}) for batch in alone] == [1, 1, 1]


def test_before_what_is_no_wsproxy_only_healthy_addresses_are_played():
    played, left = split(CELLS, Looked(PROXY, fault="the target is no wsproxy: …"))
    assert {cell.animal for cell in played} == {HEALTHY} and {cell.animal for cell in left} == {
        "refuse"
    }
    assert split(CELLS, Looked(PROXY)) == (list(CELLS), [])


def test_a_cell_that_fails_says_what_the_target_is():
    looked = Looked(PROXY, fault="the target is no wsproxy")
    bad, good = result("webui-22.09/v1/refuse", BAD), result("webui-22.09/v1/healthy")
    assert elsewhere.noted(bad, looked).verdict.said[-1] == "the target is no wsproxy"
    assert elsewhere.noted(good, looked) == good
    assert elsewhere.noted(bad, Looked(PROXY)) == bad
