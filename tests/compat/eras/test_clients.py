"""The clients' rows: all load, each fact stands where its sources put it."""

import re
from importlib.resources import files

import pytest

from wsproxy.compat.eras.clients import FILE, Client, ProxyToken, StillDeletes, clients
from wsproxy.compat.eras.rows import EraError, Peer, read

SECTIONS = {
    "P": {*map(str, range(1, 14)), *(f"2.{n}" for n in range(1, 9)), "3.1", "3.2", "3.3", "3.4"}
    | {"3.5", *(f"5.{n}" for n in range(1, 9)), *(f"7.{n}" for n in range(1, 11))}
    | {"8.1", "8.2", "8.3", "8.4", *(f"9.{n}" for n in range(1, 6))},
    "O": set(map(str, range(1, 8))),
}
RECORDINGS = {"webui-23.09", "webui-26.8", "python-client"}
MANAGERS = {"22.03", "22.09", "23.03", "23.09", "25.12", "26.2", "26.3", "26.4"}

LINES = (
    *("webui-20.09", "webui-22.03", "webui-22.09", "webui-23.03", "webui-24.03", "webui-25.3"),
    *("webui-25.15", "webui-26.8", "webui-26.9", "desktop-22.09", "desktop-24.03", "desktop-26.8"),
    *("python-client-22.09", "python-client-24.03", "python-client-26.8"),
)


def test_every_release_line_is_there():
    assert tuple(clients()) == LINES


@pytest.mark.parametrize("name", LINES)
def test_a_row_names_sources_that_exist_and_the_manager_of_its_time(name):
    row = clients()[name]

    assert row.name == name == f"{row.peer}-{name.removeprefix(f'{row.peer}-')}"
    assert row.manager.removeprefix("manager-") in MANAGERS
    for source in row.sources:
        kind, _, rest = source.partition(" ")
        if rest:
            assert rest in SECTIONS[kind], source
        else:
            assert source.split("/")[1] in RECORDINGS, source


@pytest.mark.parametrize("name", [name for name in LINES if not name.startswith("python")])
def test_a_closing_path_names_the_session(name):
    ui = clients()[name].ui
    assert ui is not None
    assert "/{session}/" in ui.close_path
    assert re.fullmatch(r"[\w/=?{}-]+", ui.close_path)


DELETIONS = [
    # P 9.3: who deletes after which failure, with whose token, within which time
    ("webui-22.03", StillDeletes.NONE, ProxyToken.ACCESS_KEY, True, None),
    ("webui-22.09", StillDeletes.NONE, ProxyToken.ACCESS_KEY, True, None),
    ("webui-23.03", StillDeletes.ON_404_AND_500, ProxyToken.ACCESS_KEY, True, None),
    ("webui-25.15", StillDeletes.ON_404_AND_500, ProxyToken.ACCESS_KEY, True, None),
    ("webui-26.8", StillDeletes.ANY, ProxyToken.OF_CONF, False, 10.0),
    ("webui-26.9", StillDeletes.ANY, ProxyToken.OF_CONF, False, 10.0),
]


@pytest.mark.parametrize(("name", "rule", "token", "stops", "budget"), DELETIONS)
def test_how_each_age_deletes(name, rule, token, stops, budget):
    ui = clients()[name].ui
    assert ui is not None
    said = (ui.still_deletes, ui.token, ui.gone_stops_delete, ui.cleanup_seconds)
    assert said == (rule, token, stops, budget)


def _rows() -> str:
    return files("wsproxy.compat.eras").joinpath(FILE).read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('mode = "SESSION"', 'mode = "TELEPATHY"', "clients.toml: era webui-20.09: ui.mode: "),
        ("postfix = ", "suffix = ", "clients.toml: era webui-20.09: ui.postfix: "),
        ('"webui-20.09".ui]', '"webui-20.09".cli]', "clients.toml: era webui-20.09: cli."),
        (
            'peer = "webui"',
            'peer = "python-client"',
            "clients.toml: era webui-20.09: : Value error",
        ),
        (
            "destroy_retries = 2",
            "destroy_retries = -2",
            "clients.toml: era webui-20.09: ui.destroy",
        ),
        ('"manager-22.03"', '"boss"', "clients.toml: era webui-20.09: manager: "),
    ],
)
def test_a_malformed_row_is_named_with_its_field(old, new, said):
    with pytest.raises(EraError) as raised:
        read(_rows().replace(old, new, 1), Client, FILE)

    assert str(raised.value).startswith(said)


def test_a_browser_needs_the_facts_of_a_browser():
    text = _rows().replace('peer = "python-client"', 'peer = "desktop"', 1)

    with pytest.raises(EraError, match=r"era python-client-22\.09: .*a WebUI has a table ui"):
        read(text, Client, FILE)
    assert {row.peer for row in clients().values()} == {
        Peer.WEBUI,
        Peer.DESKTOP,
        Peer.PYTHON_CLIENT,
    }
