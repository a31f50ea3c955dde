"""The settings as documents, made from the models: a commented sample, and the reference page."""

import textwrap
from collections.abc import Iterator
from typing import Any, Literal, get_args, get_origin

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from wsproxy.config.explain import section_keys
from wsproxy.config.settings import Settings
from wsproxy.config.sources import CLASSIC

SAMPLE_HEAD = """\
# wsproxy.toml: settings of a wsproxy gateway.
#
# Every key is here with its default; remove the '#' before a key to change it. Each key is also
# read from the environment, as WSPROXY__<SECTION>__<KEY>: WSPROXY__GATEWAY__BIND,
# WSPROXY__GROUPS__GPU__ADDRESS. `wsproxy config check` tells everything that is wrong at once.
"""

PAGE_HEAD = """\
# Settings

`wsproxy serve -c wsproxy.toml` reads them once, at start. `wsproxy config sample` prints a file
with every key, `wsproxy config check` tells everything that is wrong at once, with the line. This
page is generated from the code (`make docs`).

Every key is also read from the environment as `WSPROXY__<SECTION>__<KEY>`, in capitals and with `_`
for `-`: `WSPROXY__GATEWAY__ADMIN_BIND`, `WSPROXY__GROUPS__GPU__ADDRESS`. A list is written with
commas or as a JSON array. Later sources win: file, then classic variables, then `WSPROXY__…`; a
`.env` file in the working directory is read like the environment, which wins over it.
"""


def sample() -> str:
    """A settings file with every key commented out: as it stands, it changes nothing."""
    return SAMPLE_HEAD + "".join(_sample_section(name) for name in section_keys())


def _sample_section(name: str) -> str:
    groups = name == "groups"
    lines = ["", *_comment(summary(name))]
    lines.append("#[groups.gpu]" if groups else f"[{name}]")
    for key, info in section_keys()[name].items():
        lines += _comment(info.description or "")
        lines.append(f"#{key} = {toml(info.default)}")
    return "\n".join(lines) + "\n"


def _comment(text: str) -> list[str]:
    return textwrap.wrap(text, 96, initial_indent="# ", subsequent_indent="# ")


def summary(section: str) -> str:
    """The docstring of a section's model, as one line."""
    model = Settings.model_fields[section].annotation
    if get_origin(model) is dict:
        model = get_args(model)[1]
    return " ".join((getattr(model, "__doc__", "") or "").split())


def toml(value: Any) -> str:
    """A default as it would be written in the file."""
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, tuple):
        return "[" + ", ".join(toml(item) for item in value) + "]"
    return '"' + str(value).replace("\\", "\\\\").replace('"', '\\"') + '"'


def kind(info: FieldInfo) -> str:
    """The type of a key in one or two words."""
    annotation = info.annotation
    if get_origin(annotation) is Literal:
        return " or ".join(f'`"{value}"`' for value in get_args(annotation))
    if get_origin(annotation) is tuple:
        return "list of text"
    names: dict[Any, str] = {bool: "true or false", int: "whole number", float: "number"}
    return names.get(annotation, "text")


def page() -> str:
    """``docs/settings.md``."""
    tables = ["".join(_page_section(section)) for section in section_keys()]
    return "\n".join([PAGE_HEAD, *tables, "".join(_page_classic())])


def _page_section(section: str) -> Iterator[str]:
    title = "groups.NAME" if section == "groups" else section
    yield f"## [{title}]\n\n{summary(section)}\n\n"
    yield "| key | type | default | meaning |\n|---|---|---|---|\n"
    for key, info in section_keys()[section].items():
        meaning = (info.description or "").replace("|", "\\|")
        yield f"| `{key}` | {kind(info)} | `{toml(info.default)}` | {meaning} |\n"


def _page_classic() -> Iterator[str]:
    yield "## Classic variables\n\nWhat the older local proxy read, under the same names.\n\n"
    yield "| variable | sets | meaning |\n|---|---|---|\n"
    for name, (sets, meaning) in CLASSIC.items():
        yield f"| `{name}` | {sets} | {meaning} |\n"
