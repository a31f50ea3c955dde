"""One row of the control API's route table."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum

from aiohttp import web

from wsproxy.core.wire import Version

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Cors(StrEnum):
    """Which cross-origin rule an endpoint follows (design 9, CORS)."""

    OPEN = "open"  # "*", without credentials
    CREDENTIALED = "credentialed"  # allowed origins echoed, with credentials
    V1 = "v1"  # the hardened rules of the local proxy (protocol 2.7)
    ADMIN = "admin"  # no cross-origin use


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Method, aiohttp path pattern, handler, and what every answer of it carries.

    ``version`` is the default of the version header; a handler that sets the header itself wins.
    ``None`` means: what the gateway's own ``/status`` says.
    """

    method: str
    path: str
    handler: Handler
    version: Version | None = None
    cors: Cors = Cors.OPEN
    host_checked: bool = False
