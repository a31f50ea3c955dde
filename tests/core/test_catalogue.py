import re

import pytest

from wsproxy.core.catalogue import CATALOGUE


@pytest.mark.parametrize("code", sorted(CATALOGUE))
def test_an_entry_is_complete(code):
    entry = CATALOGUE[code]
    assert re.fullmatch(r"(appproxy/)?[a-z]+(-[a-z]+)*", code)
    assert 400 <= entry.status < 600
    assert entry.title.endswith(".")
    assert re.fullmatch(r"[a-z]+_[a-z]+_[a-z-]+", entry.error_code)
    assert entry.mend.endswith(".")
