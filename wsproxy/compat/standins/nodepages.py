"""What the Node proxy writes: pages of its API, and heads into TCP connections (P 2, 3.5)."""

from html import escape

STARTING = (
    b"HTTP/1.1 100 Continue\nConnection: keep-alive\nContent-Type: text/html; charset=UTF-8\n\n"
    b"<html><head><title>Waiting for application...</title>"
    b"<script>setTimeout(function(){location.reload()}, 1000)</script></head>"
    b"<body>Waiting for application...</body></html>\n"
)
"""A status that browsers take for the beginning of an answer, so they show none."""


def failed(text: str) -> bytes:
    """Lines end with a bare LF, nothing says how long it is, and SSH clients get it too."""
    return (
        "HTTP/1.1 503 Proxy Error\nConnection: Closed\nContent-Type: text/html; charset=UTF-8\n\n"
        "<html><head><title>Server connection failed</title></head>"
        f"<body><h1>Server connection failed</h1><p>{text}</p></body></html>\n"
    ).encode()


def trouble(status: int, *, session: bool) -> str:
    """What a page says of a refused stream; ``session``: it went through the web server."""
    known = {401: "401", 404: "404", 500: "500", 502: "502" if session else "500"}
    if status not in known:
        return f"error_defaultCode:{status}"
    return f"{known[status]} Error" if session else f"error_{known[status]}"


NO_NETWORK = "Restart your session or contact your administrator"


def cannot(method: str, path: str) -> str:
    """Express's page for an unknown path."""
    return error_page(f"Cannot {escape(method)} {escape(path)}")


def error_page(text: str) -> str:
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>Error</title>\n'
        f"</head>\n<body>\n<pre>{text}</pre>\n</body>\n</html>\n"
    )


def link(scheme: str, host: str, port: str, user: str = "") -> str:
    """Where a program other than the browser goes; what is given comes out as it went in."""
    url = f"{scheme}://{user}{host}:{port}"
    return f'<html><body><a href="{url}">{url}</a></body></html>\n'
