"""What real clients sent to coordinators, workers and other proxies of v2, sent to this gateway.

Each answer has the recorded shape: status, keys of JSON, codes, and the fields that clients read.
``known.py`` has what deliberately differs.
"""

import pytest

from tests.recordings.known import AP, EXPECT, PY, TCP, UI_23, UI_26, WS
from tests.support.apps import eventually
from tests.support.recorded_compare import explained, skipped
from tests.support.recorded_v2 import recorded_v2
from tests.support.replay import Exchange, differences, exchanges

FOLDERS = [(AP, ""), (TCP, ""), (WS, ""), (EXPECT, ""), (PY, ""), (UI_23, "v2"), (UI_26, "v2")]


@pytest.mark.parametrize(("folder", "begin"), FOLDERS, ids=[folder for folder, _ in FOLDERS])
async def test_answers_have_the_recorded_shape(folder: str, begin: str) -> None:
    found: dict[str, list[str]] = {}
    played = 0
    async with recorded_v2() as stage:
        for one in exchanges(folder, begin):
            if not skipped(folder, one.name):
                played += 1
                if different := differences(one, await stage.play(one)):
                    found[one.name] = different
    left, idle = explained(folder, found)
    assert left == {}
    assert [row for row in idle if row.startswith(begin)] == []
    assert played >= 9


HOP_BY_HOP = {"connection", "upgrade", "content-length", "transfer-encoding"}
"""Fields that are each connection's own; upgrades are the conformance cases'."""

OURS = {"cookie", "x-forwarded-for"}
"""Fields that the gateway rewrites: the permit goes, and a stranger is not believed."""

INVENTED = {"accept", "accept-encoding", "user-agent", "content-type"}
"""Fields that the recorded worker put into requests that had none; this gateway does not."""


def head(received: bytes) -> tuple[str, dict[str, str]]:
    start, *lines = received.decode("latin-1").rstrip().split("\r\n")
    pairs = (line.partition(": ") for line in lines)
    return start, {name.lower(): value for name, _, value in pairs}


def check_what_the_app_got(one: Exchange, received: bytes) -> None:
    start, fields = head(received)
    assert start == f"{one.method} {one.target} HTTP/1.1", one.name  # dots and %2F as they were
    sent = {name.lower(): value for name, value in one.fields if "{" not in value}
    kept = {name: value for name, value in sent.items() if name not in HOP_BY_HOP | OURS}
    assert {name: fields.get(name) for name in kept} == kept, one.name
    assert "appproxy_permit" not in fields.get("cookie", ""), one.name
    assert one.app is not None
    recorded = {line.partition(":")[0].lower() for line in one.app["fields"]}
    missing = recorded - fields.keys() - HOP_BY_HOP - INVENTED
    assert missing <= ({"cookie"} if "permit" in one.get("cookie") else set()), one.name


async def test_apps_receive_what_they_received_then() -> None:
    """Every field of the client, and every field that the recorded worker told about it."""
    seen = 0
    async with recorded_v2() as stage:
        app = stage.apps[0]
        for one in exchanges(AP):
            if skipped(AP, one.name):
                continue
            app.heads.clear()
            await stage.play(one)
            if one.app is not None:
                await eventually(lambda: bool(app.heads), "the app has the request")
                check_what_the_app_got(one, app.heads[-1])
                seen += 1
    assert seen > 25
