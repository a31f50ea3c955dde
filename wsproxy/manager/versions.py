"""The version report of a group: find its address, ask it, judge what was seen (design 3)."""

from wsproxy.core.address import shown
from wsproxy.core.version import VersionReport, judge
from wsproxy.manager.groups import Groups
from wsproxy.net.probe import Probe


class VersionReports:
    """Used by the version route, by front mode, and by whoever needs to know which version holds.

    Owns ``groups`` and ``probe``: closing it closes both.
    """

    def __init__(self, groups: Groups, probe: Probe[str]) -> None:
        self._groups = groups
        self._probe = probe

    async def report(self, group: str, project: str = "") -> VersionReport:
        """Which version holds for ``group``. Never raises; ends within the probe's deadline."""
        found = await self._groups.find(group, project)
        if isinstance(found, str):
            return await self.of_address(found)
        return judge(found)

    async def of_address(self, address: str) -> VersionReport:
        """Which version an address speaks."""
        return judge(await self._probe.see(address), shown(address))

    async def close(self) -> None:
        await self._groups.close()
        await self._probe.close()
