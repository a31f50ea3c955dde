"""What single values from outside may be."""

from uuid import UUID

import pytest

from wsproxy.core import fields

SOME = "7a5b0f3e-0000-4000-8000-000000000001"


@pytest.mark.parametrize(("value", "port"), [(80, 80), ("080", 80), ("65535", 65535), (0, 0)])
def test_whole_numbers(value, port):
    assert fields.whole(value) == port


@pytest.mark.parametrize("value", [True, "8_0", "", "٨٠", "80.0", 80.0, None, [], "9" * 10, "-1"])
def test_what_is_no_whole_number(value):
    with pytest.raises(ValueError, match="whole number"):
        fields.whole(value)


def test_uuids():
    assert fields.uuid(SOME.upper()) == UUID(SOME) == fields.uuid(UUID(SOME))


@pytest.mark.parametrize("value", ["", SOME[:-1], SOME.replace("-", ""), f"{{{SOME}}}", 7, None])
def test_what_is_no_uuid(value):
    with pytest.raises(ValueError, match="not a UUID"):
        fields.uuid(value)


@pytest.mark.parametrize(
    ("value", "host"), [(" node-1.example ", "node-1.example"), ("[::1]", "::1"), ("::1", "::1")]
)
def test_hosts(value, host):
    assert fields.host(value) == host


@pytest.mark.parametrize("value", ["", "a b", "http://x", "a/b", "x" * 254, "a\r\nb", "[a"])
def test_what_is_no_host(value):
    with pytest.raises(ValueError, match="neither a host name"):
        fields.host(value)


@pytest.mark.parametrize("value", [0, 1.5, -3])
def test_numbers(value):
    assert fields.number(value) == value


@pytest.mark.parametrize("value", [True, "1", None, float("nan"), float("inf"), []])
def test_what_is_no_number(value):
    with pytest.raises(ValueError, match="not a number"):
        fields.number(value)


@pytest.mark.parametrize(("value", "path"), [("/health?a=1", "/health?a=1"), ("v1", "/v1")])
def test_paths(value, path):
    assert fields.path(value) == path


@pytest.mark.parametrize("value", ["/a b", "/a\r\nX: 1", "/ü", "\x00"])
def test_what_is_no_path(value):
    with pytest.raises(ValueError, match="visible ASCII"):
        fields.path(value)
