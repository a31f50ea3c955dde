"""What managers tell of inference endpoints: routes and health checks (protocol 6.5).

The same shapes come in HTTP bodies and in the manager's Redis. Unknown fields are ignored.
"""

from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from wsproxy.core import fields
from wsproxy.core.circuit import Direct, Protocol
from wsproxy.core.healthcheck import HealthCheck

Port = Annotated[int, Field(ge=1, le=65535), BeforeValidator(fields.whole)]
Uuid = Annotated[UUID, BeforeValidator(fields.uuid)]
Host = Annotated[str, AfterValidator(fields.host)]
Number = Annotated[float, BeforeValidator(fields.number)]
Count = Annotated[int, BeforeValidator(fields.number)]
Path = Annotated[str, Field(max_length=2048), AfterValidator(fields.path)]

DAY = 86_400.0


class Told(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class RouteTold(Told):
    """One replica. Managers before 25.x send no ``route_id``, from 26.4.4 on no ratio."""

    session_id: Uuid
    kernel_host: Host | None = None
    kernel_port: Port
    route_id: Uuid | None = None
    traffic_ratio: Annotated[Number, Field(ge=0, le=1e6)] | None = None
    protocol: Protocol | None = None

    def route(self, ratio: float | None = None) -> Direct:
        """``ratio`` is one told elsewhere. The generation fences kept connections (design 6)."""
        told = self.traffic_ratio if ratio is None else ratio
        route_id = str(self.route_id or "")
        return Direct(
            host=self.kernel_host or "localhost",
            port=self.kernel_port,
            route_id=route_id,
            session_id=str(self.session_id),
            ratio=1.0 if told is None else told,
            generation=route_id or str(self.session_id),
        )


class HealthCheckTold(Told):
    """How the manager wants routes checked. Present means enabled, unless ``enable`` is false."""

    enable: bool | None = None
    path: Path | None = None
    interval: Annotated[Number, Field(gt=0, le=DAY)] | None = None
    max_retries: Annotated[Count, Field(ge=0, le=10_000)] | None = None
    max_wait_time: Annotated[Number, Field(gt=0, le=3600)] | None = None
    expected_status_code: Annotated[Count, Field(ge=100, le=599)] | None = None
    initial_delay: Annotated[Number, Field(ge=0, le=DAY)] | None = None

    def check(self) -> HealthCheck | None:
        """None when checks are not wanted. What is not said has its default."""
        if self.enable is False:
            return None
        said = self.model_dump(exclude={"enable"}, exclude_none=True)
        return HealthCheck(**said)
