"""The composition root: settings in, a running gateway out. The only place that knows every part.

``rules``    settings as the small values that the parts take
``traffic``  state, circuits and the data plane
``control``  what the API serves: both dialects, versions, management
``gateway``  one node's life: start, drain, close
"""

from wsproxy.app.gateway import Addresses, Gateway, running, serve

__all__ = ["Addresses", "Gateway", "running", "serve"]
