"""``GET /scaling-groups/{sg}/wsproxy-version`` as managers of each era answer it (observed 1).

A faithful copy of what they get wrong: the status of ``/status`` is not looked at, a dead address
is an error, and 26.2 calls a group without address "not found", which stops clients from deleting.
"""

import asyncio
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import ClientConnectorError, ClientError, ClientResponse, ClientSession, ClientTimeout
from yarl import URL

from wsproxy.sim import documents
from wsproxy.sim.documents import FaultError
from wsproxy.sim.traits import ManagerTraits, NoAddress, Refused

LONGEST = 4 << 20
"""Bytes of a ``/status`` that are looked at."""


class _NotJson(Exception):
    """``/status`` answered something else than JSON."""


@dataclass(frozen=True, slots=True)
class StatusClient:
    """Asks a group's proxy for its ``/status``. ``deadline`` in seconds; real ones wait minutes."""

    http: ClientSession
    era: ManagerTraits
    deadline: float = 300.0
    _remembered: dict[str, tuple[float, Any]] = field(default_factory=dict)

    async def version(self, address: str | None) -> Any:
        """The value of ``wsproxy_version``; raises ``FaultError`` as the manager would answer."""
        if not address:
            if self.era.no_address is NoAddress.NOT_FOUND:
                raise FaultError(documents.NO_ADDRESS)
            return "v1"
        try:
            return (await self.status(address))["api_version"]
        except FaultError as error:
            if error.fault is documents.INTERNAL and _cannot_connect(error):
                raise FaultError(_REFUSED[self.era.refused]) from error
            raise

    async def status(self, address: str) -> Mapping[str, Any]:
        """The document at ``{address}/status``; raises ``FaultError``."""
        known = self._remembered.get(address)
        if known is not None and time.monotonic() < known[0]:
            return self._checked(known[1])
        try:
            document = await self._fetch(address)
        except ClientConnectorError as error:
            raise self._refused(address) from error
        except _NotJson as error:
            raise self._not_json(address) from error
        except (ClientError, OSError, ValueError, TimeoutError) as error:
            raise FaultError(documents.INTERNAL) from error
        if self.era.remembers:
            self._remembered[address] = time.monotonic() + self.era.remembers, document
        return self._checked(document)

    async def _fetch(self, address: str) -> Any:
        url = at(self.era, address, "/status")
        for attempt in range(self.era.tries - 1):
            try:
                return await self._once(url)
            except ClientConnectorError:
                raise
            except (ClientError, OSError):
                await asyncio.sleep(0.1 * 2**attempt)
            if self.http.closed:
                raise FaultError(documents.INTERNAL)
        return await self._once(url)

    async def _once(self, url: str) -> Any:
        timeout = ClientTimeout(total=self.deadline)
        headers = {"Accept": "application/json"} if self.era.asks_for_json else {}
        async with self.http.get(url, timeout=timeout, headers=headers) as answer:
            if answer.content_type != "application/json":
                raise _NotJson
            try:
                async with asyncio.timeout(self.deadline):
                    return json.loads(await _read(answer))
            except ValueError as error:
                raise _NotJson from error

    def _refused(self, address: str) -> FaultError:
        """Older managers have a name for it in ``version`` only."""
        if not self.era.checks_status:
            return FaultError(documents.INTERNAL)
        fault = _REFUSED[self.era.refused]
        return FaultError(fault, f"Failed to connect to AppProxy at {address}")

    def _not_json(self, address: str) -> FaultError:
        if not self.era.checks_status:
            return FaultError(documents.INTERNAL)
        return FaultError(documents.PROXY_ANSWER, f"Invalid response from AppProxy at {address}")

    def _checked(self, document: Any) -> Mapping[str, Any]:
        if not self.era.checks_status:
            if not isinstance(document, dict) or "api_version" not in document:
                raise FaultError(documents.INTERNAL)
            return document
        if not isinstance(document, dict):
            raise _schema([], "model_type", "Input should be a valid dictionary")
        if "api_version" not in document:
            raise _schema(["api_version"], "missing", "Field required")
        if not isinstance(document["api_version"], str):
            raise _schema(["api_version"], "string_type", "Input should be a valid string")
        return document


async def _read(answer: ClientResponse) -> bytes:
    """The body. One without end is waited for until the deadline; a real manager would read on."""
    body = bytearray()
    async for part in answer.content.iter_any():
        body += part
        if len(body) > LONGEST:
            await asyncio.get_running_loop().create_future()
    return bytes(body)


def at(era: ManagerTraits, address: str, path: str) -> str:
    """Where a manager of that era finds ``path`` of a proxy."""
    if era.keeps_path:
        return address + path
    return str(URL(address).with_path(path))


def _cannot_connect(error: FaultError) -> bool:
    return isinstance(error.__cause__, ClientConnectorError)


_REFUSED = {
    Refused.UNCAUGHT: documents.INTERNAL,
    Refused.MISCONFIGURED: documents.MISCONFIGURED,
    Refused.UNAVAILABLE: documents.PROXY_REFUSED_503,
    Refused.NAMED: documents.PROXY_REFUSED,
}


def _schema(location: list[str], kind: str, message: str) -> FaultError:
    entry = {"type": kind, "loc": location, "msg": message}
    text = "1 validation error for AppProxyStatusResponse"
    return FaultError(documents.BAD_SCHEMA, text, {"errors": [entry]})
