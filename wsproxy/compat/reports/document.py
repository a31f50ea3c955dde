"""A run as JSON. The shape is described in ``docs/compat.md``; keys are only ever added."""

import json
from typing import Any

from wsproxy import __version__
from wsproxy.compat.outcome import Run
from wsproxy.compat.play import Result


def document(run: Run) -> str:
    return json.dumps(as_object(run), indent=2, ensure_ascii=False) + "\n"


def as_object(run: Run) -> dict[str, Any]:
    played = [result for result in run.results if result.verdict.played]
    return {
        "wsproxy": __version__,
        "target": run.target,
        "good": run.good,
        "fault": run.fault,
        "seconds": round(run.seconds, 3),
        "counts": {
            "cells": len(run.results),
            "good": len(run.results) - len(run.bad),
            "bad": len(run.bad),
            "unplayed": len(run.results) - len(played),
        },
        "cells": [_cell(result) for result in run.results],
    }


def _cell(result: Result) -> dict[str, Any]:
    cell, verdict = result.cell, result.verdict
    return {
        "name": cell.name,
        "client": cell.player,
        "mode": cell.mode.value,
        "address": cell.animal,
        "proxy": cell.proxy,
        "manager": cell.manager,
        "good": verdict.good,
        "played": verdict.played,
        "launch": verdict.launch.value,
        "report": verdict.report.value,
        "deletion": verdict.deletion.value,
        "circuits": verdict.circuits.value,
        "reported": verdict.reported,
        "seconds": round(verdict.seconds, 3),
        "slowest_report": round(verdict.slowest, 3),
        "said": list(verdict.said),
    }
