"""Reads rows of eras, and says which row is wrong and why."""

import tomllib
from collections.abc import Mapping
from enum import StrEnum
from importlib.resources import files
from typing import Annotated, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError


class EraError(ValueError):
    """A row that cannot be used, or a name that no row has. The message names it."""


class Peer(StrEnum):
    """The programs whose ages differ."""

    WEBUI = "webui"
    DESKTOP = "desktop"
    PYTHON_CLIENT = "python-client"
    MANAGER = "manager"
    NODE_PROXY = "node-proxy"
    PYTHON_PROXY = "python-proxy"
    APP_PROXY = "app-proxy"


Source = Annotated[str, Field(pattern=r"^(P \d+(\.\d+)?|O \d+|transcripts/[\w./-]+)$")]
"""A section of the protocol's description, an observation, or a recording."""


class Row(BaseModel):
    """What every row has. ``releases`` is for people: "23.03 to 24.09"."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    peer: Peer
    releases: str
    about: str
    sources: tuple[Source, ...] = Field(min_length=1)


R = TypeVar("R", bound=Row)


def packaged(file: str, model: type[R]) -> Mapping[str, R]:
    """The rows of a file of this package, by name."""
    text = files("wsproxy.compat.eras").joinpath(file).read_text(encoding="utf-8")
    return read(text, model, file)


def read(text: str, model: type[R], file: str) -> Mapping[str, R]:
    """Rows of TOML ``text``, one table each; raises ``EraError`` naming file, row and field."""
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise EraError(f"{file}: {error}") from None
    return {name: _row(name, table, model, file) for name, table in tables.items()}


def _row(name: str, table: object, model: type[R], file: str) -> R:
    if not isinstance(table, dict):
        raise EraError(f"{file}: {name} is no table")
    try:
        return model.model_validate({"name": name, **table})
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise EraError(f"{file}: era {name}: {where}: {first['msg']}") from None


def chosen(name: str, rows: Mapping[str, R]) -> R:
    """The row of that name; raises ``EraError`` with the names there are."""
    if name not in rows:
        raise EraError(f"unknown era {name!r}; known: {', '.join(rows)}")
    return rows[name]
