"""Rows of eras: what is wrong with one is said with its name."""

import pytest

from wsproxy.compat.eras.rows import EraError, Peer, Row, chosen, read

GOOD = """
["webui-1"]
peer = "webui"
releases = "1.0 to 1.1"
about = "the first"
sources = ["P 9.2", "O 3", "transcripts/webui-23.09/v1_app_terminal_terminate.txt"]
"""


def test_a_row_has_its_name_and_its_sources():
    row = read(GOOD, Row, "clients.toml")["webui-1"]

    assert (row.name, row.peer, row.releases) == ("webui-1", Peer.WEBUI, "1.0 to 1.1")
    assert row.sources[0] == "P 9.2"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (GOOD.replace('"webui"', '"kettle"'), "clients.toml: era webui-1: peer: "),
        (GOOD + "colour = 3\n", "clients.toml: era webui-1: colour: "),
        (GOOD.replace("about", "# about"), "clients.toml: era webui-1: about: "),
        (GOOD.replace("P 9.2", "hearsay"), "clients.toml: era webui-1: sources.0: "),
        ("webui-1 = 3", "clients.toml: webui-1 is no table"),
        ("[webui-1", "clients.toml: "),
    ],
)
def test_a_malformed_row_is_named(text, said):
    with pytest.raises(EraError) as raised:
        read(text, Row, "clients.toml")

    assert str(raised.value).startswith(said)


def test_an_unknown_era_is_told_with_the_known_ones():
    rows = read(GOOD, Row, "clients.toml")

    assert chosen("webui-1", rows).about == "the first"
    with pytest.raises(EraError, match="unknown era 'webui-2'; known: webui-1"):
        chosen("webui-2", rows)
