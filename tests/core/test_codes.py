import pytest

from wsproxy.core.codes import anchor, see


@pytest.mark.parametrize(
    ("code", "place"),
    [
        ("app-silent", "app-silent"),
        ("address-answers-404", "address-answers-n"),
        ("address-answers-N", "address-answers-n"),
        ("appproxy/no-free-port", "appproxy-no-free-port"),
        ("E20004", "e20004"),
    ],
)
def test_a_code_has_one_anchor(code, place):
    assert anchor(code) == place
    assert see(code) == f"docs/errors.md#{place}"
