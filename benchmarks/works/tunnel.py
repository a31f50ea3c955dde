"""The tunnel of v1: client, gateway, WebSocket, manager. Up and down, the price of a byte."""

import json
import socket
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial

from benchmarks.bench import Found, Plan, in_turn
from benchmarks.ends.backend import BLOCK, MIB
from benchmarks.ends.calls import Wrong, connected
from benchmarks.figures import Sample, cost_ratio
from benchmarks.peers import gateway
from benchmarks.process import Running, module

GB = 1e9
CRC = 8
"""Hexadecimal digits of the check at the end of an upload."""


def up(plan: Plan) -> Found:
    return _run(plan, Found("tunnel-up", "v1 tunnel, up", "GB", "CPU s/GB"), _upload)


def down(plan: Plan) -> Found:
    return _run(plan, Found("tunnel-down", "v1 tunnel, down", "GB", "CPU s/GB"), _download)


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
            _measured(target, transfer, 8)  # warm
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
    """Bytes through one connection."""

    command = b""

    def __init__(self, call: socket.socket, mib: int) -> None:
        self._call = call
        self._mib = mib
        call.sendall(self.command + (mib * MIB).to_bytes(8))

    def run(self) -> None:
        raise NotImplementedError

    def _expected(self) -> int:
        crc = 0
        for _ in range(self._mib):
            crc = zlib.crc32(BLOCK, crc)
        return crc


class _upload(_Transfer):
    command = b"U"

    def run(self) -> None:
        for _ in range(self._mib):
            self._call.sendall(BLOCK)
        said = b""
        while len(said) < CRC:
            data = self._call.recv(CRC)
            if not data:
                raise Wrong("the tunnel closed before the upload was confirmed")
            said += data
        if int(said, 16) != self._expected():
            raise Wrong("other bytes arrived than were sent")


class _download(_Transfer):
    command = b"D"

    def run(self) -> None:
        twice, buffer = BLOCK + BLOCK, bytearray(MIB)
        done, size = 0, self._mib * MIB
        while done < size:
            count = self._call.recv_into(buffer)
            at = done % MIB
            if not count or buffer[:count] != twice[at : at + count]:
                raise Wrong(f"the bytes are wrong or cut near {done}")
            done += count


def _measured(target: Running, transfer: type[_Transfer], mib: int) -> Sample:
    with connected(target) as call:
        before, began = target.cpu(), time.monotonic()
        transfer(call, mib).run()
        after, took = target.cpu(), time.monotonic() - began
    cpu = None if before is None or after is None else after - before
    return Sample(mib * MIB / GB, took, cpu)
