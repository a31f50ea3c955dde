"""Who may use a circuit: the checks in their order, as one list (protocol 7.1, design 9).

    slot        is there a circuit at this port or name
    address     does the circuit's list of addresses admit the client
    credential  interactive: the permit cookie; inference: a bearer token

The last is skipped for circuits that are open to the public and for OPTIONS: a preflight carries no
cookie, and the app must answer it.
"""

import math
from collections import OrderedDict
from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import IPv4Address
from uuid import UUID

from wsproxy.core import jwts, permits
from wsproxy.core.circuit import Circuit, Mode
from wsproxy.core.clientip import Address, may_use
from wsproxy.core.heads import RequestHead
from wsproxy.core.permits import PermitRules
from wsproxy.core.problem import Problem
from wsproxy.core.wire import PERMIT_COOKIE_PREFIX


@dataclass(frozen=True, slots=True)
class AdmissionRules:
    """``jwt_secret`` signs the bearer tokens of inference circuits.

    ``secure_cookies``: apps are reached over TLS.
    """

    permits: PermitRules
    jwt_secret: str = field(repr=False)
    secure_cookies: bool = False


@dataclass(frozen=True, slots=True)
class Admitted:
    """May go on. ``renew`` is a Set-Cookie field for the answer, or "".

    ``until`` (unix seconds): so long the verdict on such a request stays the same; 0.0: ask again.
    """

    renew: str = ""
    until: float = 0.0


@dataclass(frozen=True, slots=True)
class Visit:
    """One request at a circuit's listener. ``client`` None: unknown."""

    circuit: Circuit
    head: RequestHead
    client: Address | None
    now: float


_PASSED = Admitted(until=math.inf)


def unregistered_port(port: int) -> Problem:
    """Nothing is registered at this port (any more)."""
    return Problem("slot-not-registered", msg=f"Unregistered slot {port}")


def unregistered_label(label: str) -> Problem:
    """Nothing is registered under this name (any more)."""
    return Problem("slot-not-registered", msg=f"E20009: Subdomain {label} not registered")


def _address(visit: Visit, rules: AdmissionRules) -> Admitted | Problem:
    if may_use(visit.client, visit.circuit.allowed_client_ips):
        return _PASSED
    return Problem("client-ip-not-allowed", msg="Your address is not on the list of this app.")


def _credential(visit: Visit, rules: AdmissionRules) -> Admitted | Problem:
    if visit.circuit.open_to_public or visit.head.method == "OPTIONS":
        return _PASSED
    if visit.circuit.mode is Mode.INFERENCE:
        return _bearer(visit, rules)
    return _permit(visit, rules)


CHECKS = (_address, _credential)
"""In this order; the first problem is the answer. The slot was looked up by the caller."""


def admit(visit: Visit, rules: AdmissionRules) -> Admitted | Problem:
    """Whether the request may go to the app, and the cookie to renew if so."""
    verdict: Admitted | Problem = _PASSED
    for check in CHECKS:
        verdict = check(visit, rules)
        if isinstance(verdict, Problem):
            return verdict
    return verdict


def _refused(msg: str) -> Problem:
    return Problem("invalid-credentials", msg=msg)


def _permit(visit: Visit, rules: AdmissionRules) -> Admitted | Problem:
    circuit = visit.circuit
    offered = [
        (name, value)
        for name, value in permits.cookies(visit.head.values(b"cookie"))
        if name in (permits.cookie_name(circuit.id), PERMIT_COOKIE_PREFIX)
    ]
    if not offered:
        return _refused("E20004: Authorization cookie not provided")
    found = permits.permitted(rules.permits, circuit.id, circuit.user_id, offered, visit.now)
    if found is None:
        return _refused("E20005: Invalid authorization cookie")
    if not found.stale:
        return Admitted(until=found.fresh_until)
    value = permits.issue(rules.permits.secret, circuit.id, visit.now)
    return Admitted(permits.set_cookie(circuit.id, value, rules.secure_cookies))


def _bearer(visit: Visit, rules: AdmissionRules) -> Admitted | Problem:
    scheme, _, token = visit.head.first(b"authorization").strip().partition(" ")
    if not scheme:
        return _refused("E20006: Authorization header not provided")
    if scheme.lower() not in ("bearer", "backendai"):
        return _refused(f"E20007: Unsupported authorization method {scheme[:32]}")
    claims = jwts.verify(token.strip(), rules.jwt_secret)
    if claims is None:
        return _refused("E20008: Invalid authorization token (bad signature)")
    until = (jwts.seconds(claims["exp"]) or 0.0) if "exp" in claims else math.inf
    if not visit.now < until:
        return _refused("E20008: Invalid authorization token (expired)")
    if claims.get("id") != str(visit.circuit.id):
        return _refused("E20009: Authorization token mismatch")
    return Admitted(until=until)


class TcpAdmission(StrEnum):
    """``[v2] tcp-admission``: what a raw connection, which cannot carry a permit, must show."""

    SETUP_ADDRESS = "setup-address"
    ANY = "any"


_HERE = IPv4Address("127.0.0.1")


def _machine(client: Address) -> Address:
    """This machine has many loopback addresses; ``localhost`` is not always the same one."""
    return _HERE if client.is_loopback else client


class SetupAddresses:
    """From which addresses the setup page of each TCP circuit was fetched.

    Bounded in both directions, the oldest go first: it must not grow with what strangers do.
    """

    def __init__(self, circuits: int = 10_000, addresses: int = 256) -> None:
        self._circuits = circuits
        self._addresses = addresses
        self._seen: OrderedDict[UUID, OrderedDict[Address, None]] = OrderedDict()

    def __repr__(self) -> str:
        return f"SetupAddresses({len(self._seen)} circuits)"

    def remember(self, circuit_id: UUID, client: Address | None) -> None:
        """``client`` fetched the setup page. An unknown address is not remembered."""
        if client is None:
            return
        known = self._seen.setdefault(circuit_id, OrderedDict())
        known[_machine(client)] = None
        known.move_to_end(_machine(client))
        self._seen.move_to_end(circuit_id)
        if len(known) > self._addresses:
            known.popitem(last=False)
        if len(self._seen) > self._circuits:
            self._seen.popitem(last=False)

    def knows(self, circuit_id: UUID, client: Address | None) -> bool:
        return client is not None and _machine(client) in self._seen.get(circuit_id, ())

    def forget(self, circuit_id: UUID) -> None:
        """The circuit is closed."""
        self._seen.pop(circuit_id, None)


def admit_tcp(
    circuit: Circuit, client: Address | None, rule: TcpAdmission, seen: SetupAddresses
) -> Problem | None:
    """Whether a raw connection from ``client`` may go to the app; a refused one is just closed."""
    if not may_use(client, circuit.allowed_client_ips):
        return Problem("client-ip-not-allowed")
    if circuit.open_to_public or rule is TcpAdmission.ANY or seen.knows(circuit.id, client):
        return None
    return _refused("Open the app from your session first; this address did not.")
