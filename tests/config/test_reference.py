"""The sample and the page: every key, and nothing that the models do not say."""

import re
from pathlib import Path

from wsproxy.config.explain import section_keys
from wsproxy.config.load import load
from wsproxy.config.reference import page, sample, toml
from wsproxy.config.sections import Group
from wsproxy.config.settings import Settings


def loaded_from(text: str, tmp_path: Path) -> Settings:
    file = tmp_path / "sample.toml"
    file.write_text(text, encoding="utf-8")
    return load(file, {}).settings


def test_the_sample_as_printed_changes_nothing(tmp_path: Path) -> None:
    assert loaded_from(sample(), tmp_path) == Settings()


def test_every_key_of_the_sample_is_real_and_shows_its_default(tmp_path: Path) -> None:
    opened = re.sub(r"(?m)^#(?=[a-z\[])", "", sample())
    assert loaded_from(opened, tmp_path) == Settings(groups={"gpu": Group()})
    for section, keys in section_keys().items():
        assert f"[{'groups.gpu' if section == 'groups' else section}]" in opened
        for key in keys:
            assert re.search(rf"(?m)^{key} = ", opened), key


def test_every_key_is_explained() -> None:
    for section, keys in section_keys().items():
        for key, info in keys.items():
            assert info.description, f"{section}.{key}"
            assert info.description.rstrip().endswith((".", "?")), f"{section}.{key}"
            assert f"| `{key}` | " in page()


def test_text_is_quoted_as_toml_wants() -> None:
    assert toml('a"b\\c') == '"a\\"b\\\\c"'
    assert toml((1, True)) == "[1, true]"
