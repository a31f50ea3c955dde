#!/usr/bin/env python3
"""Fail unless coverage is above its floors: ``coverage_floor.py coverage.xml``.

Lines and branches of ``wsproxy/core`` must all be covered, of the whole package more than 90 %.
Exit 0: above; 1: below, and which files are to blame; 2: no usable report.
"""

import re
import sys
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass

CORE = "core/"
CORE_FLOOR = 100.0
PACKAGE_FLOOR = 90.0


@dataclass(frozen=True)
class Covered:
    """Lines and branch ends of one file: how many there are, and how many ran."""

    name: str
    total: int
    hit: int

    @property
    def missing(self) -> int:
        return self.total - self.hit


def read(path: str) -> list[Covered]:
    """Files of a Cobertura report, by their path in the package."""
    root = ElementTree.parse(path).getroot()
    return [_file(element) for element in root.iter("class")]


def _file(element: ElementTree.Element) -> Covered:
    total = hit = 0
    for line in element.iter("line"):
        total += 1
        hit += line.get("hits") != "0"
        if branches := re.search(r"\((\d+)/(\d+)\)", line.get("condition-coverage", "")):
            hit += int(branches[1])
            total += int(branches[2])
    name = element.get("filename", "").removeprefix("wsproxy/")
    return Covered(name, total, hit)


def percent(files: list[Covered]) -> float:
    total = sum(file.total for file in files)
    return 100.0 * sum(file.hit for file in files) / total if total else 0.0


def main(arguments: list[str]) -> int:
    try:
        files = read(arguments[0])
    except (IndexError, OSError, ElementTree.ParseError) as error:
        print(f"coverage: no usable report: {error}", file=sys.stderr)
        return 2
    core = [file for file in files if file.name.startswith(CORE)]
    of_core, of_all = percent(core), percent(files)
    print(f"coverage: core {of_core:.2f} %, package {of_all:.2f} %")
    good = True
    if of_core < CORE_FLOOR:
        good = False
        blame = [f"{file.name} ({file.missing})" for file in core if file.missing]
        print(f"coverage: core must be 100 %; missing: {', '.join(blame)}", file=sys.stderr)
    if of_all <= PACKAGE_FLOOR:
        good = False
        worst = sorted(files, key=lambda file: -file.missing)[:10]
        blame = [f"{file.name} ({file.missing})" for file in worst]
        print(f"coverage: over {PACKAGE_FLOOR} % is wanted: {', '.join(blame)}", file=sys.stderr)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
