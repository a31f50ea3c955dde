"""Who may close a session's circuits over ``/v2/proxy/{token}/{session}`` (design 9; protocol 7.8).

    start token of the session          sees and closes
    access key of the owner             sees; closes with a permit of one of the circuits
    anything else                       sees nothing

The permit comes as ``permit_key`` or as the cookie a browser already has for the app.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from yarl import URL

from wsproxy.core import permits
from wsproxy.core.circuit import Circuit
from wsproxy.core.permits import PermitRules
from wsproxy.core.tokens import StartToken, check_start


class Right(StrEnum):
    NONE = "none"  # these circuits do not exist for the caller
    SEE = "see"
    CLOSE = "close"


@dataclass(frozen=True, slots=True)
class Caller:
    """What a request shows. ``key`` is the path's first part; ``token`` what it stands for."""

    key: str
    token: StartToken | None
    permit_key: str = ""
    cookies: Sequence[tuple[str, str]] = ()


def owner_of(caller: Caller, session_id: str, now: float) -> str | None:
    """Whose circuits the caller speaks about: a good start token's owner, else the key itself.

    None: a token that is not for this session, or is too old.
    """
    if caller.token is None:
        return caller.key
    if check_start(caller.token, session_id, now) is not None or not caller.token.session_id:
        return None
    return caller.token.owner_key


def right(caller: Caller, circuits: Iterable[Circuit], rules: PermitRules, now: float) -> Right:
    """What the caller may do with these circuits, which belong to ``owner_of(caller)``."""
    found = tuple(circuits)
    if not found:
        return Right.NONE
    if caller.token is not None or any(_permits(caller, one, rules, now) for one in found):
        return Right.CLOSE
    return Right.SEE


def _permits(caller: Caller, circuit: Circuit, rules: PermitRules, now: float) -> bool:
    key = permits.unquoted(caller.permit_key)
    if permits.check(rules.secret, circuit.id, key, now) is not None:
        return True
    if permits.check_classic(rules, circuit.user_id, key):
        return True
    return permits.permitted(rules, circuit.id, circuit.user_id, caller.cookies, now) is not None


@dataclass(frozen=True, slots=True)
class Context:
    """What a browser tells about where a request comes from; "" when the field is absent."""

    origin: str = ""
    fetch_site: str = ""
    fetch_mode: str = ""


def is_app(origin: str, ports: Collection[int], domain: str) -> bool:
    """Whether a page of one of our own apps is asking; ``ports`` are those of open circuits.

    On a laptop pages of this machine count as listed, and the apps are such pages.
    """
    try:
        url = URL(origin)
    except ValueError:
        return False
    below = bool(domain) and (url.host or "").endswith(domain.lower())
    return below or url.port in ports


def cookies_count(context: Context, own_origin: str, listed: bool) -> bool:
    """Whether the cookies of this request were meant: another app on our host name sends them too.

    ``listed``: the origin is one of ``allowed-origins``. Programs that are no browsers say nothing.
    """
    if context.origin:
        return listed or context.origin == own_origin
    if context.fetch_site in ("", "same-origin"):
        return True
    return context.fetch_site == "none" and context.fetch_mode == "navigate"
