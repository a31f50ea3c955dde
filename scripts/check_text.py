#!/usr/bin/env python3
"""Check text files: ``check_text.py FILE…``. Not large, one newline at the end, no blanks there.

Exit 0: all good; 1: every fault was printed.
"""

import sys
from pathlib import Path

LARGEST = 500_000
"""Bytes. What is larger is data, and does not belong into the repository."""


def faults(path: Path) -> list[str]:
    data = path.read_bytes()
    found = []
    if len(data) > LARGEST:
        found.append(f"{path}: is larger than {LARGEST} bytes")
    if data and (not data.endswith(b"\n") or data.endswith(b"\n\n")):
        found.append(f"{path}: must end with one newline")
    if any(line.rstrip() != line for line in data.split(b"\n")):
        found.append(f"{path}: has blanks at the end of a line")
    return found


def main(arguments: list[str]) -> int:
    found = [fault for argument in arguments for fault in faults(Path(argument))]
    for fault in found:
        print(fault, file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
