"""From a link to an open app: the URLs of the v2 flow, and what ``/setup`` answers (protocol 5.5).

    add    ->  auth_url    on the control API
    auth   ->  setup_url   on the control API, or on the app's own origin
    setup  ->  app_url     where the app is, with the permit as a cookie

The cookie must come from the host name that the app has. Where that is not the API's name, the page
that sets it is on the app's own origin, at the one path the gateway reserves there.
"""

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from urllib.parse import quote, urlencode
from uuid import UUID

from yarl import URL

from wsproxy.core import h2page, permits, tokens
from wsproxy.core.circuit import (
    Circuit,
    HostListener,
    Mode,
    PortListener,
    Protocol,
    Transport,
    speaks_h2,
)
from wsproxy.core.negotiate import Form
from wsproxy.core.problem import Problem
from wsproxy.core.wire import SETUP_PATH

HELPER = "http://localhost:45678/start"
"""A program on the user's machine that no client contacts: they read this text (protocol 7.7)."""

LONGEST_REDIRECT = 2048

_RELATIVE = re.compile(r"[A-Za-z0-9._~?-][^:@]*")
_KEPT = "/?&=:@!$'()*+,;~%#[]-._"
"""Of a redirect these characters stay; blanks and letters beyond ASCII are percent-encoded."""


@dataclass(frozen=True, slots=True)
class Places:
    """Where clients find things. ``domain`` starts with a dot, or is "" without wildcard mode.

    ``api`` is the advertised address of the control API. ``app_host`` is the advertised host name
    of app ports. ``tls``: HTTP apps are reached over TLS; ``port_tls``: the ports themselves speak
    it, which counts for HTTP/2 apps (in wildcard mode TLS may end before us, on 443).
    """

    api: str
    app_host: str
    domain: str = ""
    domain_port: int = 443
    tls: bool = False
    port_tls: bool = False

    @property
    def scheme(self) -> str:
        return "https" if self.tls else "http"


def bracketed(host: str) -> str:
    """An IPv6 address in brackets, everything else as it is."""
    return f"[{host}]" if ":" in host and not host.startswith("[") else host


def auth_url(places: Places, parameters: Iterable[tuple[str, str]]) -> str:
    """What ``add`` answers."""
    return f"{places.api.rstrip('/')}/v2/proxy/auth?{urlencode(list(parameters))}"


def app_url(circuit: Circuit, places: Places) -> str:
    """Where the app is, without a path; the port is always written."""
    if isinstance(circuit.listener, HostListener):
        host = f"{circuit.listener.label}{places.domain}"
        return f"{places.scheme}://{host}:{places.domain_port}"
    return f"{_scheme(circuit, places)}://{bracketed(places.app_host)}:{circuit.listener.port}"


def _scheme(circuit: Circuit, places: Places) -> str:
    if circuit.protocol is Protocol.GRPC:
        return "grpc"
    if circuit.protocol is Protocol.H2:
        return "https" if places.port_tls else "http"
    if circuit.transport is Transport.TCP:
        return "tcp"
    return places.scheme


def own_setup(circuit: Circuit, places: Places) -> bool:
    """Whether the app's own origin serves the setup page: its host name is not the API's."""
    if circuit.transport is Transport.TCP:
        return False  # that port speaks the app's protocol
    if isinstance(circuit.listener, PortListener):
        return places.app_host.lower() != (URL(places.api).host or "").lower()
    return True


def setup_url(circuit: Circuit, token: str, places: Places) -> str:
    """What ``auth`` leads to."""
    if own_setup(circuit, places):
        return f"{app_url(circuit, places)}{SETUP_PATH}?token={token}"
    return f"{places.api.rstrip('/')}/setup?token={token}"


def clean_redirect(text: str) -> str:
    """A path on the app's own host, ready for Location; "" stays "". ValueError says what is wrong.

    >>> clean_redirect("/lab/tree/a b.ipynb"), clean_redirect("lab?a=1")
    ('/lab/tree/a%20b.ipynb', '/lab?a=1')
    """
    if not text:
        return ""
    if len(text) > LONGEST_REDIRECT:
        raise ValueError(f"it is longer than {LONGEST_REDIRECT} characters")
    if "\\" in text or any(char < " " or "\x7f" <= char <= "\x9f" for char in text):
        raise ValueError("it contains a control character or a backslash")
    if not text.startswith("/") and not _RELATIVE.fullmatch(text):
        raise ValueError("it is not a path on the app's own host")
    path = text if text.startswith("/") else f"/{text}"
    if path.startswith("//"):
        raise ValueError("it starts with two slashes, which names another host")
    return quote(path, safe=_KEPT, errors="replace")


@dataclass(frozen=True, slots=True)
class SetupAnswer:
    """A finished answer; ``tcp`` when the client's address is to be remembered."""

    status: int
    headers: tuple[tuple[str, str], ...] = field(repr=False)
    body: bytes = field(default=b"", repr=False)
    tcp: bool = False


_NO_STORE = ("Cache-Control", "no-store")
_TEXT = ("Content-Type", "text/plain; charset=utf-8")
_HTML = ("Content-Type", "text/html; charset=utf-8")
_JSON = ("Content-Type", "application/json; charset=utf-8")


def answer(
    circuit: Circuit,
    token: str,
    redirect: str,
    permit: str,
    places: Places,
    form: Form = Form.JSON,
) -> SetupAnswer | Problem:
    """What the setup page says to the bearer of a good setup token ``token``.

    ``permit`` is the value of the new permit; ``redirect`` comes from the token and is checked
    again, because the secret may be shared with older programs that check nothing. ``form`` counts
    for HTTP/2 apps only: the text for TCP apps is the same for everybody (protocol 5.5).
    """
    if circuit.mode is Mode.INFERENCE:
        return Problem("generic-bad-request", msg="E20011: Not supported for inference apps")
    if speaks_h2(circuit.protocol):
        return _h2(circuit, token, places, form)
    if circuit.transport is Transport.TCP:
        return _tcp(app_url(circuit, places), token, redirect)
    cookie = permits.set_cookie(circuit.id, permit, places.tls)
    location = app_url(circuit, places) + _path(redirect)
    headers = (("Location", location), ("Set-Cookie", cookie), _NO_STORE, _TEXT)
    return SetupAnswer(302, headers, b"302: Found")


def _path(redirect: str) -> str:
    try:
        return clean_redirect(redirect)
    except ValueError:
        return ""


def _tcp(gateway: str, token: str, redirect: str) -> SetupAnswer:
    """The text that clients take apart; its shape is fixed (protocol 5.5, 7.7)."""
    helper = _helper(token, "tcp", gateway)
    if redirect:
        elsewhere = (("Location", helper), _NO_STORE, _TEXT)
        return SetupAnswer(302, elsewhere, b"302: Found", tcp=True)
    body = json.dumps({"redirect": helper, "redirectURI": helper}).encode()
    return SetupAnswer(200, (_JSON, _NO_STORE), body, tcp=True)


def _helper(token: str, protocol: str, gateway: str) -> str:
    place = quote(gateway, safe="")
    return f"{HELPER}?directTCP=true&auth={token}&proto={protocol}&gateway={place}"


def _h2(circuit: Circuit, token: str, places: Places, form: Form) -> SetupAnswer:
    """A page for people, who come with a browser that cannot show such an app; else the text of
    TCP apps with the address in its own scheme. Upstream has no answer here (decision 15).
    """
    url = app_url(circuit, places)
    if form is Form.HTML:
        html = h2page.rendered(circuit, url, tls=places.port_tls)
        return SetupAnswer(200, (_HTML, _NO_STORE), html, tcp=True)
    helper = _helper(token, circuit.protocol.value, url)
    document = {"redirect": helper, "redirectURI": helper, "url": url, "tls": places.port_tls}
    return SetupAnswer(200, (_JSON, _NO_STORE), json.dumps(document).encode(), tcp=True)


@dataclass(frozen=True, slots=True)
class Keys:
    """What signs setup tokens and permits."""

    jwt_secret: str = field(repr=False)
    permit_secret: str = field(repr=False)


NO_SUCH_CIRCUIT = Problem("object-not-found", title="E00002: No such worker:circuit.")
"""The circuit of a good token is gone."""


@dataclass(frozen=True, slots=True)
class Page:
    """What was shown, and for which circuit."""

    circuit: Circuit
    answer: SetupAnswer


def page(
    text: str,
    find: Callable[[UUID], Circuit | None],
    places: Places,
    keys: Keys,
    now: float,
    form: Form = Form.JSON,
) -> Page | Problem:
    """The setup page for the token in ``text``; ``find`` knows the open circuits."""
    token = tokens.read_setup(text, keys.jwt_secret, now)
    if isinstance(token, Problem):
        return token
    circuit = find(token.circuit_id)
    if circuit is None:
        return NO_SUCH_CIRCUIT
    permit = permits.issue(keys.permit_secret, circuit.id, now)
    shown = answer(circuit, text, token.redirect, permit, places, form)
    return shown if isinstance(shown, Problem) else Page(circuit, shown)


def page_of_api(
    text: str,
    find: Callable[[UUID], Circuit | None],
    places: Places,
    keys: Keys,
    now: float,
    form: Form = Form.JSON,
) -> Page | Problem:
    """The page where the API serves it: an app with another host name has its own, and the permit
    would be a cookie of the wrong name here.
    """
    shown = page(text, find, places, keys, now, form)
    if isinstance(shown, Problem) or not own_setup(shown.circuit, places):
        return shown
    onward = (("Location", setup_url(shown.circuit, text, places)), _NO_STORE, _TEXT)
    return Page(shown.circuit, SetupAnswer(302, onward, b"302: Found"))
