"""Who is measured beside the gateway. To add a peer, write how it starts and name it here."""

from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.peers import gateway, programs, upstream
from benchmarks.peers.peer import Peer, Setting
from benchmarks.process import Running, module


@contextmanager
def _aiohttp(setting: Setting) -> Iterator[Running]:
    with module("benchmarks.peers.aiohttp_proxy", setting.app, core=setting.core) as (pid, line):
        yield Running("aiohttp", int(line), pid)


PEERS = {
    peer.name: peer
    for peer in (
        Peer("wsproxy", gateway.start),
        Peer("nginx", programs.nginx, programs.needs("nginx")),
        Peer("nginx tuned", programs.tuned, programs.needs("nginx")),
        Peer("haproxy", programs.haproxy, programs.needs("haproxy")),
        Peer("caddy", programs.caddy, programs.needs("caddy")),
        Peer("chp", programs.chp, programs.chp_missing),
        Peer("aiohttp", _aiohttp),
        Peer("app proxy worker", upstream.worker, upstream.worker_missing),
        Peer("python wsproxy", upstream.pywsproxy, upstream.pywsproxy_missing),
    )
}

__all__ = ["PEERS", "Peer", "Setting"]
