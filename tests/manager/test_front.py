"""The version of a group, asked behind a front with the caller's own credentials."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import pytest
from aiohttp import web

from tests.support.installations import SmallManager, problem, serving, small_manager
from wsproxy.compat.zoo.table import ANIMALS, Animal
from wsproxy.core.configuration import AuthMode, Configuration
from wsproxy.core.streamfields import stream_fields
from wsproxy.core.wire import Version
from wsproxy.manager import front
from wsproxy.manager.front import FrontVersions, Question
from wsproxy.manager.groups import SettingsGroups
from wsproxy.manager.versions import VersionReports
from wsproxy.net.asking import Asker, AskRules
from wsproxy.net.probe import Probe, asking

TARGET = "/scaling-groups/gpu/wsproxy-version?group=default"
SAYS_V2 = (200, b'{"wsproxy_version": "v2"}')


@dataclass
class Front:
    """``host``: what clients call the gateway; the manager never hears its own name."""

    manager: SmallManager
    versions: FrontVersions
    host: str = "front.example:5050"

    async def ask(self, who: Configuration | None = None, target: str = TARGET, *more):
        who = who or self.manager.api()
        fields = signed(who, target, self.host)
        return await self.versions.report_for("gpu", target, [*fields, *more])


def signed(who: Configuration, target: str, host: str) -> list[tuple[str, str]]:
    return [("Host", host), *stream_fields(who, target, host, datetime.now(UTC))]


@contextlib.asynccontextmanager
async def fronting(endpoint: str, address: str = "", deadline: float = 20.0):
    asker = asking(Asker(AskRules(deadline=10.0)))
    reports = VersionReports(SettingsGroups({}), Probe(asker))
    versions = FrontVersions(
        endpoint, reports, {"gpu": address}, deadline=deadline, clock=lambda: 1000.0
    )
    try:
        yield versions
    finally:
        await versions.close()
        await versions.close()
        await reports.close()


@pytest.fixture
async def before() -> AsyncIterator[Front]:
    async with small_manager() as manager, fronting(manager.url + "/") as versions:
        manager.version = SAYS_V2
        yield Front(manager, versions)


async def test_the_signature_of_the_caller_holds(before: Front):
    """It covers the path, the query and the Host field, so all of them arrive unchanged."""
    report = await before.ask()
    assert (report.version, report.reason) == (Version.V2, "confirmed")
    [asked] = before.manager.asked
    assert (asked.who, asked.target) == ("AKUSER", TARGET)
    assert asked.fields["Host"] == before.host


@pytest.mark.parametrize("mode", AuthMode)
async def test_a_login_session_is_passed_on(before: Front, mode: AuthMode):
    target = "/func" + TARGET
    assert (await before.ask(before.manager.login(mode), target)).version is Version.V2
    assert before.manager.targets() == [target]


async def test_what_concerns_one_connection_stays(before: Front):
    more = [("Connection", "keep-alive"), ("Accept-Encoding", "br"), ("X-Trace", "1"), ("Te", "x")]
    await before.ask(None, TARGET, *more)
    fields = before.manager.asked[0].fields
    assert fields["X-Trace"] == "1"
    assert "Accept-Encoding" not in fields and "Te" not in fields and "Accept" not in fields


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ((404, b'{"title": "No such AppProxy address."}'), "address-not-set"),
        (problem(503, "appproxy-connection-error"), "manager-cannot-reach-address"),
        (problem(404, "object-not-found", "No such scaling group."), "group-not-found"),
        ((200, b"<html>"), "manager-not-a-manager"),
        ((302, b""), "manager-answers-302"),
    ],
)
async def test_every_answer_is_repaired_to_v1_with_its_reason(before: Front, answer, reason):
    before.manager.version = answer
    report = await before.ask()
    assert (report.version, report.reason) == (Version.V1, reason)


async def test_answers_are_kept_for_nobody(before: Front):
    await before.ask()
    before.manager.version = (200, b'{"wsproxy_version": "v1"}')
    assert (await before.ask()).version is Version.V1


async def test_failures_are_kept_for_a_moment(before: Front):
    before.manager.version = (500, b"")
    first, second = await before.ask(), await before.ask()
    assert first == second and len(before.manager.asked) == 1


async def test_a_failure_in_one_project_is_none_in_another(before: Front):
    before.manager.version = problem(404, "object-not-found", "No such scaling group.")
    assert (await before.ask()).reason == "group-not-found"
    before.manager.version = SAYS_V2
    assert (await before.ask()).reason == "group-not-found"
    other = TARGET.replace("default", "another")
    assert (await before.ask(None, other)).reason == "confirmed"


async def test_callers_are_told_apart(before: Front):
    before.manager.version = (500, b"")
    await before.ask()
    before.manager.version = SAYS_V2
    assert (await before.ask(before.manager.api("AKADMIN"))).version is Version.V2
    assert (await before.ask(before.manager.login(), "/func" + TARGET)).version is Version.V2


async def test_nobody_is_denied_for_what_others_do_with_their_access_key(before: Front):
    forged = replace(before.manager.api(), secret_key="a-guess")
    assert (await before.ask(forged)).reason == "manager-denies"
    assert (await before.ask()).reason == "confirmed"
    assert (await before.ask(forged)).reason == "manager-denies"


async def test_two_at_once_share_one_question(before: Front):
    reports = await asyncio.gather(before.ask(), before.ask())
    assert {report.version for report in reports} == {Version.V2}
    assert len(before.manager.asked) == 1


async def test_more_callers_than_are_remembered(before: Front, monkeypatch):
    monkeypatch.setattr(front, "MEMORY", 1)
    reports = await asyncio.gather(before.ask(), before.ask(before.manager.api("AKADMIN")))
    assert [report.reason for report in reports] == ["manager-silent", "confirmed"]


@pytest.mark.parametrize("animal", ANIMALS.values(), ids=ANIMALS)
async def test_every_animal_as_the_server_behind(animal: Animal):
    """None says a version of a group, so v1 holds; nothing is raised and nothing hangs."""
    silent = animal.reason == "address-silent"
    async with animal() as endpoint, fronting(endpoint, deadline=0.3 if silent else 20.0) as asks:
        async with asyncio.timeout(30):
            report = await asks.report_for("gpu", TARGET, [("Host", "front.example")])
    assert (report.version, report.degraded) == (Version.V1, True)
    assert report.reason.startswith("manager-")


async def test_a_dead_manager_leaves_the_settings_to_be_asked():
    async with ANIMALS["refuse"]() as endpoint, ANIMALS["healthy-v2"]() as address:
        async with fronting(endpoint, address) as versions:
            report = await versions.report_for("gpu", TARGET, [])
    assert (report.version, report.reason) == (Version.V2, "confirmed")


async def test_the_settings_do_not_speak_for_a_group_that_the_manager_denies(before: Front):
    before.manager.version = problem(404, "object-not-found", "No such scaling group.")
    async with ANIMALS["healthy-v2"]() as address:
        async with fronting(before.manager.url, address) as versions:
            fields = signed(before.manager.api(), TARGET, "front.example")
            report = await versions.report_for("gpu", TARGET, fields)
    assert report.reason == "group-not-found"


async def test_an_answer_without_an_end():
    async def endless(request):
        return web.Response(body=b" " * (2 << 20))

    async with serving(endless) as url, fronting(url) as versions:
        report = await versions.report_for("gpu", TARGET, [])
    assert report.reason == "manager-not-a-manager"


def test_credentials_are_not_shown():
    assert "secret" not in repr(Question(TARGET, (("Cookie", "AIOHTTP_SESSION=secret"),)))


async def test_a_known_address_is_asked_beside_a_manager_that_makes_its_caller_wait():
    """Else a client of 22.x, which waits five seconds, waits for two deadlines in a row."""
    asked = asyncio.Event()

    async def status(request: web.Request) -> web.Response:
        asked.set()
        return web.json_response({"api_version": "v2"})

    async with serving(status) as address, ANIMALS["hang"]() as endpoint:
        async with fronting(endpoint, address, deadline=30.0) as versions:
            waiting = asyncio.create_task(
                versions.report_for("gpu", TARGET, [("Host", "front.example")])
            )
            await asyncio.wait_for(asked.wait(), 10)
            assert not waiting.done()
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)


async def test_the_address_rests_while_the_manager_answers_soon(before: Front):
    """What the manager says is enough."""
    asked: list[str] = []

    async def status(request: web.Request) -> web.Response:
        asked.append(request.path)
        return web.json_response({"api_version": "v1"})

    async with serving(status) as address, fronting(before.manager.url, address) as versions:
        fields = signed(before.manager.api(), TARGET, before.host)
        report = await versions.report_for("gpu", TARGET, fields)

    assert report.version is Version.V2 and asked == []
