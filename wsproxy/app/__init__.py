"""The composition root: settings in, a running gateway out. The only place that knows every part.

``rules``    settings as the small values that the parts take
``carrying`` what carries the bytes of apps
``traffic``  state, circuits and the data plane
``fleet``    several processes: this one listens, ``workers`` carry
``worker``   one of those processes
``control``  what the API serves: both dialects, versions, management
``gateway``  one node's life: start, drain, close
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from wsproxy.app.gateway import Addresses, Gateway, running, serve

__all__ = ["Addresses", "Gateway", "running", "serve"]


def __getattr__(name: str) -> Any:
    """Only who wants the gateway imports it: a worker starts faster, and is smaller, without."""
    if name in __all__:
        return getattr(importlib.import_module("wsproxy.app.gateway"), name)
    raise AttributeError(name)
