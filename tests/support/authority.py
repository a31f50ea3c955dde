"""A certificate authority of the tests, and a certificate for names of this machine."""

import functools
import ssl
from pathlib import Path

import trustme

NAMES = ("127.0.0.1", "localhost", "*.apps.example")


@functools.cache
def authority() -> trustme.CA:
    return trustme.CA()


def tls_files(directory: Path, *names: str) -> dict[str, str]:
    """The section ``[tls]`` with a certificate for ``names``, or for ``NAMES``."""
    made = authority().issue_cert(*(names or NAMES))
    certificate, key = directory / "certificate.pem", directory / "key.pem"
    for blob in made.cert_chain_pems:
        blob.write_to_path(certificate, append=True)
    made.private_key_pem.write_to_path(key)
    return {"certificate": str(certificate), "key": str(key)}


def trusting(*alpn: str) -> ssl.SSLContext:
    """A client's context: it believes the authority alone, checks names, and offers ``alpn``."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authority().configure_trust(context)
    if alpn:
        context.set_alpn_protocols(list(alpn))
    return context


def root_certificates() -> bytes:
    return bytes(authority().cert_pem.bytes())
