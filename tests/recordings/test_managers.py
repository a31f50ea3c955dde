"""What two real managers answered: the simulated ones answer so too, and this gateway mends it.

The version route is asked directly and through this gateway in front mode; every other answer is
the same through it. ``start-service`` makes the simulated manager announce an app here.
"""

import pytest

from tests.support.recorded_manager import ADDRESSES, recorded_manager
from tests.support.replay import Exchange, differences, exchanges

FOLDERS = ("manager-23.09", "manager-26.8")

SKIPPED = {
    "session_get": "A session has many more fields than clients of a proxy read.",
    "start_status404": "Its body names the address, which is another one each time.",
    "start_refused": "Its body names the address, which is another one each time.",
}
"""Not compared: see ``same``."""


def of(folder: str, path: str) -> list[Exchange]:
    """Those to the manager itself; below ``/func`` it has nothing, in any scene."""
    chosen = exchanges(folder)
    return [one for one in chosen if path in one.target and not one.target.startswith("/func/")]


VERSIONS = [(folder, one) for folder in FOLDERS for one in of(folder, "/wsproxy-version")]
OTHERS = [
    (folder, one)
    for folder in FOLDERS
    for one in exchanges(folder)
    if "/wsproxy-version" not in one.target
]


def scene(one: Exchange) -> str:
    return one.name.partition(":")[0].removeprefix("wsver_")


def named(rows: list[tuple[str, Exchange]]) -> list[str]:
    return [f"{folder}-{one.name[:40]}" for folder, one in rows]


MENDED = {
    # scene: version, reason with the manager of 23.09, reason with that of 26.8
    "a_empty": ("v1", "confirmed", "confirmed"),
    "a_null": ("v1", "confirmed", "confirmed"),
    "b_v1": ("v1", "confirmed", "confirmed"),
    "b_v2": ("v2", "confirmed", "confirmed"),
    "b_v2_int": ("v1", "version-unknown", "manager-rejects-address"),
    "b_v2_no_scheme": ("v1", "manager-answers-500", "manager-answers-500"),
    "b_v2_textplain": ("v1", "manager-answers-500", "manager-rejects-address"),
    "b_v2_trailing_slash": ("v2", "confirmed", "confirmed"),
    "c_dns": ("v1", "manager-cannot-reach-address", "manager-cannot-reach-address"),
    "c_refused": ("v1", "manager-cannot-reach-address", "manager-cannot-reach-address"),
    "d_404_json": ("v2", "confirmed", "confirmed"),
    "d_404_text": ("v1", "manager-answers-500", "manager-rejects-address"),
    "e_500": ("v1", "manager-answers-500", "manager-rejects-address"),
    "e_503_json": ("v2", "confirmed", "confirmed"),
    "f_empty_close": ("v1", "manager-answers-500", "manager-answers-500"),
    "f_html": ("v1", "manager-answers-500", "manager-rejects-address"),
    "f_json_ct_but_html": ("v1", "manager-answers-500", "manager-rejects-address"),
    "f_json_list": ("v1", "manager-answers-500", "manager-rejects-address"),
    "f_json_without_version": ("v1", "manager-answers-500", "manager-rejects-address"),
    "g_hang": ("v1", "manager-answers-500", "manager-answers-500"),
    "z_misc: unknown scaling group": ("v1", "group-not-found", "group-not-found"),
    "z_misc: bad signature": ("v1", "manager-denies", "manager-denies"),
    "z_misc: no group param": ("v1", "confirmed", "confirmed"),
    "z_misc: unknown group": ("v1", "confirmed", "confirmed"),
}


@pytest.mark.parametrize(("folder", "one"), VERSIONS, ids=named(VERSIONS))
async def test_the_version_route_directly_and_through_the_front(folder: str, one: Exchange) -> None:
    key = one.name.removeprefix("wsver_") if scene(one) == "z_misc" else scene(one)
    version, *reasons = MENDED[key]
    patience = 0.3 if scene(one) == "g_hang" else 10.0
    async with recorded_manager(folder, patience) as manager:
        through = await manager.ask(one, manager.front)
        direct = await manager.ask(one, manager.direct)
    assert differences(one, direct) == []
    if one.status == 200:
        said = direct.json["wsproxy_version"]
        assert f'"wsproxy_version": {said!r}'.replace("'", '"') in one.json
    assert through.status == 200  # every client can delete its session
    assert through.json["wsproxy_version"] == version
    assert through.json["reason"] == reasons[FOLDERS.index(folder)]
    assert through.get("x-backendai-wsproxy-version") == version


def test_every_scene_was_recorded() -> None:
    scenes = {scene(one) for _, one in VERSIONS + OTHERS}
    assert set(ADDRESSES) - scenes == set()
    assert {key.partition(":")[0] for key in MENDED} <= scenes


@pytest.mark.parametrize(("folder", "one"), OTHERS, ids=named(OTHERS))
async def test_other_routes_directly_and_through_the_front(folder: str, one: Exchange) -> None:
    async with recorded_manager(folder) as manager:
        direct = await manager.ask(one, manager.direct)
        through = await manager.ask(one, manager.front)
        assert through.status == direct.status == one.status
        if scene(one) not in SKIPPED:
            assert differences(one, direct) == []
        if one.status == 200 and one.target.endswith("/start-service"):
            for said in (direct.json, through.json):
                assert said["wsproxy_addr"] == f"http://{manager.front}"
                await opens(manager, said["token"])
        elif scene(one) not in SKIPPED:
            assert through.body == direct.body


async def opens(manager, token: str) -> None:
    """The token that the manager got from ``/v2/conf`` is good for its session."""
    path = f"/v2/proxy/{token}/{manager.session}/add?app=jupyter&protocol=http"
    fields = (("Host", manager.front), ("Connection", "close"))
    request = Exchange("add", manager.front, "GET", path, fields, "", 0, 200, (), "", None)
    given = await manager.replay.send(request)
    assert (given.status, given.json["code"]) == (200, 200)
