"""Where a stable code is explained: ``docs/errors.md`` has one row, and one anchor, for each.

A code is a word of its own, or one with a number at its end (``address-answers-404``); all of those
share a row.
"""

import re

PAGE = "docs/errors.md"

_NUMBER = re.compile(r"-\d+$")


def anchor(code: str) -> str:
    """The anchor of a code's row.

    >>> anchor("address-answers-404"), anchor("appproxy/no-free-port")
    ('address-answers-n', 'appproxy-no-free-port')
    """
    return _NUMBER.sub("-n", code).replace("/", "-").lower()


def see(code: str) -> str:
    """Where a person reads about it."""
    return f"{PAGE}#{anchor(code)}"
