"""From the name of a group to its report, on real addresses."""

import pytest

from wsproxy.compat.zoo.table import ANIMALS
from wsproxy.manager.groups import SettingsGroups
from wsproxy.manager.versions import VersionReports
from wsproxy.net.asking import Asker, AskRules
from wsproxy.net.probe import Probe, asking


def reports_of(groups: dict[str, str]) -> VersionReports:
    return VersionReports(SettingsGroups(groups), Probe(asking(Asker(AskRules(deadline=10.0)))))


@pytest.mark.parametrize("name", ["healthy-v1", "healthy-v2", "refuse", "no-scheme", "404"])
async def test_a_group_is_as_good_as_its_address(name):
    animal = ANIMALS[name]
    async with animal() as address:
        reports = reports_of({"g": address})
        report = await reports.report("g")
        again = await reports.of_address(address)
        await reports.close()
    assert (report.reason, report.version) == (animal.reason, animal.version)
    assert report.address == address
    assert again == report


async def test_without_an_address_and_without_a_group():
    reports = reports_of({"g": ""})
    assert (await reports.report("g")).reason == "address-not-set"
    assert (await reports.report("other", "project")).reason == "group-not-found"
    await reports.close()
    await reports.close()


async def test_credentials_of_an_address_are_not_told():
    reports = reports_of({"g": "http://user:secret@127.0.0.1:0"})
    report = await reports.report("g")
    await reports.close()
    assert report.reason == "address-malformed"
    assert "secret" not in repr(report)
