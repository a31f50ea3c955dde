"""The simulated manager of an age, asked what a real one of that age was asked.

It stands alone, or behind this gateway in front mode, which is then the coordinator of its group.
"""

import contextlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from tests.support.apps import answering, raw_app, unused_port
from tests.support.node import SECRETS, node, settings
from tests.support.replay import Exchange, Given, Replay
from wsproxy.compat.zoo.table import ANIMALS
from wsproxy.config.settings import Settings
from wsproxy.core import signing
from wsproxy.sim.installation import Installation, installation
from wsproxy.sim.traits import ManagerTraits
from wsproxy.sim.world import App, Keypair, World

ERAS = {"manager-23.09": ManagerTraits.M23_09, "manager-26.8": ManagerTraits.M26_8}

SESSIONS = {"manager-23.09": "s1", "manager-26.8": "n1"}

USER = Keypair("AKIAIOSFODNN7EXAMPLE", "secret-of-the-user")

ADDRESSES = {
    "a_empty": "",
    "a_null": None,
    "b_v1": "healthy-v1",
    "b_v2": "healthy-v2",
    "b_v2_int": "integer-version",
    "b_v2_no_scheme": "no-scheme",
    "b_v2_textplain": "text-plain",
    "b_v2_trailing_slash": "trailing-slash",
    "c_dns": "unresolvable",
    "c_refused": "refuse",
    "d_404_json": "404-with-good-body",
    "d_404_text": "404",
    "e_500": "500",
    "e_503_json": "503-with-good-body",
    "f_empty_close": "close",
    "f_html": "html",
    "f_json_ct_but_html": "wrong-json",
    "f_json_list": "json-list",
    "f_json_without_version": "no-version",
    "g_hang": "hang",
    "z_misc": None,
    "start_noaddr": None,
    "start_refused": "refuse",
    "start_status404": "404",
    "start_v2stub_conf_ok_shape": "healthy-v2",
}
"""The group's address in each recorded scene: an animal of the zoo, "" or none. Others: ours."""

WRONG = "a secret that is not the user's"


@dataclass
class Scene:
    """``direct`` and ``front`` are where the manager and the gateway before it listen."""

    world: World
    replay: Replay
    direct: str
    front: str
    port: int

    @property
    def session(self) -> str:
        return self.replay.values["{uuid3}"]

    async def ask(self, one: Exchange, place: str) -> Given:
        """The recorded request, signed anew, with the group's address of its scene."""
        self.replay.values[one.to] = place
        body = one.body.replace('"port":8080', f'"port":{self.port}')
        asked = replace(one, body=body, more=0)
        secret = WRONG if one.name.endswith("bad signature") else USER.secret_key
        keys = signing.Keypair(USER.access_key, secret)

        def sign(method: str, target: str, host: str) -> Mapping[str, str]:
            version = one.get("x-backendai-version")
            now = datetime.now(UTC)
            return dict(signing.signed_fields(keys, method, target, host, now, version))

        async with self._address(one.name):
            return await self.replay.send(asked, sign)

    @contextlib.asynccontextmanager
    async def _address(self, name: str) -> AsyncIterator[None]:
        group = self.world.groups["default"]
        scene = name.partition(":")[0].removeprefix("wsver_")
        animal = ADDRESSES.get(scene, "ours")
        if animal is not None and animal in ANIMALS:
            async with ANIMALS[animal]() as address:
                group.address = address
                yield
        else:
            group.address = f"http://{self.front}" if animal == "ours" else animal
            yield


@contextlib.asynccontextmanager
async def recorded_manager(folder: str, patience: float = 5.0) -> AsyncIterator[Scene]:
    world = World()
    world.add_user(USER)
    world.add_group("default")
    async with raw_app(answering()) as app:
        apps = [App(name, app.host, app.port) for name in ("jupyter", "ttyd")]
        apps += [App("sshd", app.host, app.port, "tcp"), App("dead", app.host, await unused_port())]
        name = SESSIONS[folder]
        running = world.add_session(name, "default", USER.access_key, *apps)
        async with installation(world, ERAS[folder], patience=patience) as manager:
            async with node(_front(manager)) as gateway:
                direct, front = (url.partition("://")[2] for url in (manager.endpoint, gateway.api))
                values = {"{uuid3}": str(running.id)}
                yield Scene(world, Replay(values), direct, front, app.port)


def _front(manager: Installation) -> Settings:
    return settings(manager={"endpoint": manager.endpoint, "forward": True}, v2={**SECRETS})
