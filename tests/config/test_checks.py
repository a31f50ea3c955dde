"""Whatever stands in the file, the answer is settings or complaints, never another error."""

import datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wsproxy.config.checks import checked
from wsproxy.config.complaints import SettingsError
from wsproxy.config.explain import section_keys
from wsproxy.config.settings import Settings
from wsproxy.config.sources import Origin, Raw

VALUES: st.SearchStrategy[Any] = st.recursive(
    st.one_of(
        st.integers(),
        st.floats(),
        st.booleans(),
        st.text(max_size=12),
        st.just(datetime.date(1979, 5, 27)),
        st.sampled_from(["127.0.0.1:1", "unix:/s", "http://h", "10.0.0.0/8", "1-2", ".d"]),
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=4,
)
KEYS = [(section, key) for section, keys in section_keys().items() for key in keys]
ROWS = st.lists(st.tuples(st.sampled_from([*KEYS, ("x", "y"), ("v1", "z")]), VALUES), max_size=6)


@given(ROWS, st.dictionaries(st.sampled_from(["v1", "groups", "tls"]), VALUES, max_size=1))
@settings(max_examples=150, deadline=None)
def test_any_value_anywhere_is_settings_or_complaints(
    rows: list[tuple[tuple[str, str], Any]], whole: dict[str, Any]
) -> None:
    raw = Raw(data=dict(whole))
    for path, value in rows:
        raw.put(path, value, Origin("file", 1))
    try:
        assert isinstance(checked(raw), Settings)
    except SettingsError as error:
        assert error.complaints


def test_a_variable_below_a_plain_value_leaves_the_complaint_about_it() -> None:
    raw = Raw(data={"gateway": 3})
    raw.put(("gateway", "bind"), "127.0.0.1:1", Origin("environment variable X"))
    with pytest.raises(SettingsError, match="gateway: must be a table, not a whole number"):
        checked(raw)
