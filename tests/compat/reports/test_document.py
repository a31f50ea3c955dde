"""The JSON of a run: its shape is a promise."""

import json

from tests.support.results import MIXED, NASTY
from wsproxy.compat.reports.document import document


def test_the_shape():
    said = json.loads(document(MIXED))
    cells = said.pop("cells")
    assert said.pop("wsproxy")
    assert said == {
        "target": "this gateway",
        "good": False,
        "fault": "",
        "seconds": 12.346,
        "counts": {"cells": 6, "good": 4, "bad": 2, "unplayed": 1},
    }
    assert cells[1] == {
        "name": "webui-22.09/v1/refuse",
        "client": "webui-22.09",
        "mode": "v1",
        "address": "refuse",
        "proxy": "",
        "manager": "",
        "good": False,
        "played": True,
        "launch": "fails",
        "report": "works",
        "deletion": "fails",
        "circuits": "works",
        "reported": "v1 address-refused",
        "seconds": 1.25,
        "slowest_report": 0.5,
        "said": [f"launch: {NASTY}", "not deleted: why"],
    }
    assert cells[5]["played"] is False and cells[5]["launch"] == "not asked"
