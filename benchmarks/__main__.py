"""``make bench``: what the gateway costs, against a direct connection and nginx, on loopback.

One small request at a time on each of a few kept-alive connections. The targets take turns, so that
whatever else the machine does meets all of them; medians are printed. Quote the ratios and the CPU
time of a request, never the absolute rates: they are the machine's.
"""

import asyncio
import statistics
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import click
from rich.console import Console
from rich.table import Table

from benchmarks.load import run
from benchmarks.targets import Running, backend, gateway, nginx
from wsproxy.cli.serve import loop_factory

WARM_UP = 0.5
"""Seconds before the first round that do not count."""


@dataclass
class Measured:
    """One target's rounds: requests a second, and the proxy's CPU in microseconds a request."""

    target: Running
    rates: list[float] = field(default_factory=list)
    costs: list[float] = field(default_factory=list)
    faults: int = 0

    @property
    def rate(self) -> float:
        return statistics.median(self.rates)

    @property
    def cost(self) -> float | None:
        return statistics.median(self.costs) if self.costs else None


@contextmanager
def targets() -> Iterator[list[Running]]:
    """Direct, the gateway, and nginx where it is installed."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="wsproxy-bench-")))
        direct = stack.enter_context(backend())
        found = [direct, stack.enter_context(gateway(folder, direct.port))]
        other = stack.enter_context(nginx(folder, direct.port))
        yield [*found, other] if other else found


async def measure(
    running: list[Running], rounds: int, seconds: float, connections: int
) -> list[Measured]:
    measured = [Measured(target) for target in running]
    for each in measured:
        await run(each.target.port, each.target.cookie, WARM_UP, connections)
    for number in range(rounds):
        turn = measured[number % len(measured) :] + measured[: number % len(measured)]
        for each in turn:
            await _round(each, seconds, connections)
    return measured


async def _round(each: Measured, seconds: float, connections: int) -> None:
    before = each.target.cpu()
    count, took = await run(each.target.port, each.target.cookie, seconds, connections)
    after = each.target.cpu()
    each.faults += count.faults
    each.rates.append(count.answers / took)
    if before is not None and after is not None and count.answers and each.target.proxy:
        each.costs.append((after - before) / count.answers * 1e6)


def table(measured: list[Measured]) -> Table:
    direct = measured[0].rate
    reference = next((each.cost for each in measured if each.target.name == "nginx"), None)
    shown = Table(title="small requests, kept-alive, loopback; medians")
    for name in ("target", "requests/s", "of direct", "CPU µs/request", "CPU of nginx", "faults"):
        shown.add_column(name, justify="left" if name == "target" else "right")
    for each in measured:
        cost = each.cost
        shown.add_row(
            each.target.name,
            f"{each.rate:,.0f}",
            f"{each.rate / direct:.2f}" if direct else "",
            f"{cost:.1f}" if cost is not None else "",
            f"{cost / reference:.1f}x" if cost is not None and reference else "",
            str(each.faults),
        )
    return shown


@click.command()
@click.option("--rounds", default=5, show_default=True, help="How often each target has its turn.")
@click.option("--seconds", default=2.0, show_default=True, help="Length of one turn.")
@click.option("--connections", default=16, show_default=True, help="Connections at once.")
def main(rounds: int, seconds: float, connections: int) -> None:
    """Measure the gateway against a direct connection and (where installed) nginx."""
    with targets() as running, asyncio.Runner(loop_factory=loop_factory()) as runner:
        measured = runner.run(measure(running, rounds, seconds, connections))
    Console().print(table(measured))
    if any(each.faults or not each.rate for each in measured):
        click.echo("some answers were wrong: the numbers mean nothing", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
