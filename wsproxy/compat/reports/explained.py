"""One cell told in full: what should work, the conversation, the verdict. Secrets are masked."""

import json
from collections.abc import Iterable, Iterator
from urllib.parse import urlsplit

from wsproxy.compat.outcome import mark
from wsproxy.compat.play import Result
from wsproxy.compat.scene import Exchange, Play, Step
from wsproxy.observe.redact import HIDDEN, escaped, redact, safe_url

BODY = 600
"""Characters of a body that are shown."""


def explained(result: Result, target: str) -> str:
    """Text for a terminal, one line for each field."""
    lines = [f"{result.cell.name} at {target}: {mark(result.verdict)}", ""]
    if result.play is not None:
        lines += _told(result.play)
    lines += _verdict(result)
    return "\n".join(lines) + "\n"


def _told(play: Play) -> Iterator[str]:
    known = list(secrets(play))
    for number, exchange in enumerate(play.conversation, 1):
        yield from (_masked(line, known) for line in _exchange(number, exchange))
    for step in Step:
        outcome = play.step(step)
        good = "+" if outcome.good else "-"
        line = f"{good} {step.value}: {outcome.said} ({outcome.seconds:.3f} s)"
        yield _masked(escaped(line), known)
    yield ""


def secrets(play: Play) -> Iterator[str]:
    """What a conversation itself calls a token: it comes back in places without a name."""
    for exchange in play.conversation:
        for text in (exchange.body, exchange.answer):
            yield from _values(text)


def _values(text: str) -> Iterator[str]:
    try:
        document = json.loads(text)
    except ValueError:
        return
    if not isinstance(document, dict):
        return
    for name, value in document.items():
        if name in SECRET_NAMES and isinstance(value, str) and len(value) > SHORTEST:
            yield value


SECRET_NAMES = ("token", "session", "secret_key", "access_key", "login_session_token")
SHORTEST = 7
"""A shorter value (the constant token ``local``) is no secret, and may be a word of a text."""


def _exchange(number: int, exchange: Exchange) -> Iterable[str]:
    status = exchange.status or "no answer"
    place = urlsplit(exchange.url)
    where = f"{place.scheme}://{place.netloc}{safe_url(place.path or '/')}"
    query = f"?{HIDDEN}" if place.query else ""
    yield f"{number}. {exchange.method} {where}{query} -> {status} ({exchange.seconds:.3f} s)"
    yield from (f"   > {escaped(name)}: {escaped(value)}" for name, value in exchange.headers)
    yield from _body(">", exchange.body)
    yield from (
        f"   < {escaped(name)}: {escaped(value)}" for name, value in exchange.answer_headers
    )
    yield from _body("<", exchange.answer)
    if exchange.failure:
        yield f"   ! {escaped(exchange.failure)}"
    yield ""


def _body(sign: str, body: str) -> Iterable[str]:
    if body:
        shown = body if len(body) <= BODY else f"{body[:BODY]}{HIDDEN}"
        yield f"   {sign} {escaped(shown)}"


def _masked(line: str, known: Iterable[str]) -> str:
    for value in known:
        line = line.replace(value, HIDDEN)
    return redact(line)


def _verdict(result: Result) -> Iterator[str]:
    verdict = result.verdict
    names = ("launch", "report", "deletion", "circuits")
    for name, sign in zip(names, verdict.signs, strict=True):
        yield f"{name}: {sign.value}"
    if verdict.reported:
        yield f"reported: {verdict.reported}, {verdict.slowest:.3f} s at most"
    yield from (redact(escaped(line)) for line in verdict.said)
