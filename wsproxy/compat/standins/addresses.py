"""Where a stand-in is reached."""

from dataclasses import dataclass

from wsproxy.core.wire import Version


@dataclass(frozen=True, slots=True)
class Addresses:
    """``api`` is what a client's proxy URL, or a resource group's address, names: without a slash
    at the end. ``worker`` is where ``/setup`` is ("" for v1).
    """

    api: str
    version: Version
    worker: str = ""
