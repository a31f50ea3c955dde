"""Which version holds: for a group (``wsproxy-version``), and of this gateway (``/status``)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from aiohttp import hdrs, web

from wsproxy.api.answers import json_response, problem_response
from wsproxy.api.endpoint import Cors, Endpoint, Handler
from wsproxy.core.version import Policy, VersionReport
from wsproxy.core.wire import VERSION_HEADER, Version

_PROJECT = ("group", "group_id", "group_name")
"""The query parameter that names the project, in the words of managers of all ages (P 8.1)."""


class Reports(Protocol):
    """Implemented by ``manager.versions.VersionReports``."""

    async def report(self, group: str, project: str = "") -> VersionReport: ...


class FrontReports(Protocol):
    """Implemented by ``manager.front.FrontVersions``: asks with the caller's own credentials."""

    async def report_for(
        self, group: str, target: str, fields: Sequence[tuple[str, str]]
    ) -> VersionReport: ...


@dataclass(frozen=True, slots=True)
class OwnStatus:
    """What this gateway says of itself. ``advertise``: the absolute URL clients are told."""

    version: Version
    advertise: str

    def body(self) -> dict[str, Any]:
        """Protocol 5.1 for v2; exactly ``{"api_version": "v1"}`` for v1."""
        if self.version is Version.V1:
            return {"api_version": "v1"}
        return {"api_version": "v2", "advertise_address": self.advertise}


def endpoints(
    reports: Reports, policy: Policy, status: OwnStatus, front: FrontReports | None = None
) -> list[Endpoint]:
    """The routes of this module. With ``front`` the gateway stands before a manager (design 3)."""
    asked = _GroupVersion(reports, policy, front).answer
    own = _own_status(status)
    cors = Cors.V1 if status.version is Version.V1 else Cors.OPEN
    return [
        Endpoint("GET", "/scaling-groups/{group}/wsproxy-version", asked),
        Endpoint("GET", "/func/scaling-groups/{group}/wsproxy-version", asked),
        Endpoint("GET", "/status", own, version=status.version, cors=cors),
        Endpoint("GET", "//status", own, version=status.version, cors=cors),
    ]


@dataclass(frozen=True, slots=True)
class _GroupVersion:
    reports: Reports
    policy: Policy
    front: FrontReports | None

    async def answer(self, request: web.Request) -> web.StreamResponse:
        report = await self._report(request)
        before = self.front is not None
        return report_response(report, self.policy, before, request.headers.get(hdrs.ACCEPT))

    async def _report(self, request: web.Request) -> VersionReport:
        group = request.match_info["group"]
        if self.front is not None:
            fields = tuple(request.headers.items())
            return await self.front.report_for(group, request.raw_path, fields)
        project = next((value for name in _PROJECT if (value := request.query.get(name))), "")
        return await self.reports.report(group, project)


def report_response(
    report: VersionReport, policy: Policy, front: bool = False, accept: str | None = None
) -> web.Response:
    """The answer to a client that asked for a group's version."""
    if report.status(policy, front) < 400:
        response = json_response(report.document())
    else:
        response = problem_response(report.problem(), accept, report.version)
    response.headers[VERSION_HEADER] = report.version.value
    return response


def _own_status(status: OwnStatus) -> Handler:
    body = status.body()

    async def answer(request: web.Request) -> web.StreamResponse:
        return json_response(body)

    return answer
