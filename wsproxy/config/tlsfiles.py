"""Whether a certificate and a key can serve TLS: said at the start, not by the first client."""

import ssl
from collections.abc import Iterator

NO_PASSWORD = ""
"""Without one OpenSSL would ask for it at the terminal, and wait."""

Fault = tuple[str, str, str]
"""Name of the setting, problem, remedy."""


def faults(certificate: str, key: str) -> Iterator[Fault]:
    """What is wrong with two files that exist."""
    readable = [*_unreadable("certificate", certificate), *_unreadable("key", key)]
    if readable:
        yield from readable
        return
    bad = [*_bad_certificate(certificate), *_bad_key(key)]
    yield from bad
    if not bad:
        yield from _strangers(certificate, key)


def _unreadable(name: str, file: str) -> Iterator[Fault]:
    try:
        with open(file, "rb"):
            pass
    except OSError as error:
        yield name, f"cannot be read: {error.strerror}", "wsproxy's user needs the right to"


def _bad_certificate(file: str) -> Iterator[Fault]:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_verify_locations(file)
    except ssl.SSLError:
        yield "certificate", f"{file!r} is no certificate in PEM form", "It begins -----BEGIN CERT…"


_LOCKED = (b"BEGIN ENCRYPTED PRIVATE KEY", b"Proc-Type: 4,ENCRYPTED")


def _bad_key(file: str) -> Iterator[Fault]:
    with open(file, "rb") as opened:
        text = opened.read(1 << 20)
    if any(mark in text for mark in _LOCKED):
        remedy = "`openssl pkey -in KEY -out NEW` makes one without"
        yield "key", f"{file!r} needs a password, and nobody is there to type it", remedy
    elif b" PRIVATE KEY-----" not in text:
        yield "key", f"{file!r} is no private key in PEM form", "It begins -----BEGIN PRIVATE KEY"


def _strangers(certificate: str, key: str) -> Iterator[Fault]:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, NO_PASSWORD)
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            yield (
                "key",
                f"{key!r} is not the certificate's",
                "The certificate comes first in its file",
            )
        else:
            yield "key", f"OpenSSL cannot use it ({error.reason or 'damaged'})", "Make a new pair"
