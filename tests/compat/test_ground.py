"""What players stand on."""

import aiohttp
from yarl import URL

from wsproxy.compat.ground import MARKER, Apps, Places, ground
from wsproxy.sim.traits import ManagerTraits

PLACES = Places(URL("http://m"), URL("http://w"), URL("http://p"))


async def test_an_app_for_each_session_and_the_truth_about_it():
    async with Apps() as apps, ground(ManagerTraits.M26_8, apps) as under:
        async with (
            under.prepared("a", None, PLACES) as one,
            under.prepared("b", "x", PLACES) as two,
        ):
            sessions = [one.session, two.session]
            ports = {session.apps["jupyter"].port for session in sessions}
            assert len(ports) == 2 and one.session.name != two.session.name
            assert (one.group.address, two.group.address) == (None, "x")
            async with aiohttp.ClientSession() as http:
                async with http.get(f"http://127.0.0.1:{ports.pop()}/tree") as answer:
                    assert MARKER in await answer.text()
            assert [one.alive, two.alive] == [True, True]
            del under.running.world.sessions[one.session.id]
            assert [one.alive, two.alive] == [False, True]
            assert one.scene.access_key == two.scene.access_key
