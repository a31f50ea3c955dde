"""Where addresses come from, and how a manager's troubles are told apart."""

import asyncio
import json

import pytest

from wsproxy.compat.zoo.table import ANIMALS, Animal
from wsproxy.core.configuration import Configuration, Mode
from wsproxy.core.failure import Failure, FailureKind, Side
from wsproxy.core.version import (
    GroupUnknown,
    ManagerFault,
    ManagerSaid,
    NoAddress,
    Policy,
    judge,
)
from wsproxy.manager.groups import LayeredGroups, ManagerGroups, SettingsGroups, malformed
from wsproxy.manager.requests import ManagerClient


class Manager:
    """Answers every question alike, and remembers them."""

    def __init__(self, answer: tuple[int, bytes] | Failure) -> None:
        self.answer = answer
        self.asked: list[tuple[str, dict[str, str]]] = []

    async def get(self, path, query):
        self.asked.append((path, dict(query)))
        return self.answer


SAYS_V2 = (200, b'{"wsproxy_version": "v2"}')


async def test_groups_of_the_settings():
    groups = SettingsGroups({"default": "", "blank": " ", "gpu": " http://proxy:1 "})
    assert await groups.find("default", "") == NoAddress()
    assert await groups.find("blank", "") == NoAddress()
    assert await groups.find("gpu", "any") == "http://proxy:1"
    assert await groups.find("other", "") == GroupUnknown()
    await groups.close()


async def test_the_manager_is_asked_once_for_group_and_project():
    manager = Manager(SAYS_V2)
    groups = ManagerGroups(manager)
    for _ in range(3):
        assert await groups.find("g/1 ü", "my project") == ManagerSaid("v2")
    assert manager.asked == [
        ("/scaling-groups/g%2F1%20%C3%BC/wsproxy-version", {"group": "my project"})
    ]
    await groups.find("g/1 ü", "")
    assert manager.asked[1][1] == {}
    await groups.close()


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (FailureKind.UNRESOLVABLE, "unresolvable"),
        (FailureKind.REFUSED, "refused"),
        (FailureKind.UNREACHABLE, "refused"),
        (FailureKind.CLOSED_EARLY, "refused"),
        (FailureKind.CONNECT_TIMEOUT, "silent"),
        (FailureKind.FIRST_BYTE_TIMEOUT, "silent"),
        (FailureKind.TOTAL_TIMEOUT, "silent"),
        (FailureKind.TLS, "tls"),
        (FailureKind.MALFORMED_ANSWER, "not-a-manager"),
        (FailureKind.HEAD_TOO_LARGE, "not-a-manager"),
    ],
)
async def test_each_failure_of_the_manager_has_its_code(kind, code):
    groups = ManagerGroups(Manager(Failure(kind, Side.MANAGER, "so it is.")))
    found = await groups.find("g", "")
    assert found == ManagerFault(code, "so it is")
    report = judge(found)
    assert (report.reason, report.version) == (f"manager-{code}", "v1")
    await groups.close()


@pytest.mark.parametrize("kind", FailureKind)
async def test_no_failure_is_without_a_row(kind):
    groups = ManagerGroups(Manager(Failure(kind, Side.MANAGER)))
    found = await groups.find("g", "")
    assert not isinstance(found, str) and judge(found).degraded
    await groups.close()


async def test_a_manager_that_waits_for_a_dead_address_is_not_waited_for():
    class Slow(Manager):
        async def get(self, path, query):
            await asyncio.get_running_loop().create_future()

    groups = ManagerGroups(Slow(SAYS_V2), deadline=0.01)
    assert await asyncio.wait_for(groups.find("g", ""), 20) == ManagerFault("silent")
    await groups.close()


@pytest.mark.parametrize(("keep", "asked"), [(30.0, 1), (0.0, 2)])
async def test_an_answer_is_kept_as_long_as_the_settings_say(keep, asked):
    manager = Manager(SAYS_V2)
    groups = ManagerGroups(manager, keep=keep)
    assert [await groups.find("g", "") for _ in range(2)] == [ManagerSaid("v2")] * 2
    assert len(manager.asked) == asked
    await groups.close()


async def test_settings_come_first_and_the_manager_knows_the_others():
    manager = Manager(SAYS_V2)
    groups = LayeredGroups(SettingsGroups({"here": ""}), ManagerGroups(manager))
    assert await groups.find("here", "") == NoAddress()
    assert manager.asked == []
    assert await groups.find("there", "") == ManagerSaid("v2")
    gone = json.dumps({"title": "No such scaling group."}).encode()
    manager.answer = (404, gone)
    assert await groups.find("nowhere", "") == GroupUnknown()
    await groups.close()


def test_malformed_addresses_warn_at_start_and_hide_credentials():
    warnings = malformed(
        {"a": "", "b": "http://ok:1", "c": "nope", "d": "http://u:secret@h:0", "e": " http://ok "}
    )
    assert len(warnings) == 2
    assert warnings[0].startswith("group c: the address nope is not usable: it does not start")
    assert "group d" in warnings[1] and "port" in warnings[1] and "secret" not in warnings[1]


MANAGER_ROWS = {
    "unresolvable": "manager-unresolvable",
    "refuse": "manager-refused",
    "hang": "manager-silent",
    "drip": "manager-silent",
    "expired-certificate": "manager-tls",
    "404": "manager-answers-404",
    "503": "manager-answers-503",
    "redirect": "manager-answers-302",
    "html": "manager-not-a-manager",
    "empty": "manager-not-a-manager",
    "healthy-v2": "manager-not-a-manager",
}


@pytest.mark.parametrize("animal", ANIMALS.values(), ids=ANIMALS)
async def test_every_animal_as_the_manager(animal: Animal):
    silent = animal.reason == "address-silent"
    async with animal() as address:
        who = Configuration(address, Mode.API, access_key="AK", secret_key="SK")
        client = ManagerClient(who, patience=0.4 if silent else 10.0)
        groups = ManagerGroups(client, deadline=20.0)
        found = await groups.find("g", "p")
        assert not isinstance(found, str)
        report = judge(found)
        await groups.close()
        await client.close()
    assert report.version == "v1" and report.degraded
    assert report.reason.startswith("manager-")
    assert report.reason == MANAGER_ROWS.get(animal.name, report.reason)
    assert report.status(Policy.FALLBACK) == 200
