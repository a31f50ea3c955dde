"""Lets only those use the management API who know the api-secret (protocol 4.2)."""

import time
from collections.abc import Callable

from aiohttp import hdrs, web

from wsproxy.api.endpoint import Handler
from wsproxy.core import apiauth
from wsproxy.core.problem import ProblemError

Guard = Callable[[Handler], Handler]
"""Wraps a handler with a check."""


def by_secret(secret: str, clock: Callable[[], float] = time.time) -> Guard:
    """401 ``auth-failed`` for everybody who does not show the secret; "" refuses all."""

    def guard(handler: Handler) -> Handler:
        async def guarded(request: web.Request) -> web.StreamResponse:
            problem = apiauth.check(
                request.headers.get("X-BackendAI-Token"),
                request.headers.get(hdrs.AUTHORIZATION),
                secret,
                clock(),
            )
            if problem is not None:
                raise ProblemError(problem)
            return await handler(request)

        return guarded

    return guard
