"""Who calls a v1 route: by token, by address, by origin; and how often (protocol 2.7, design 9)."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from aiohttp import hdrs, web

from wsproxy.api.answers import json_response
from wsproxy.core.clientip import LOOPBACK, parse_address, passed_on
from wsproxy.core.configuration import Configuration
from wsproxy.core.ratelimit import RateLimit, Ruling
from wsproxy.core.v1 import LOCAL_TOKEN, origin_allowed
from wsproxy.manager.configurations import Configurations, Registered

LOGINS = 4
"""Login sessions that are asked for their access key at once."""

LOGIN_PATIENCE = 0.7
"""Seconds; an older WebUI is to be answered within one (protocol 11, case 30)."""

AccessKeyOf = Callable[[Configuration], Awaitable[str]]
"""Asks a web server whose login it is; "" when it does not say."""

TOO_MANY = "Too many requests, please try again later."


def is_local(request: web.Request) -> bool:
    """A client of this machine. Who came through somebody is none, whoever the peer is."""
    if passed_on(request.headers):
        return False
    address = parse_address(request.remote or LOOPBACK)  # a UNIX socket has no address
    return address is not None and address.is_loopback


@dataclass(frozen=True, slots=True)
class CallerRules:
    """``remote``: answer other machines too. ``classic``: refusals with HTTP status 200.

    ``legacy_tokens``: also accept the constant token and access keys, as programs of before 2026
    did; only from this machine and allowed origins. ``rate_limit``: requests a minute, 0: none.
    """

    remote: bool = False
    classic: bool = False
    legacy_tokens: bool = False
    origins: tuple[str, ...] = ()
    rate_limit: int = 600
    local: Callable[[web.Request], bool] = is_local


@dataclass(slots=True)
class Callers:
    """Decides for each request; the only state is the rate limit."""

    configurations: Configurations
    rules: CallerRules
    clock: Callable[[], float] = time.monotonic
    access_key_of: AccessKeyOf | None = None
    _limit: RateLimit = field(init=False)

    def __post_init__(self) -> None:
        self._limit = RateLimit(self.rules.rate_limit)

    def refusal(self, code: int, msg: str = "") -> web.Response:
        """``{"code":…}``: with its HTTP status, or as the classic program does with 200."""
        body: dict[str, Any] = {"code": code, **({"msg": msg} if msg else {})}
        return json_response(body, status=200 if self.rules.classic else code)

    def stranger(self, request: web.Request) -> web.Response | None:
        """A refusal for clients of other machines, unless they are welcome."""
        if self.rules.remote or self.rules.local(request):
            return None
        said = "Only clients of this machine are served. See `remote` in [v1]."
        return self.refusal(403, said)

    def origin_allowed(self, request: web.Request) -> bool:
        origin, site = request.headers.get(hdrs.ORIGIN), request.headers.get("Sec-Fetch-Site")
        return origin_allowed(origin, self.rules.origins, site)

    def legacy(self, request: web.Request) -> bool:
        """Whether constant tokens and access keys count for this request."""
        return (
            self.rules.legacy_tokens and self.rules.local(request) and self.origin_allowed(request)
        )

    async def of_token(self, request: web.Request) -> Registered | web.Response:
        """Whose token is in the path, or the refusal (protocol 2.3 gives the order)."""
        token = request.match_info["token"]
        found = self.configurations.by_token(token)
        if found is not None:
            return found
        if not self.legacy(request):
            return self.refusal(403)
        if self.configurations.latest() is None:
            return json_response({"code": 401})
        if token == LOCAL_TOKEN:
            found = self.configurations.latest()
        else:
            found = await self._of_access_key(token)
        return found or self.refusal(403)

    async def _of_access_key(self, access_key: str) -> Registered | None:
        """A login session's key is learnt when somebody shows one: only old WebUIs do."""
        found = self.configurations.by_access_key(access_key)
        if found is None and self.access_key_of is not None:
            logins = self.configurations.logins(LOGINS)
            await asyncio.gather(*(self._learn(one, self.access_key_of) for one in logins))
            found = self.configurations.by_access_key(access_key)
        return found

    async def _learn(self, login: Registered, ask: AccessKeyOf) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(LOGIN_PATIENCE):
                self.configurations.learn(login.id, await ask(login.configuration))

    def count(self, request: web.Request) -> Ruling:
        """One more request. On loopback all clients have one address, so tokens count apart."""
        found = self.configurations.by_token(request.match_info["token"])
        client = found.id if found is not None else f"address {request.remote}"
        return self._limit.ask(client, self.clock())


def too_many(headers: Mapping[str, str]) -> web.Response:
    """429 as the hardened program says it."""
    return web.Response(status=429, text=TOO_MANY, headers=headers)
