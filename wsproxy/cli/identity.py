"""Options that commands share which talk to a manager: who asks, where, and over what TLS."""

import os

import click

from wsproxy.cli.output import EXIT_USAGE, fail
from wsproxy.client import Configuration, NoCredentials, credentials

EXIT_INTERRUPTED = 130
"""As shells say it: 128 and the number of SIGINT."""

manager_option = click.option(
    "--manager", metavar="URL", default="", help="Instead of BACKEND_ENDPOINT."
)
insecure_option = click.option("--insecure", is_flag=True, help="Do not check certificates.")


def identity(manager: str) -> Configuration:
    """Who we are, from the environment; leaves the command when it does not say."""
    try:
        return credentials(os.environ, manager)
    except NoCredentials as wrong:
        fail(str(wrong), "no-credentials", exit_code=EXIT_USAGE)
