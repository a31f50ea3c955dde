"""Who may call ``/v2/conf``: by the secret, or by where the call comes from (design 9).

No manager of any age sends the secret there (protocol 5.2), so calls without one are taken from the
managers' networks, and from nobody else: whoever may call it chooses where the gateway connects to.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from wsproxy.core import apiauth
from wsproxy.core.clientip import Networks, client_address, passed_on, within

Fields = Mapping[str, Sequence[str]]
"""Header fields: names in lower case, all values in order."""


def fields_of(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """Header fields of a request in the form used here."""
    found: dict[str, list[str]] = {}
    for name, value in pairs:
        found.setdefault(name.lower(), []).append(value)
    return found


@dataclass(frozen=True, slots=True)
class ConfRules:
    """``conf_from``: the managers' networks. ``trusted``: proxies that are believed."""

    secret: str = field(repr=False)
    conf_from: Networks
    trusted: Networks = ()


def may_configure(peer: str, fields: Fields, rules: ConfRules, now: float) -> bool:
    """Whether this call is taken; ``peer`` is the socket's address ("": a UNIX socket).

    From a manager's network a wrong secret is as good as none (observed 5).
    """
    return _from_manager(peer, fields, rules) or _shows_secret(fields, rules, now)


def _shows_secret(fields: Fields, rules: ConfRules, now: float) -> bool:
    token = next(iter(fields.get("x-backendai-token", ())), None)
    authorization = next(iter(fields.get("authorization", ())), None)
    return apiauth.check(token, authorization, rules.secret, now) is None


def _from_manager(peer: str, fields: Fields, rules: ConfRules) -> bool:
    """Whether the call comes from a manager's network by itself.

    Somebody in between may speak for anybody, so a call with forwarding fields counts only when a
    trusted proxy brought it and said for whom; then that client must be in the networks. And a page
    in a browser on that network is not a manager: no manager sends Origin, every page does.
    """
    if "origin" in fields:
        return False
    here = client_address(peer, (), ())
    if not passed_on(fields):
        return within(here, rules.conf_from)
    hops = [hop for hop in fields.get("x-forwarded-for", ()) if hop.strip(", ")]
    if not hops or not within(here, rules.trusted):
        return False
    return within(client_address(peer, hops, rules.trusted), rules.conf_from)
