"""Where a group's address comes from: the settings, or the manager (design 3)."""

import asyncio
from collections.abc import Mapping
from typing import Protocol
from urllib.parse import quote

from wsproxy.core.address import Malformed, parse, shown
from wsproxy.core.failure import Failure, FailureKind
from wsproxy.core.manager_version import of_manager
from wsproxy.core.version import GroupUnknown, ManagerFault, NoAddress, Observation
from wsproxy.net.probe import Probe, ProbeRules


class AsksManager(Protocol):
    """A manager that can be asked with the gateway's own credentials."""

    async def get(self, path: str, query: Mapping[str, str]) -> tuple[int, bytes] | Failure:
        """Status and body of a signed ``GET``, or why there is none; may be cancelled."""
        ...


class Groups(Protocol):
    """Knows the groups. A text is an address to ask; anything else is the answer already."""

    async def find(self, group: str, project: str) -> str | Observation: ...

    async def close(self) -> None: ...


class SettingsGroups:
    """``[groups.NAME] address``; an empty or missing address is v1 on purpose."""

    def __init__(self, addresses: Mapping[str, str]) -> None:
        self._addresses = dict(addresses)

    async def find(self, group: str, project: str) -> str | Observation:
        if group not in self._addresses:
            return GroupUnknown()
        return self._addresses[group].strip() or NoAddress()

    async def close(self) -> None:
        """Nothing to close."""


class ManagerGroups:
    """Asks the manager, which asks the address itself (protocol 8.1). Its answers are kept.

    ``deadline`` in seconds: a manager whose address hangs takes up to 15 minutes (observed 1).
    ``keep``: seconds that a good answer holds.
    """

    def __init__(self, manager: AsksManager, deadline: float = 2.0, keep: float = 30.0) -> None:
        self._manager = manager
        self._deadline = deadline
        self._probe: Probe[tuple[str, str]] = Probe(self._ask, ProbeRules(keep=keep))

    async def find(self, group: str, project: str) -> str | Observation:
        return await self._probe.see((group, project))

    async def close(self) -> None:
        await self._probe.close()

    async def _ask(self, key: tuple[str, str]) -> Observation:
        group, project = key
        path = f"/scaling-groups/{quote(group, safe='')}/wsproxy-version"
        try:
            async with asyncio.timeout(self._deadline):
                answer = await self._manager.get(path, {"group": project} if project else {})
        except TimeoutError:
            return ManagerFault("silent")
        if isinstance(answer, Failure):
            return fault_of(answer)
        return of_manager(*answer)


def fault_of(failure: Failure) -> ManagerFault:
    """Nobody answered as a manager does."""
    return ManagerFault(_CODES.get(failure.kind, "refused"), failure.detail.rstrip("."))


_CODES: Mapping[FailureKind, str] = {
    FailureKind.UNRESOLVABLE: "unresolvable",
    FailureKind.CONNECT_TIMEOUT: "silent",
    FailureKind.FIRST_BYTE_TIMEOUT: "silent",
    FailureKind.TOTAL_TIMEOUT: "silent",
    FailureKind.TLS: "tls",
    FailureKind.MALFORMED_ANSWER: "not-a-manager",
    FailureKind.HEAD_TOO_LARGE: "not-a-manager",
}


class LayeredGroups:
    """The settings first: who wrote a group there means it. The manager knows the others."""

    def __init__(self, settings: SettingsGroups, manager: Groups) -> None:
        self._settings = settings
        self._manager = manager

    async def find(self, group: str, project: str) -> str | Observation:
        found = await self._settings.find(group, project)
        if found == GroupUnknown():
            return await self._manager.find(group, project)
        return found

    async def close(self) -> None:
        await self._settings.close()
        await self._manager.close()


def malformed(addresses: Mapping[str, str]) -> list[str]:
    """One warning for each unusable address in the settings: it gets its row, nothing stops."""
    found = []
    for group, address in addresses.items():
        if address.strip() and isinstance(wrong := parse(address.strip()), Malformed):
            found.append(f"group {group}: the address {shown(address)} is not usable: {wrong.why}")
    return found
