"""From the setting ``[state] url`` to a store."""

from wsproxy.state.base import Store
from wsproxy.state.memory import MemoryStore

LATER = ("sqlite", "redis", "rediss")
"""Named in the settings already; they come with a later release."""


class UnsupportedStore(ValueError):
    """The message says what is wrong with the setting and what to write instead."""


def check_url(url: str) -> None:
    """Raise ``UnsupportedStore`` unless ``open_store`` could open the URL."""
    scheme, colon, rest = url.partition(":")
    if scheme in LATER and colon:
        raise UnsupportedStore(
            f"the store {scheme}: comes with a later release; "
            'write url = "memory:" (circuits are then forgotten at a restart)'
        )
    if not (scheme == "memory" and colon and not rest):
        raise UnsupportedStore('this is no store; write url = "memory:"')


def open_store(url: str) -> Store:
    """A new store; raises ``UnsupportedStore`` (see ``check_url``)."""
    check_url(url)
    return MemoryStore()
