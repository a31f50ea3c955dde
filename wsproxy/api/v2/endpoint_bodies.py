"""The bodies of the endpoints' API, in all three generations of managers (protocol 6.5).

From 26.4.4 on managers say ``deployment_id`` and ``project_id`` where older ones say
``endpoint_id`` and ``group_id``; both are taken everywhere.
"""

from typing import Annotated, Any

from pydantic import AliasChoices, BeforeValidator, Field

from wsproxy.api.v2.parameters import Optional, Parameters
from wsproxy.core import expiry
from wsproxy.core.circuit import Direct, Protocol
from wsproxy.core.endpoints import MOST_ROUTES, EndpointWish
from wsproxy.core.healthcheck import HealthCheck
from wsproxy.manager.told import HealthCheckTold, RouteTold, Uuid

MOST_ENTRIES = 1024
"""Entries of a bulk call."""

Name = Annotated[str, Field(max_length=255)]
Routes = Annotated[list[RouteTold], Field(max_length=MOST_ROUTES)]
Moment = Annotated[int, BeforeValidator(expiry.moment)]
Project = Field(default=None, validation_alias=AliasChoices("project_id", "group_id"))
Deployment = Field(validation_alias=AliasChoices("deployment_id", "endpoint_id"))


class SessionTag(Parameters):
    """Whose endpoint it is."""

    user_uuid: Optional[Uuid] = None
    project_id: Optional[Uuid] = Project
    domain_name: Optional[Name] = None


class EndpointTag(Parameters):
    existing_url: Optional[Annotated[str, Field(max_length=2048)]] = None
    runtime_variant: Optional[Name] = None


class Tags(Parameters):
    session: SessionTag = SessionTag()
    endpoint: EndpointTag = EndpointTag()


class EndpointBody(Parameters):
    """What every generation says when it creates an endpoint."""

    version: Optional[Name] = None
    service_name: Name
    tags: Tags = Tags()
    open_to_public: bool = False
    health_check: HealthCheckTold | None = None

    def check(self) -> HealthCheck | None:
        return None if self.health_check is None else self.health_check.check()

    def _wish(self, endpoint_id: Any, **more: Any) -> EndpointWish:
        session, endpoint = self.tags.session, self.tags.endpoint
        return EndpointWish(
            id=endpoint_id,
            service_name=self.service_name,
            open_to_public=self.open_to_public,
            user_id=str(session.user_uuid or ""),
            project_id=str(session.project_id or ""),
            domain_name=session.domain_name or "",
            runtime_variant=endpoint.runtime_variant or "",
            existing_url=endpoint.existing_url or "",
            health_check=self.check(),
            **more,
        )


class SingleBody(EndpointBody):
    """``POST /v2/endpoints/{id}``: generation A, or with ``version`` generation B.

    A tells all routes each time. B tells none, they are in the manager's Redis; the ones that are
    known stay.
    """

    apps: dict[Name, Routes] = {}

    def wish(self, endpoint_id: Any) -> EndpointWish:
        """Only the first app counts; its first route says what it speaks."""
        followed = self.version == "v2"
        if followed and not any(self.apps.values()):
            return self._wish(endpoint_id, followed=True)
        app, told = next(iter(self.apps.items()), ("", []))
        protocol = told[0].protocol if told else None
        return self._wish(
            endpoint_id,
            app=app,
            protocol=protocol or Protocol.HTTP,
            routes=tuple(one.route() for one in told),
            followed=followed,
        )


class BulkBody(EndpointBody):
    """An entry of ``POST /v2/endpoints/bulk``. Routes come in calls of their own."""

    deployment_id: Uuid = Deployment

    def wish(self) -> EndpointWish:
        return self._wish(self.deployment_id)


class Bulk(Parameters):
    """The frame of every bulk call. Entries are judged one by one."""

    endpoints: Annotated[list[Any], Field(max_length=MOST_ENTRIES)]


class Named(Parameters):
    """An entry that only names its deployment."""

    deployment_id: Uuid = Deployment


class RoutesBody(Named):
    """All routes of a deployment anew; empty is allowed."""

    routes: Routes

    def direct(self) -> tuple[Direct, ...]:
        return tuple(one.route() for one in self.routes)


class NamedRoute(RouteTold):
    """A route that can be told from the others."""

    route_id: Uuid


class RegisterBody(Named):
    routes: Annotated[list[NamedRoute], Field(max_length=MOST_ROUTES)]

    def direct(self) -> tuple[Direct, ...]:
        return tuple(one.route() for one in self.routes)


class UnregisterBody(Named):
    route_ids: Annotated[list[Uuid], Field(max_length=MOST_ROUTES)]


class CheckBody(Parameters):
    """``PUT /v2/endpoints/{id}/health-check``; null switches the checks off."""

    health_check: HealthCheckTold | None

    def check(self) -> HealthCheck | None:
        return None if self.health_check is None else self.health_check.check()


class TokenBody(Parameters):
    """``POST /v2/endpoints/{id}/token``."""

    user_uuid: Uuid
    exp: Moment
