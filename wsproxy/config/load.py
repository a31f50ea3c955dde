"""From file and environment to checked settings.

``load`` merges, checks everything and reports all faults together. It only reads: nothing is
opened for traffic, bound or asked.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from wsproxy.config.checks import checked, warnings_of
from wsproxy.config.explain import convert
from wsproxy.config.settings import Settings
from wsproxy.config.sources import Raw, read_classic, read_dotenv, read_file, read_prefixed

DEFAULT_FILE = Path("wsproxy.toml")
DOTENV = Path(".env")


@dataclass(frozen=True, slots=True)
class Loaded:
    """Good settings, and what deserves a warning before starting. ``path`` None: no file."""

    settings: Settings
    warnings: tuple[str, ...] = ()
    path: Path | None = None


def environment(dotenv: Path = DOTENV) -> Mapping[str, str]:
    """The process's variables over those of a dotenv file."""
    return {**read_dotenv(dotenv), **os.environ}


def load(path: Path | None = None, environ: Mapping[str, str] | None = None) -> Loaded:
    """Settings from ``path`` and ``environ`` (default: the process's and ``.env``).

    Without a path ``wsproxy.toml`` is read if it is there. Raises ``SettingsError`` with every
    fault at once.
    """
    if path is None and DEFAULT_FILE.is_file():
        path = DEFAULT_FILE
    environ = environment() if environ is None else environ
    raw = Raw()
    if path is not None:
        read_file(raw, path)
    read_classic(raw, environ)
    read_prefixed(raw, environ, convert)
    settings = checked(raw)
    return Loaded(settings, tuple(raw.warnings) + warnings_of(settings), path)
