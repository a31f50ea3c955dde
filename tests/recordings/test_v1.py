"""What two WebUIs in a browser sent to a local proxy, sent to this gateway (preflights too)."""

import pytest

from tests.recordings.known import UI_23, UI_26
from tests.support.recorded_compare import explained
from tests.support.recorded_v1 import recorded_v1
from tests.support.replay import differences, exchanges


@pytest.mark.parametrize("folder", [UI_23, UI_26])
async def test_answers_have_the_recorded_shape(folder: str) -> None:
    found: dict[str, list[str]] = {}
    played = 0
    async with recorded_v1() as replay:
        for one in exchanges(folder, "v1"):
            played += 1
            if different := differences(one, await replay.send(one)):
                found[one.name] = different
    left, idle = explained(folder, found)
    assert left == {}
    assert [row for row in idle if row.startswith("v1")] == []
    assert played > 10


@pytest.mark.parametrize("folder", [UI_23, UI_26])
async def test_every_preflight_allows_what_it_asks_for(folder: str) -> None:
    asked = [one for one in exchanges(folder, "v1") if one.method == "OPTIONS"]
    async with recorded_v1() as replay:
        for one in asked:
            given = await replay.send(one)
            origin = replay.fill(one.get("origin"))
            assert given.get("access-control-allow-origin") == origin
            assert given.get("access-control-allow-credentials") == "true"
            method = one.get("access-control-request-method")
            assert method in given.get("access-control-allow-methods")
            fields = one.get("access-control-request-headers")
            assert fields in given.get("access-control-allow-headers").lower()
    assert asked
