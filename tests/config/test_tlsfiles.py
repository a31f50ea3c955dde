"""Certificate and key that cannot serve: every kind is said at the start, in words."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.support.authority import tls_files
from wsproxy.config import tlsfiles

GARBAGE = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"


def pem(*, password: bytes = b"", old: bool = False) -> bytes:
    """A key that belongs to nobody."""
    form = serialization.PrivateFormat
    how: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if password:
        how = serialization.BestAvailableEncryption(password)
    return ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, form.TraditionalOpenSSL if old else form.PKCS8, how
    )


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    return {name: Path(file) for name, file in tls_files(tmp_path).items()}


def said(files: dict[str, Path]) -> list[tuple[str, str]]:
    found = tlsfiles.faults(str(files["certificate"]), str(files["key"]))
    return [(name, problem) for name, problem, remedy in found if remedy]


def test_a_pair_that_belongs_together(files: dict[str, Path]) -> None:
    assert said(files) == []


def test_both_in_one_file(files: dict[str, Path]) -> None:
    both = files["certificate"]
    both.write_bytes(both.read_bytes() + files["key"].read_bytes())
    assert said({"certificate": both, "key": both}) == []


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("certificate", b"", "is no certificate in PEM form"),
        ("certificate", b"\x30\x82\x01", "is no certificate in PEM form"),
        ("certificate", GARBAGE, "is no certificate in PEM form"),
        ("key", b"", "is no private key in PEM form"),
        ("key", b"\x00\xff", "is no private key in PEM form"),
        ("key", pem(), "is not the certificate's"),
        ("key", pem(old=True), "is not the certificate's"),
        ("key", pem(password=b"p"), "needs a password"),
        ("key", pem(password=b"p", old=True), "needs a password"),
        ("key", GARBAGE.replace(b"CERTIFICATE", b"PRIVATE KEY"), "OpenSSL cannot use it"),
    ],
)
def test_each_fault_names_its_setting(
    files: dict[str, Path], name: str, content: bytes, problem: str
) -> None:
    files[name].write_bytes(content)
    ((blamed, words),) = said(files)
    assert blamed == name
    assert problem in words


def test_both_files_are_looked_at(files: dict[str, Path]) -> None:
    for file in files.values():
        file.write_bytes(b"x")
    assert [name for name, _ in said(files)] == ["certificate", "key"]


def test_a_file_that_is_gone_since(files: dict[str, Path]) -> None:
    files["key"].unlink()
    assert said(files) == [("key", "cannot be read: No such file or directory")]
