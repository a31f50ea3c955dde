"""What keys demand of each other, and what this release does not do yet: one rule a function.

A rule yields ``(key path, problem, remedy)`` for what is wrong and looks at nothing but settings
and at the TLS files.
"""

import os
from collections.abc import Iterator
from pathlib import Path

from yarl import URL

from wsproxy.config import tlsfiles
from wsproxy.config.settings import Settings
from wsproxy.core.hosts import is_loopback

KeyPath = tuple[str, ...]
Fault = tuple[KeyPath, str, str]
Given = frozenset[KeyPath]


def relations(settings: Settings, given: Given) -> Iterator[Fault]:
    """All faults between keys. ``given``: the key paths that somebody set."""
    yield from _later_releases(settings)
    yield from _processes(settings)
    yield from _listening(settings)
    yield from _manager(settings)
    yield from _v2_secrets(settings, given)
    yield from _wildcard(settings)
    yield from _tls(settings)


def _later_releases(settings: Settings) -> Iterator[Fault]:
    url = settings.state.url.get_secret_value()
    if url.startswith(("sqlite:", "redis:", "rediss:", "unix:")):
        kind = url.partition(":")[0]
        problem = f'"{kind}:" comes with a later release; this one keeps circuits in memory'
        yield ("state", "url"), problem, 'Write "memory:"'
    elif url != "memory:":
        yield ("state", "url"), "is no store", 'Write "memory:"'
    if settings.engine.kind != "embedded":
        problem = f'"{settings.engine.kind}" comes with a later release'
        yield ("engine", "kind"), problem, 'Write "embedded"'


def _processes(settings: Settings) -> Iterator[Fault]:
    if settings.gateway.processes != 1 and os.name == "nt":
        yield ("gateway", "processes"), "must be 1 on Windows", "Write 1"


def _listening(settings: Settings) -> Iterator[Fault]:
    gateway = settings.gateway
    taken = {("gateway", "bind"): gateway.bind}
    if gateway.admin_bind is not None:
        taken[("gateway", "admin-bind")] = gateway.admin_bind
    if settings.v2.domain:
        taken[("v2", "domain-bind")] = settings.v2.domain_bind
    seen: dict[str, KeyPath] = {}
    for path, bind in taken.items():
        if bind.port or bind.path:
            other = seen.setdefault(str(bind), path)
            if other != path:
                yield path, f"is the same address as {'.'.join(other)}", "Choose another port"
    if gateway.bind.path and not gateway.advertise:
        problem = "is needed: a UNIX socket has no URL that clients could be told"
        yield ("gateway", "advertise"), problem, 'Write "https://…", where your web server listens'


def _manager(settings: Settings) -> Iterator[Fault]:
    manager = settings.manager
    if manager.forward and not manager.endpoint:
        problem = "is needed for front mode (forward = true)"
        yield ("manager", "endpoint"), problem, "Write the URL to which everything is passed on"
    yield from _front(settings)
    has_key, has_secret = bool(manager.access_key), bool(manager.secret_key.get_secret_value())
    if has_key != has_secret:
        missing, present = ("secret-key", "access-key") if has_key else ("access-key", "secret-key")
        yield ("manager", missing), f"is missing: {present} is set", "Set both, or none"
    if has_key and has_secret and not manager.endpoint:
        yield ("manager", "endpoint"), "is needed: a manager's keys are set", "Write its URL"


def _front(settings: Settings) -> Iterator[Fault]:
    """Requests pass unchanged, so nothing can be put before their paths."""
    manager, bind = settings.manager, settings.gateway.bind
    if not (manager.forward and manager.endpoint):
        return
    url = URL(manager.endpoint)
    if url.path not in ("", "/"):
        problem = "has a path; front mode passes requests on unchanged"
        yield ("manager", "endpoint"), problem, "Write scheme, host and port alone"
    host = url.host or ""
    named = (host == "localhost" and bind.is_loopback) or (is_loopback(host) and bind.is_any)
    here = host == bind.host or named
    if here and url.port == bind.port and not bind.path:
        problem = "is the gateway itself: requests would go round in a circle"
        yield ("manager", "endpoint"), problem, "Write where the manager listens"


def _v2_secrets(settings: Settings, given: Given) -> Iterator[Fault]:
    """All three or none; and none only if nobody configures v2, or all are set empty on purpose."""
    secrets = settings.v2.secrets
    missing = [name for name, secret in secrets.items() if not secret.get_secret_value()]
    wanted = any(path[0] == "v2" and len(path) == 2 for path in given)
    off = all(("v2", name) in given for name in missing) and len(missing) == len(secrets)
    if wanted and not off:
        for name in missing:
            problem = "is missing: [v2] needs its three secrets"
            remedy = "`openssl rand -hex 32` makes one; remove [v2] for a v1 gateway"
            yield ("v2", name), problem, remedy


def _wildcard(settings: Settings) -> Iterator[Fault]:
    v2 = settings.v2
    if v2.domain and v2.domain_bind.path:
        yield ("v2", "domain-bind"), "must be host:port", "The wildcard domain needs a port"
    hosts = set(settings.gateway.hosts)
    if v2.domain and any(host.endswith(v2.domain) for host in hosts):
        problem = f"has a name below the wildcard domain {v2.domain}, where apps are"
        yield ("gateway", "hosts"), problem, "Give the API a name outside of it"


def _tls(settings: Settings) -> Iterator[Fault]:
    files = {"certificate": settings.tls.certificate, "key": settings.tls.key}
    for name, file in files.items():
        if not file and any(files.values()):
            yield ("tls", name), "is missing: TLS needs certificate and key", "Set both, or none"
        elif file and not Path(file).is_file():
            yield ("tls", name), f"there is no file {file!r}", "Paths start where wsproxy is run"
    if all(file and Path(file).is_file() for file in files.values()):
        for name, problem, remedy in tlsfiles.faults(*files.values()):
            yield ("tls", name), problem, remedy
