"""Which connections to apps are the same to the pool."""

from collections.abc import Hashable

from wsproxy.core.circuit import Direct, Route


def key_of(route: Route) -> Hashable:
    """What makes two routes the same place. The generation fences a reused address (design 6)."""
    if isinstance(route, Direct):
        return (route.host, route.port, route.generation, route.tls)
    return route
