"""``wsproxy config check`` and ``wsproxy config sample``."""

from pathlib import Path

import click

from wsproxy.cli import output
from wsproxy.config.complaints import SettingsError
from wsproxy.config.load import Loaded, load
from wsproxy.config.reference import sample
from wsproxy.core.wire import Version

config_option = click.option(
    "-c",
    "--config",
    "path",
    type=click.Path(path_type=Path),
    help="Settings file. Without it ./wsproxy.toml is read if it is there.",
)


def load_or_exit(path: Path | None) -> Loaded:
    """Settings; or every complaint on stderr, and exit code 2."""
    try:
        return load(path)
    except SettingsError as error:
        report(error)
        raise click.exceptions.Exit(output.EXIT_USAGE) from None


def report(error: SettingsError) -> None:
    for complaint in error.complaints:
        click.echo(str(complaint), err=True)
    count = len(error.complaints)
    output.error(f"{count} {'fault' if count == 1 else 'faults'} in the settings; nothing started")


@click.group(name="config")
def command() -> None:
    """Check a settings file, or print a commented sample."""


@command.command(name="check")
@config_option
@output.json_option
def check(path: Path | None, as_json: bool) -> None:
    """Tell everything that is wrong with the settings, environment included. Exit 0 or 2."""
    if as_json:
        _check_json(path)
        return
    loaded = load_or_exit(path)
    for warning in loaded.warnings:
        output.warn(warning)
    output.stdout().print(describe(loaded))


def describe(loaded: Loaded) -> str:
    """One line: which file, what it makes."""
    settings = loaded.settings
    versions = "v1 and v2" if settings.v2.enabled else "v1"
    where = str(loaded.path) if loaded.path else "no file, defaults and environment"
    groups = ", ".join(settings.groups) or "none"
    return f"ok: {where}: a gateway for {versions} at {settings.base_url()}; groups: {groups}"


def _check_json(path: Path | None) -> None:
    try:
        loaded = load(path)
    except SettingsError as error:
        complaints = [
            {
                "file": complaint.source,
                "line": complaint.line,
                "key": complaint.key,
                "problem": complaint.problem,
                "remedy": complaint.remedy,
            }
            for complaint in error.complaints
        ]
        output.print_json({"ok": False, "complaints": complaints, "warnings": []})
        raise click.exceptions.Exit(output.EXIT_USAGE) from None
    version = Version.V2 if loaded.settings.v2.enabled else Version.V1
    output.print_json(
        {"ok": True, "version": version, "complaints": [], "warnings": list(loaded.warnings)}
    )


@command.command(name="sample")
def show_sample() -> None:
    """Print a settings file with every key, its default and its meaning."""
    click.echo(sample(), nl=False)
