"""Merged settings in, checked settings out, or every complaint at once.

First each key on its own (the models), then what keys demand of each other. A key that is wrong
by itself is replaced by its default for the second step, so that both kinds are reported together.
"""

from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from wsproxy.config.complaints import Complaint, SettingsError
from wsproxy.config.explain import explain
from wsproxy.config.relations import relations
from wsproxy.config.settings import Settings
from wsproxy.config.sources import KeyPath, Raw
from wsproxy.core.address import Malformed, parse
from wsproxy.core.hosts import is_loopback


def checked(raw: Raw) -> Settings:
    """Settings, or ``SettingsError`` with the complaints of the sources and all of ours."""
    complaints = list(raw.complaints)
    settings = _validated(raw, raw.data)
    if not isinstance(settings, Settings):
        wrong = [_in_data(raw.data, error["loc"]) for error in settings]
        complaints += (_of_error(raw, error) for error in settings)
        settings = _validated(raw, _without(raw.data, wrong))
        assert isinstance(settings, Settings)
    blamed = {complaint.key for complaint in complaints}
    for path, problem, remedy in relations(settings, frozenset(_given(raw.data))):
        if ".".join(path) not in blamed:
            complaints.append(_complaint(raw, path, ".".join(path), problem, remedy))
    if complaints:
        raise SettingsError(tuple(sorted(complaints, key=lambda c: (c.source, c.line or 0))))
    return settings


def warnings_of(settings: Settings) -> tuple[str, ...]:
    """What does not stop the gateway."""
    return (*_malformed_groups(settings), *_ports_of_raw_apps(settings))


def _malformed_groups(settings: Settings) -> Iterator[str]:
    """Such an address gets its row in the version report (design 3)."""
    addresses = {name: group.address for name, group in settings.groups.items() if group.address}
    faults = {name: parse(address) for name, address in addresses.items()}
    for name, fault in faults.items():
        if isinstance(fault, Malformed):
            why = f"{fault.why}; the group is v1 (address-malformed) until then"
            yield f"groups.{name}.address: {why}"


def _ports_of_raw_apps(settings: Settings) -> Iterator[str]:
    """Where HTTP apps have names, who writes the settings may not think of the ports."""
    v2 = settings.v2
    if not (v2.enabled and v2.domain) or v2.domain_bind.is_loopback:
        return
    for key, host in (("listen-host", v2.listen_host), ("advertise-host", v2.advertise_host)):
        if is_loopback(host):
            why = "TCP and gRPC apps have ports of their own, which only this machine can reach"
            yield f"v2.{key}: it is {host}; {why}"


def _validated(raw: Raw, data: Any) -> Settings | list[ErrorDetails]:
    context = {"lenient_pool": raw.lenient_pool}
    try:
        return Settings.model_validate(data, by_alias=True, by_name=False, context=context)
    except ValidationError as error:
        return error.errors(include_url=False)


def _of_error(raw: Raw, error: ErrorDetails) -> Complaint:
    loc = error["loc"]
    key = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in loc).lstrip(".")
    problem, remedy = explain(error)
    return _complaint(raw, _in_data(raw.data, loc), key, problem, remedy)


def _complaint(raw: Raw, path: KeyPath, key: str, problem: str, remedy: str) -> Complaint:
    origin = raw.origin_of(path)
    return Complaint(key, problem, remedy, origin.source, origin.line)


def _in_data(data: Any, loc: tuple[int | str, ...]) -> KeyPath:
    """The longest part of an error's place that names a key of ``data``."""
    path: KeyPath = ()
    for part in loc:
        if not isinstance(data, dict) or part not in data:
            break
        data = data[part]
        path += (str(part),)
    return path


def _without(data: Mapping[str, Any], paths: list[KeyPath]) -> dict[str, Any]:
    rest = deepcopy(dict(data))
    for path in paths:
        table: Any = rest
        for part in path[:-1]:
            table = table.get(part, {})
        table.pop(path[-1], None)
    return rest


def _given(data: Mapping[str, Any], prefix: KeyPath = ()) -> Iterator[KeyPath]:
    """Every key that somebody set."""
    for key, value in data.items():
        yield (*prefix, key)
        if isinstance(value, dict):
            yield from _given(value, (*prefix, key))
