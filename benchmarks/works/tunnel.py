"""The tunnel of v1: client, gateway, WebSocket, manager. Up and down, the price of a byte."""

import json
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache, partial

from benchmarks.bench import Found, Plan, in_turn
from benchmarks.ends.backend import BLOCK, MIB
from benchmarks.ends.calls import Wrong, connected
from benchmarks.ends.manager import DONE
from benchmarks.ends.stored import Known, Stored
from benchmarks.figures import Sample, cost_ratio
from benchmarks.peers import gateway
from benchmarks.process import Running, module

GB = 1e9
WARM = 8
"""MiB that are compared as a whole before each transfer that is timed."""


def up(plan: Plan) -> Found:
    return _run(plan, Found("tunnel-up", "v1 tunnel, up", "GB", "CPU s/GB"), _Upload)


def down(plan: Plan) -> Found:
    return _run(plan, Found("tunnel-down", "v1 tunnel, down", "GB", "CPU s/GB"), _Download)


def _run(plan: Plan, found: Found, transfer: "type[_Transfer]") -> Found:
    size = plan.size(512, 128)
    with (
        module("benchmarks.ends.manager", core=plan.cores.load) as (_, port),
        _ours(plan, int(port)) as ours,
        module("benchmarks.peers.aiohttp_tunnel", port, core=plan.cores.proxy) as (pid, line),
        module("benchmarks.peers.picows_tunnel", port, core=plan.cores.proxy) as (other, second),
    ):
        targets = [ours, Running("aiohttp", int(line), pid), Running("picows", int(second), other)]
        for target in targets:
            _measured(target, transfer, WARM)
        in_turn(plan, found, targets, partial(_measured, transfer=transfer, mib=size))
    found.compare(found.work, cost_ratio, "aiohttp")
    return found


@contextmanager
def _ours(plan: Plan, manager: int) -> Iterator[Running]:
    with gateway.running(plan.setting(0)) as running:
        with gateway.Control(running) as control:
            conf = {
                "endpoint": f"http://127.0.0.1:{manager}",
                "mode": "API",
                "access_key": "BENCH",
                "secret_key": "bench",
                "api_version": "v9.20250722",
            }
            token = json.loads(control.ask("PUT", "/conf", conf)[1])["token"]
            path = f"/proxy/{token}/bench/add?app=bench&protocol=tcp"
            added = json.loads(control.ask("GET", path)[1])
        yield replace(running, port=int(added["port"]))


class _Transfer:
    """``mib`` MiB through one connection. ``whole``: every byte is compared, which takes time."""

    commands = (b"", b"")

    def __init__(self, call: socket.socket, mib: int, *, whole: bool) -> None:
        self._call = call
        self._mib = mib
        self._whole = whole
        call.sendall(self.commands[whole] + (mib * MIB).to_bytes(8))

    def run(self) -> None:
        raise NotImplementedError


class _Upload(_Transfer):
    commands = (b"u", b"U")

    def run(self) -> None:
        block = _blocks()
        for _ in range(self._mib):
            block.send_all(self._call)
        said = b""
        while len(said) < len(DONE):
            data = self._call.recv(len(DONE))
            if not data:
                raise Wrong("closed before the upload was confirmed: other bytes arrived")
            said += data
        if said != DONE:
            raise Wrong(f"another answer to an upload: {said!r}")


class _Download(_Transfer):
    commands = (b"D", b"D")

    def run(self) -> None:
        block = Known(BLOCK)
        for _ in range(self._mib):
            while not block.take(self._call, whole=self._whole):
                pass


@cache
def _blocks() -> Stored:
    return Stored(BLOCK)


def _measured(target: Running, transfer: type[_Transfer], mib: int) -> Sample:
    """A short transfer of which all is compared, and a long one that is timed."""
    with connected(target) as call:
        transfer(call, WARM, whole=True).run()
    with connected(target) as call:
        before, began = target.cpu(), time.monotonic()
        transfer(call, mib, whole=False).run()
        after, took = target.cpu(), time.monotonic() - began
    cpu = None if before is None or after is None else after - before
    return Sample(mib * MIB / GB, took, cpu)
