"""What a person sees who opens an app that speaks HTTP/2 alone: no browser can show it."""

from jinja2 import Environment, StrictUndefined

from wsproxy.core.circuit import Circuit, Protocol
from wsproxy.core.page import STYLE

_PAGE = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True).from_string("""\
<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta name="robots" content="noindex"><title>{{ app }} is open</title>
<style>{{ style }}</style></head><body>
<h1>{{ app }} is open</h1>
<p>It speaks {{ speaks }}, which a browser cannot show. Connect a program to it:</p>
<p><code>{{ url }}</code></p>
<p>{{ how }} For example: <code>{{ example }}</code></p>
<p>{{ who }}</p>
<p class="quiet">wsproxy said this, not the app.</p>
</body></html>
""")

_PLAIN = "The connection is plain: HTTP/2 with prior knowledge."
_TLS = "The connection is encrypted: TLS, with h2 in ALPN."


def rendered(circuit: Circuit, url: str, *, tls: bool) -> bytes:
    """The page; everything of the circuit is escaped."""
    grpc = circuit.protocol is Protocol.GRPC
    return _PAGE.render(
        app=circuit.app,
        speaks="gRPC" if grpc else "HTTP/2",
        url=url,
        how=_TLS if tls else _PLAIN,
        example=_of_grpc(url, tls) if grpc else _of_h2(url, tls),
        who=_who(circuit),
        style=STYLE,
    ).encode()


def _of_grpc(url: str, tls: bool) -> str:
    flag = "" if tls else "-plaintext "
    return f"grpcurl {flag}{url.removeprefix('grpc://')} list"


def _of_h2(url: str, tls: bool) -> str:
    return f"curl {'--http2' if tls else '--http2-prior-knowledge'} {url}/"


def _who(circuit: Circuit) -> str:
    if circuit.allowed_client_ips:
        return f"Only these addresses may connect: {', '.join(circuit.allowed_client_ips)}."
    if circuit.open_to_public:
        return "Everybody may connect."
    return "The address from which you opened this page may connect now."
