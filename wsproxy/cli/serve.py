"""``wsproxy serve``: settings in, a running gateway until somebody says stop.

The first SIGINT or SIGTERM drains: the gateway stops accepting, lets requests finish, ends tunnels,
and the command exits 0. A second one ends it at once.
"""

import asyncio
import errno
import importlib
import logging
import signal
from collections.abc import Callable
from pathlib import Path

import click

from wsproxy import __version__
from wsproxy.app import Addresses, serve
from wsproxy.cli import output
from wsproxy.cli.config import config_option, describe, load_or_exit
from wsproxy.config.settings import Settings
from wsproxy.net.loops import loop_factory as loop_factory
from wsproxy.net.loops import search_less
from wsproxy.observe import logs

EXIT_CUT = 130
"""Ended at once by a second signal, as shells say it."""

FILES = 1 << 16
"""Open files that are asked for."""

log = logging.getLogger(__name__)

_REMEDIES = {
    errno.EADDRINUSE: "Another program listens there: stop it, or choose another port.",
    errno.EADDRNOTAVAIL: "This machine does not have that address.",
    errno.EACCES: "Ports below 1024 need rights: choose another port.",
}

STOPPING = (signal.SIGINT, signal.SIGTERM)


@click.command(name="serve")
@config_option
@click.option("--check", is_flag=True, help="Only check the settings; nothing is started.")
def command(path: Path | None, check: bool) -> None:
    """Run a gateway. Exit codes: 0 stopped, 1 could not start, 2 settings are wrong."""
    loaded = load_or_exit(path)
    for warning in loaded.warnings:
        output.warn(warning)
    if check:
        output.stdout().print(describe(loaded))
        return
    logs.setup(loaded.settings.gateway.log_level, loaded.settings.gateway.log_format)
    raise_file_limit()
    search_less()
    raise click.exceptions.Exit(run(loaded.settings))


def run(settings: Settings) -> int:
    """Run until a signal; the exit code."""
    try:
        with asyncio.Runner(loop_factory=loop_factory()) as runner:
            return runner.run(_until_signal(settings))
    except OSError as error:
        output.error(f"cannot start: {_reason(error)}", "cannot-listen", _remedy(error))
        return output.EXIT_FAILED


def raise_file_limit() -> None:
    """As many open files as the system lets us have: a connection takes two (not on Windows)."""
    try:
        resource = importlib.import_module("resource")
    except ImportError:
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FILES if hard == resource.RLIM_INFINITY else min(hard, FILES)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    except (OSError, ValueError):
        log.warning("this process may open %d files only", soft)


def announce(addresses: Addresses) -> None:
    """Say once, on stdout, what listens where, and what a restart costs."""
    click.echo(
        f"wsproxy {__version__}: {addresses}; circuits live in memory: they end with this process"
    )


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).rstrip(".")


def _remedy(error: OSError) -> str:
    return _REMEDIES.get(error.errno or 0, "")


async def _until_signal(settings: Settings) -> int:
    main = asyncio.current_task()
    assert main is not None
    signals = Signals(main.cancel)
    with signals:
        try:
            await serve(settings, announce)
        except asyncio.CancelledError:
            if not signals.count:
                raise
    return output.EXIT_OK if signals.count < 2 else EXIT_CUT


class Signals:
    """Turns the first two SIGINT or SIGTERM into calls of ``stop``; a third one kills as usual."""

    def __init__(self, stop: Callable[[], object]) -> None:
        self.count = 0
        self._stop = stop
        self._loop = asyncio.get_running_loop()
        self._before = {number: signal.getsignal(number) for number in STOPPING}

    def __enter__(self) -> None:
        for number in STOPPING:
            try:
                self._loop.add_signal_handler(number, self._received)
            except NotImplementedError:  # Windows
                signal.signal(number, self._from_windows)

    def __exit__(self, *error: object) -> None:
        for number, handler in self._before.items():
            try:
                self._loop.remove_signal_handler(number)
            except NotImplementedError:
                pass
            signal.signal(number, handler)

    def _from_windows(self, number: int, frame: object) -> None:
        self._loop.call_soon_threadsafe(self._received)

    def _received(self) -> None:
        self.count += 1
        if self.count == 1:
            log.info("stopping: running requests may finish; once more to stop at once")
        else:
            log.warning("stopping at once")
            self.__exit__()
        self._stop()
