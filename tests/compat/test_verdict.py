"""What should work, and what is said of what was seen: tables."""

from dataclasses import replace

import aiohttp
import pytest

from wsproxy.compat.eras.clients import clients
from wsproxy.compat.eras.managers import managers, traits_of
from wsproxy.compat.matrix import HEALTHY, Cell, cells
from wsproxy.compat.verdict import (
    IN_TIME,
    MANAGERS_SAY,
    THIS_GATEWAY,
    Asked,
    Kind,
    Report,
    Seen,
    Should,
    Sign,
    judged,
    says_why,
    should,
    unplayed,
)
from wsproxy.compat.zoo.table import ANIMALS
from wsproxy.core.wire import Version
from wsproxy.sim.documents import FaultError
from wsproxy.sim.versions import StatusClient

V1_PROXY = Kind(front=False, v1=True, v2=False)
V2_PROXY = Kind(front=False, v1=False, v2=True)
OTHER_FRONT = Kind(front=True, v1=True, v2=True)


def wanted(name: str, kind: Kind = THIS_GATEWAY) -> Should:
    player, mode, animal = name.split("/")
    row = clients()[player]
    return should(
        row, kind, Cell(player, Version(mode), animal), traits_of(managers()[row.manager])
    )


@pytest.mark.parametrize(
    ("name", "kind", "launches"),
    [
        # this gateway
        ("webui-22.09/v1/healthy", THIS_GATEWAY, True),
        ("webui-22.09/v2/healthy", THIS_GATEWAY, True),
        ("webui-22.09/v1/refuse", THIS_GATEWAY, True),
        ("webui-22.09/v2/refuse", THIS_GATEWAY, True),
        ("webui-22.09/v1/healthy-v1", THIS_GATEWAY, True),
        ("webui-22.09/v1/healthy-v2", THIS_GATEWAY, False),
        ("webui-22.09/v1/ipv6-only", THIS_GATEWAY, False),
        ("webui-22.09/v1/text-plain", THIS_GATEWAY, False),
        ("webui-22.09/v1/redirect", THIS_GATEWAY, False),
        ("webui-22.09/v2/healthy-v2", THIS_GATEWAY, True),
        # those that know v1 alone do not care
        ("webui-20.09/v1/healthy-v2", THIS_GATEWAY, True),
        ("desktop-26.8/v1/healthy-v2", THIS_GATEWAY, True),
        ("python-client-26.8/v1/hang", THIS_GATEWAY, True),
        # a front that does not know the addresses believes the manager
        ("webui-22.09/v1/text-plain", OTHER_FRONT, True),
        ("webui-22.09/v1/trailing-slash", OTHER_FRONT, False),
        # proxies that nobody asks through
        ("webui-22.09/v1/healthy", V1_PROXY, True),
        ("webui-22.09/v2/healthy", V1_PROXY, False),
        ("desktop-22.09/v2/healthy", V1_PROXY, True),
        ("webui-22.09/v2/refuse", V2_PROXY, True),
        ("webui-22.09/v1/healthy", V2_PROXY, False),
        ("webui-22.09/v1/refuse", V1_PROXY, False),
        ("desktop-22.09/v1/refuse", V1_PROXY, True),
        ("python-client-22.09/v1/refuse", V2_PROXY, True),
    ],
)
def test_what_should_be_launched(name, kind, launches):
    assert wanted(name, kind).launch is launches


GOOD_V1, GOOD_V2 = Report("v1", "confirmed"), Report("v2", "confirmed")
REFUSED = Report("v1", "address-refused")


@pytest.mark.parametrize(
    ("name", "kind", "reports"),
    [
        ("webui-26.8/v1/healthy", THIS_GATEWAY, (GOOD_V1, GOOD_V1)),
        ("webui-26.8/v2/healthy", THIS_GATEWAY, (GOOD_V2, GOOD_V2)),
        ("webui-26.8/v1/refuse", THIS_GATEWAY, (REFUSED, REFUSED)),
        ("webui-26.8/v2/refuse", THIS_GATEWAY, (GOOD_V2, REFUSED)),
        ("webui-26.8/v2/503-with-good-body", THIS_GATEWAY, (GOOD_V2, GOOD_V2)),
        ("webui-26.8/v2/refuse", OTHER_FRONT, (GOOD_V2, Report("v1"))),
        ("webui-20.09/v2/refuse", THIS_GATEWAY, (GOOD_V2,)),
        ("desktop-26.8/v2/refuse", THIS_GATEWAY, ()),
        ("python-client-26.8/v2/refuse", THIS_GATEWAY, ()),
        ("webui-26.8/v2/refuse", V2_PROXY, None),
    ],
)
def test_what_should_be_reported(name, kind, reports):
    assert wanted(name, kind).reports == reports


def test_no_address_is_told_as_such_where_the_manager_calls_it_an_error():
    row = clients()["webui-26.8"]
    found = should(
        row,
        THIS_GATEWAY,
        Cell(row.name, Version.V1, HEALTHY),
        traits_of(managers()["manager-26.2"]),
    )
    assert found.reports == (Report("v1", "address-not-set"),) * 2


def test_every_cell_has_an_expectation():
    for cell in cells(clients(), ANIMALS):
        for kind in (THIS_GATEWAY, OTHER_FRONT, V1_PROXY, V2_PROXY):
            wanted(cell.name, kind)


@pytest.mark.parametrize("era", ["manager-22.03", "manager-26.4"])
@pytest.mark.parametrize("animal", ANIMALS.values(), ids=list(ANIMALS))
async def test_managers_believe_exactly_these(animal, era):
    """What a front hears from its manager decides what it should report."""
    deadline = 30.0 if animal.name in MANAGERS_SAY else 1.0  # the others may be waited for in vain
    async with aiohttp.ClientSession() as http, animal() as address:
        client = StatusClient(http, traits_of(managers()[era]), deadline=deadline)
        try:
            said = await client.version(address)
        except FaultError:
            said = None
    believed = said if said in ("v1", "v2") else None
    assert believed == MANAGERS_SAY.get(animal.name)


WELL = Seen(
    launched=True,
    launch="page and WebSocket work",
    asked=(Asked(200, GOOD_V2, 0.1), Asked(200, REFUSED, 0.2)),
    deleted=True,
    deletion="deleted",
    left=0,
    seconds=1.0,
)
WANTED = Should(launch=True, reports=(GOOD_V2, REFUSED))


def second(asked: Asked) -> Seen:
    return replace(WELL, asked=(WELL.asked[0], asked))


@pytest.mark.parametrize(
    ("seen", "signs", "said"),
    [
        (WELL, "GOOD GOOD GOOD GOOD", ()),
        (
            replace(WELL, launched=False, launch="launch given up"),
            "BAD GOOD GOOD GOOD",
            ("launch given up",),
        ),
        (
            replace(WELL, launched=False, launch="answered 503"),
            "BAD GOOD GOOD GOOD",
            ("launch: answered 503",),
        ),
        (replace(WELL, deleted=False, deletion="why"), "GOOD GOOD BAD GOOD", ("not deleted: why",)),
        (replace(WELL, left=2), "GOOD GOOD GOOD BAD", ("2 circuits stayed open",)),
        (replace(WELL, left=None), "GOOD GOOD GOOD NONE", ()),
        (replace(WELL, asked=()), "GOOD BAD GOOD GOOD", ("report: asked 0 times, not 2",)),
        (
            second(Asked(500, REFUSED, 0.1)),
            "GOOD BAD GOOD GOOD",
            ("report: answered 500",),
        ),
        (second(Asked(0, Report(""), 0.1)), "GOOD BAD GOOD GOOD", ("report: no answer",)),
        (
            second(Asked(200, REFUSED, IN_TIME + 1)),
            "GOOD BAD GOOD GOOD",
            ("report: answered after 4.0 s",),
        ),
        (
            second(Asked(200, GOOD_V2, 0.1)),
            "GOOD BAD GOOD GOOD",
            ("report: says v2, not v1",),
        ),
        (
            second(Asked(200, Report("v1", "address-silent"), 0.1)),
            "GOOD BAD GOOD GOOD",
            ("report: the reason is address-silent, not address-refused",),
        ),
        (
            second(Asked(200, Report("v1"), 0.1)),
            "GOOD BAD GOOD GOOD",
            ("report: the reason is not told, not address-refused",),
        ),
    ],
)
def test_the_verdict(seen, signs, said):
    verdict = judged(WANTED, seen)
    assert " ".join(sign.name for sign in verdict.signs) == signs
    assert verdict.said == said
    assert verdict.good is (not said)


def test_what_need_not_work_is_no_failure():
    verdict = judged(Should(launch=False, reports=None), replace(WELL, launched=False, left=3))
    assert [sign.name for sign in verdict.signs] == ["IDLE", "NONE", "GOOD", "IDLE"]
    assert verdict.good and verdict.reported == "v1 address-refused"


def test_any_reason_is_one_that_there_is():
    any_reason = Should(launch=True, reports=(GOOD_V2, Report("v1")))
    assert judged(any_reason, second(Asked(200, Report("v1", "manager-silent"), 0.1))).good
    for reason in ("", "confirmed", "because"):
        assert not judged(any_reason, second(Asked(200, Report("v1", reason), 0.1))).good
    assert says_why("address-answers-404") and not says_why("address-not-set")


@pytest.mark.parametrize("reason", ["address-silent", "manager-silent"])
def test_that_somebody_was_called_silent_is_noted(reason):
    assert judged(WANTED, second(Asked(200, Report("v1", reason), 0.1))).silenced
    assert not judged(WANTED, WELL).silenced


def test_the_last_report_is_told():
    assert judged(WANTED, replace(WELL, asked=())).reported == ""
    assert judged(WANTED, second(Asked(503, Report(""), 0.1))).reported == "503"
    assert judged(WANTED, second(Asked(0, Report(""), 0.1))).reported == "no answer"
    assert judged(WANTED, WELL).slowest == 0.2


def test_a_cell_that_was_not_played_is_not_good():
    verdict = unplayed("out of time")
    assert not verdict.good and verdict.said == ("not played: out of time",)
    assert set(verdict.signs) == {Sign.NONE}
