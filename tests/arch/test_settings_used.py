"""No setting is only decoration: each is read where the gateway is put together."""

import re
from pathlib import Path

import pytest

from wsproxy.config.explain import section_keys

ROOT = Path(__file__).resolve().parents[2] / "wsproxy"
READERS = [*(ROOT / "app").glob("*.py"), ROOT / "cli/serve.py", ROOT / "config/settings.py"]

LATER = {("engine", "kind")}
"""Only their default is accepted in this release (``config.relations``)."""

KEYS = [
    (section, key)
    for section, keys in section_keys().items()
    for key in keys
    if (section, key) not in LATER
]


@pytest.mark.parametrize(("section", "key"), KEYS)
def test_the_setting_has_an_effect(section: str, key: str) -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in READERS)
    owner = {"groups": "group"}.get(section, section.replace("-", "_"))
    read = rf"\b{owner}\.{key.replace('-', '_')}\b"
    assert re.search(read, text), f"[{section}] {key} is never read"
