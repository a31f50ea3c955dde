"""The version routes through the whole control API, before real addresses of the zoo."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from wsproxy.api.endpoint import Cors
from wsproxy.api.server import ApiPolicy, build
from wsproxy.api.versions import OwnStatus, endpoints
from wsproxy.compat.zoo.table import ANIMALS, Animal
from wsproxy.core.version import GroupUnknown, Policy, VersionReport, judge
from wsproxy.core.wire import VERSION_HEADER, Version
from wsproxy.manager.groups import Groups, SettingsGroups
from wsproxy.manager.versions import VersionReports
from wsproxy.net.asking import Asker, AskRules
from wsproxy.net.probe import Probe, asking

Client = TestClient[web.Request, web.Application]
V2 = OwnStatus(Version.V2, "http://gateway.example:5050")
V1 = OwnStatus(Version.V1, "http://gateway.example:5050")
ROUTES = ["/scaling-groups/{}/wsproxy-version", "/func/scaling-groups/{}/wsproxy-version"]


class NoCors:
    def answer(self, cors, origin):
        return []

    def preflight(self, cors, request, methods):
        return []


class InFront:
    """Answers for a front; the caller's own credentials are of no interest here."""

    def __init__(self, reports: VersionReports) -> None:
        self._reports = reports

    async def report_for(self, group, target, fields):
        return await self._reports.report(group)


@asynccontextmanager
async def gateway(
    groups: dict[str, str] | Groups | None = None,
    policy: Policy = Policy.FALLBACK,
    status: OwnStatus = V2,
    front: bool = False,
    deadline: float = 0.4,
) -> AsyncIterator[Client]:
    probe = Probe(asking(Asker(AskRules(deadline=deadline))))
    source = SettingsGroups(groups or {}) if isinstance(groups, dict | None) else groups
    reports = VersionReports(source, probe)
    rows = endpoints(reports, policy, status, InFront(reports) if front else None)
    allowed: Callable[[str, bool], bool] = lambda host, insists: True  # noqa: E731
    app = build(rows, ApiPolicy(status.version, NoCors(), allowed))
    async with TestClient(TestServer(app)) as client:
        yield client
    await reports.close()


@pytest.mark.parametrize("animal", ANIMALS.values(), ids=ANIMALS)
async def test_every_animal_as_the_address_of_a_group(animal: Animal):
    deadline = 0.4 if animal.reason == "address-silent" else 10.0
    async with animal() as address:
        async with gateway({"g": address}, deadline=deadline) as lenient:
            answer = await lenient.get("/scaling-groups/g/wsproxy-version?group=default")
            body = await answer.json()
        async with gateway({"g": address}, Policy.STRICT, deadline=deadline) as strict:
            refused = await strict.get("/scaling-groups/g/wsproxy-version?group=default")
            document = await refused.json()
    healthy = animal.reason == "confirmed"
    assert answer.status == 200
    assert refused.status == (200 if healthy else 500)
    for each, what in ((answer, body), (refused, document)):
        assert each.headers[VERSION_HEADER] == what["wsproxy_version"] == animal.version
        assert what["reason"] == animal.reason
        assert what["degraded"] is not healthy
        assert ("detail" in what) is not healthy
    if not healthy:
        assert document["type"].endswith("/wsproxy-address")
        assert document["title"] and document["error_code"]


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("policy", Policy)
async def test_a_group_without_address_is_v1_and_well(route, policy):
    async with gateway({"g": ""}, policy) as client:
        answer = await client.get(route.format("g"))
        assert answer.status == 200
        assert answer.headers[VERSION_HEADER] == "v1"
        assert await answer.json() == {
            "wsproxy_version": "v1",
            "reason": "address-not-set",
            "degraded": False,
        }


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("policy", Policy)
async def test_an_unknown_group_is_404_with_the_version(route, policy):
    async with gateway({}, policy) as client:
        answer = await client.get(route.format("nosuch"))
        body = await answer.json()
    assert answer.status == 404
    assert answer.headers[VERSION_HEADER] == body["wsproxy_version"] == "v1"
    assert body["type"].endswith("/group-not-found")
    assert body["reason"] == "group-not-found" and body["degraded"] is True and body["detail"]


async def test_in_front_of_a_manager_an_unknown_group_is_200():
    async with gateway({}, front=True) as client:
        answer = await client.get("/scaling-groups/nosuch/wsproxy-version")
        body = await answer.json()
    assert answer.status == 200
    assert body["wsproxy_version"] == "v1" and body["reason"] == "group-not-found"


class Remembering:
    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []

    async def report(self, group: str, project: str = "") -> VersionReport:
        self.asked.append((group, project))
        return judge(GroupUnknown())


@pytest.mark.parametrize(
    ("query", "project"),
    [
        ("", ""),
        ("?group=default", "default"),
        ("?group_id=3f2e", "3f2e"),
        ("?group_name=my%20project", "my project"),
        ("?group=&group_name=x", "x"),
        ("?group=a&group_id=b", "a"),
    ],
)
async def test_the_project_is_accepted_under_every_name(query, project):
    reports = Remembering()
    app = build(
        endpoints(reports, Policy.FALLBACK, V2),
        ApiPolicy(Version.V2, NoCors(), lambda host, insists: True),
    )
    async with TestClient(TestServer(app)) as client:
        await client.get("/scaling-groups/my%20group%2F1/wsproxy-version" + query)
    assert reports.asked == [("my group/1", project)]


@pytest.mark.parametrize("route", [*(route.format("g") for route in ROUTES), "/status"])
async def test_head_is_the_get_without_its_body(route):
    async with gateway({"g": ""}) as client:
        get, head = await client.get(route), await client.head(route)
        assert (head.status, await head.read()) == (200, b"")
        assert head.headers["Content-Length"] == get.headers["Content-Length"]
        assert head.headers[VERSION_HEADER] == get.headers[VERSION_HEADER]


async def test_html_is_given_to_who_asks_for_it_by_name():
    async with gateway({}) as client:
        answer = await client.get(
            "/scaling-groups/x/wsproxy-version", headers={"Accept": "text/html"}
        )
    assert answer.status == 404
    assert answer.content_type == "text/html"
    assert answer.headers[VERSION_HEADER] == "v1"


def test_status_of_a_v1_gateway_follows_the_strict_origin_rules():
    rules = {row.path: row.cors for row in endpoints(Remembering(), Policy.FALLBACK, V1)}
    assert rules["/status"] is rules["//status"] is Cors.V1
    rules = {row.path: row.cors for row in endpoints(Remembering(), Policy.FALLBACK, V2)}
    assert rules["/status"] is Cors.OPEN
