#!/usr/bin/env python3
"""Check the names and the text of news fragments: ``check_fragments.py [FILE…]``.

Without files all of ``changes/`` is checked. Exit 0: all good; 1: every fault was printed.
"""

import re
import sys
from pathlib import Path

TYPES = ("breaking", "feature", "fix", "misc")
NOT_FRAGMENTS = ("README.md", ".gitkeep")
NAME = re.compile(rf"(\d+|\+[a-z0-9][a-z0-9-]*)\.({'|'.join(TYPES)})\.md")


def faults(path: Path) -> list[str]:
    if path.name in NOT_FRAGMENTS:
        return []
    if not NAME.fullmatch(path.name):
        wanted = "<issue>.<type>.md or +<slug>.<type>.md"
        return [f"{path}: the name must be {wanted}; types: {', '.join(TYPES)}"]
    text = path.read_text(encoding="utf-8").strip()
    if not text.endswith((".", "!")):
        return [f"{path}: must hold one or two whole sentences"]
    return []


def main(arguments: list[str]) -> int:
    paths = [Path(argument) for argument in arguments] or sorted(Path("changes").iterdir())
    found = [fault for path in paths for fault in faults(path)]
    for fault in found:
        print(fault, file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
