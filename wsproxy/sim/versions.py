"""``GET /scaling-groups/{sg}/wsproxy-version`` as managers of three eras answer it (observed 1).

A faithful copy of what they get wrong: the status of ``/status`` is not looked at, a dead address
is an error, and 26.2 calls a group without address "not found", which stops clients from deleting.
"""

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from aiohttp import ClientConnectorError, ClientError, ClientSession, ClientTimeout
from yarl import URL

from wsproxy.sim import documents
from wsproxy.sim.documents import Fault, FaultError
from wsproxy.sim.world import Era


class _NotJson(Exception):
    """``/status`` answered something else than JSON."""


@dataclass(frozen=True, slots=True)
class StatusClient:
    """Asks a group's proxy for its ``/status``. ``deadline`` in seconds; real ones wait minutes."""

    http: ClientSession
    era: Era
    deadline: float = 300.0

    async def version(self, address: str | None) -> Any:
        """The value of ``wsproxy_version``; raises ``FaultError`` as the manager would answer."""
        if not address:
            if self.era is Era.M26_2:
                raise FaultError(documents.NO_ADDRESS)
            return "v1"
        return (await self.status(address))["api_version"]

    async def status(self, address: str) -> Mapping[str, Any]:
        """The document at ``{address}/status``; raises ``FaultError``."""
        try:
            document = await self._fetch(address)
        except ClientConnectorError as error:
            raise self._refused(address) from error
        except _NotJson as error:
            raise self._not_json(address) from error
        except (ClientError, OSError, ValueError, TimeoutError) as error:
            raise FaultError(documents.INTERNAL) from error
        return self._checked(document)

    async def _fetch(self, address: str) -> Any:
        if self.era is Era.M23_09:
            return await self._once(f"{address}/status")  # a trailing slash makes //status
        url = str(URL(address).with_path("/status"))  # a path in the address is lost
        for pause in (0.1, 0.2):
            try:
                return await self._once(url)
            except ClientConnectorError:
                raise
            except (ClientError, OSError):
                await asyncio.sleep(pause)
        return await self._once(url)

    async def _once(self, url: str) -> Any:
        timeout = ClientTimeout(total=self.deadline)
        headers = {"Accept": "application/json"}
        async with self.http.get(url, timeout=timeout, headers=headers) as answer:
            if answer.content_type != "application/json":
                raise _NotJson
            try:
                return json.loads(await answer.read())
            except ValueError as error:
                raise _NotJson from error

    def _refused(self, address: str) -> FaultError:
        return _REFUSED[self.era](address)

    def _not_json(self, address: str) -> FaultError:
        if self.era is Era.M23_09:
            return FaultError(documents.INTERNAL)
        return FaultError(documents.PROXY_ANSWER, f"Invalid response from AppProxy at {address}")

    def _checked(self, document: Any) -> Mapping[str, Any]:
        if self.era is Era.M23_09:
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


def _named(fault: Fault) -> Callable[[str], FaultError]:
    return lambda address: FaultError(fault, f"Failed to connect to AppProxy at {address}")


_REFUSED: Mapping[Era, Callable[[str], FaultError]] = {
    Era.M23_09: lambda _address: FaultError(documents.MISCONFIGURED),
    Era.M26_2: _named(documents.PROXY_REFUSED_503),
    Era.M26_8: _named(documents.PROXY_REFUSED),
}


def _schema(location: list[str], kind: str, message: str) -> FaultError:
    entry = {"type": kind, "loc": location, "msg": message}
    text = "1 validation error for AppProxyStatusResponse"
    return FaultError(documents.BAD_SCHEMA, text, {"errors": [entry]})
