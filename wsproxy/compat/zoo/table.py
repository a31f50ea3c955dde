"""Who lives in the zoo, and what a good proxy says of each (design 3, design 8)."""

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

from wsproxy.compat.zoo import answers, transport
from wsproxy.compat.zoo.answers import JSON, PAGE, Den, fails, says, status_body
from wsproxy.core.wire import Version


@dataclass(frozen=True, slots=True)
class Animal:
    """One server; ``reason`` and ``version`` are what the version report must say of it."""

    name: str
    about: str
    reason: str
    den: Den
    version: Version = Version.V1

    def __call__(self) -> AbstractAsyncContextManager[str]:
        """``async with animal() as address``."""
        return self.den()


_ALL = (
    # healthy
    Animal("healthy-v1", "says v1", "confirmed", says("v1")),
    Animal("healthy-v2", "says v2", "confirmed", says("v2"), Version.V2),
    Animal("ipv6-only", "says v2, on ::1 only", "confirmed", transport.ipv6_only, Version.V2),
    Animal(
        "text-plain",
        "says v2 as text/plain",
        "confirmed",
        answers.answers(200, status_body("v2"), "text/plain"),
        Version.V2,
    ),
    Animal(
        "trailing-slash",
        "says v2; its address ends with a slash, so older managers ask //status",
        "confirmed",
        answers.with_slash,
        Version.V2,
    ),
    # wrong before anything is sent
    Animal(
        "no-scheme",
        "an address without http://",
        "address-malformed",
        transport.literally("127.0.0.1:10200"),
    ),
    Animal(
        "unresolvable", "a name without an address", "address-unresolvable", transport.unresolvable
    ),
    Animal("refuse", "nothing listens", "address-refused", transport.refuse),
    Animal(
        "unanswered",
        "the connection attempt gets no answer",
        "address-silent",
        transport.unanswered,
    ),
    # wrong on the connection
    Animal("hang", "accepts and never answers", "address-silent", transport.hang),
    Animal("drip", "answers one byte a second", "address-silent", answers.drip),
    Animal(
        "stalled-body", "stops in the middle of its body", "address-silent", answers.stalled_body
    ),
    Animal("reset", "resets the connection", "address-refused", transport.reset),
    Animal(
        "half-close",
        "ends its direction without an answer",
        "address-refused",
        transport.half_close,
    ),
    Animal("close", "closes without an answer", "address-refused", transport.close),
    # TLS
    Animal("tls-alert", "answers plain HTTP with a TLS record", "address-tls", transport.tls_alert),
    Animal(
        "tls-on-plain",
        "a TLS server under an http:// address",
        "address-tls",
        transport.tls_on_plain,
    ),
    Animal(
        "plain-on-tls",
        "a plain server under an https:// address",
        "address-tls",
        transport.plain_on_tls,
    ),
    Animal(
        "expired-certificate",
        "its certificate has expired",
        "address-tls",
        transport.expired_certificate,
    ),
    Animal(
        "wrong-name", "its certificate is for another name", "address-tls", transport.wrong_name
    ),
    Animal(
        "untrusted-certificate", "nobody trusts its certificate", "address-tls", transport.untrusted
    ),
    # wrong answers
    Animal("404", "answers 404", "address-answers-404", fails(404)),
    Animal("500", "answers 500", "address-answers-500", fails(500)),
    Animal("502", "answers 502", "address-answers-502", fails(502)),
    Animal("503", "answers 503", "address-answers-503", fails(503)),
    Animal("504", "answers 504", "address-answers-504", fails(504)),
    Animal(
        "404-with-good-body",
        "answers 404 with a good body",
        "address-answers-404",
        answers.answers(404, status_body("v2")),
    ),
    Animal(
        "503-with-good-body",
        "answers 503 with a good body",
        "address-answers-503",
        answers.answers(503, status_body("v2")),
    ),
    Animal("redirect", "redirects to a healthy v2", "address-redirects", answers.redirect),
    Animal("redirect-loop", "redirects to itself", "address-redirects", answers.redirect_loop),
    Animal(
        "html",
        "answers a web page",
        "address-not-a-wsproxy",
        answers.answers(200, PAGE, answers.HTML),
    ),
    Animal("empty", "answers 200 and nothing", "address-not-a-wsproxy", answers.answers(200, b"")),
    Animal(
        "wrong-json",
        "says JSON and sends a web page",
        "address-not-a-wsproxy",
        answers.answers(200, PAGE, JSON),
    ),
    Animal(
        "json-list", "answers a JSON list", "address-not-a-wsproxy", answers.answers(200, b'["v2"]')
    ),
    Animal(
        "no-version",
        "answers JSON without api_version",
        "address-not-a-wsproxy",
        answers.answers(200, b'{"status": "ok"}'),
    ),
    Animal("integer-version", "says api_version 2, a number", "version-unknown", says(2)),
    Animal("unknown-version", "says api_version v3", "version-unknown", says("v3")),
    Animal("infinite-body", "its body never ends", "address-not-a-wsproxy", answers.infinite_body),
    Animal("endless-head", "its head never ends", "address-not-a-wsproxy", answers.endless_head),
    Animal(
        "truncated", "closes in the middle of its body", "address-not-a-wsproxy", answers.truncated
    ),
    Animal("ssh", "speaks SSH", "address-not-a-wsproxy", transport.ssh),
)

ANIMALS: Mapping[str, Animal] = {animal.name: animal for animal in _ALL}
"""Every animal by its name."""
