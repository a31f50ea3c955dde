"""``[state] url``: memory only, for now."""

import pytest

from wsproxy.state.factory import UnsupportedStore, check_url, open_store
from wsproxy.state.memory import MemoryStore


async def test_memory_is_opened():
    store = open_store("memory:")

    assert isinstance(store, MemoryStore)
    await store.close()


@pytest.mark.parametrize("url", ["sqlite:wsproxy.db", "redis://localhost:6379", "rediss://x"])
def test_stores_that_come_later_are_named(url):
    with pytest.raises(UnsupportedStore, match=r"later release.*memory:"):
        check_url(url)


@pytest.mark.parametrize("url", ["", "memory", "memory:x", "sqlite", "http://x", "mysql:x"])
def test_anything_else_is_no_store(url):
    with pytest.raises(UnsupportedStore, match=r"no store.*memory:"):
        open_store(url)


def test_a_password_in_the_url_is_not_repeated():
    with pytest.raises(UnsupportedStore) as caught:
        check_url("redis://user:hunter2@host")
    assert "hunter2" not in str(caught.value)
