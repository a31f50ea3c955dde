"""Groups and their addresses as managers of every age tell them to the gateway's own key."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from tests.support.apps import unused_port
from tests.support.node import Got, Node, node, settings
from wsproxy.compat.eras.managers import managers
from wsproxy.compat.zoo.table import ANIMALS
from wsproxy.sim.installation import Installation, installation
from wsproxy.sim.traits import ManagerTraits
from wsproxy.sim.world import Keypair, World

ADMIN = Keypair("AKADMIN", "secret-of-the-admin", email="admin@example.com", admin=True)
USER = Keypair("AKUSER", "secret-of-the-user")
ERAS = [pytest.param(row.traits, id=name) for name, row in managers().items()]


@dataclass(frozen=True, slots=True)
class Asking:
    """A gateway that asks a manager, and the manager's world."""

    node: Node
    running: Installation

    async def version(self, group: str) -> Got:
        return await self.node.get(f"/scaling-groups/{group}/wsproxy-version?group=default")

    async def reason(self, group: str) -> tuple[str, str]:
        document = (await self.version(group)).json
        return document["wsproxy_version"], document["reason"]

    def asked(self, path: str) -> int:
        return sum(path in one.target for one in self.running.record.requests)


@contextlib.asynccontextmanager
async def asking(era: ManagerTraits, who: Keypair, keep: float = 30.0) -> AsyncIterator[Asking]:
    world = World()
    world.add_user(ADMIN)
    world.add_user(USER)
    world.add_group("local")
    world.add_group("empty", "")
    world.add_group("broken", f"http://127.0.0.1:{await unused_port()}")
    async with ANIMALS["healthy-v2"]() as address:
        world.add_group("gpu", address)
        async with contextlib.AsyncExitStack() as stack:
            running = await stack.enter_async_context(installation(world, era))
            config = settings(
                manager={
                    "endpoint": running.endpoint,
                    "access-key": who.access_key,
                    "secret-key": who.secret_key,
                },
                policy={"probe-cache": keep},
            )
            gateway = await stack.enter_async_context(node(config))
            yield Asking(gateway, running)


@pytest.mark.parametrize("era", ERAS)
async def test_an_administrators_key_reads_addresses_and_they_are_asked_from_here(era):
    async with asking(era, ADMIN) as asks:
        assert await asks.reason("gpu") == ("v2", "confirmed")
        assert await asks.reason("local") == ("v1", "address-not-set")
        assert await asks.reason("empty") == ("v1", "address-not-set")
        assert await asks.reason("broken") == ("v1", "address-refused")
        unknown = await asks.version("unknown")
        assert (unknown.status, unknown.json["reason"]) == (404, "group-not-found")
        assert asks.asked("/admin/gql") == 1


@pytest.mark.parametrize("era", ERAS)
async def test_with_another_key_the_manager_is_asked_about_each_group(era):
    async with asking(era, USER) as asks:
        assert await asks.reason("gpu") == ("v2", "confirmed")
        version, reason = await asks.reason("local")
        assert (version, reason) in {("v1", "confirmed"), ("v1", "address-not-set")}
        version, reason = await asks.reason("broken")
        assert version == "v1"
        assert reason in {"manager-cannot-reach-address", "manager-answers-500"}
        assert (await asks.version("unknown")).status == 404
        assert asks.asked("/admin/gql") == 1


async def test_a_changed_address_is_noticed():
    async with asking(ManagerTraits.M26_8, ADMIN, keep=0.0) as asks:
        groups = asks.running.world.groups
        assert await asks.reason("gpu") == ("v2", "confirmed")
        groups["gpu"].address, groups["local"].address = None, groups["gpu"].address
        assert await asks.reason("gpu") == ("v1", "address-not-set")
        assert await asks.reason("local") == ("v2", "confirmed")
        del groups["gpu"]
        assert (await asks.version("gpu")).status == 404


@pytest.mark.parametrize("who", [ADMIN, USER])
async def test_while_the_manager_is_away_the_last_addresses_hold(who):
    world = World()
    world.add_user(ADMIN)
    world.add_user(USER)
    async with ANIMALS["healthy-v2"]() as address:
        world.add_group("gpu", address)
        async with contextlib.AsyncExitStack() as stack:
            running = await stack.enter_async_context(installation(world))
            manager = {
                "endpoint": running.endpoint,
                "access-key": who.access_key,
                "secret-key": who.secret_key,
            }
            config = settings(manager=manager, policy={"probe-cache": 0.0})
            async with node(config) as gateway:
                asks = Asking(gateway, running)
                assert await asks.reason("gpu") == ("v2", "confirmed")
                await stack.aclose()
                wanted = ("v2", "confirmed") if who.admin else ("v1", "manager-refused")
                for _ in range(3):
                    assert await asks.reason("gpu") == wanted
