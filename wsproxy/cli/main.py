"""The ``wsproxy`` command. Each sub-command is a module of this package with a ``command``."""

import importlib
from collections.abc import Mapping

import click

from wsproxy import __version__

COMMANDS: Mapping[str, str] = {
    "serve": "Run a gateway.",
    "demo": "The story end to end, on a simulated manager and real apps.",
    "status": "Address doctor: what answers there, and how to mend it.",
    "version": "Which protocol generation holds for a group, and why.",
    "terminate": "Delete sessions; never stopped by a broken proxy.",
    "open": "Open an app of a session, v1 or v2, whichever holds.",
    "circuits": "What is open now, its activity; close one.",
    "compat": "Who works with whom: clients of every age, every kind of address.",
    "config": "Check a settings file, or print a commented sample.",
}


class LazyGroup(click.Group):
    """Imports a sub-command only when it is used: ``wsproxy --help`` stays instant."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"wsproxy.cli.{cmd_name}")
        command = module.command
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="wsproxy")
def main() -> None:
    """One gateway for Backend.AI app traffic, in both generations of its protocol."""
