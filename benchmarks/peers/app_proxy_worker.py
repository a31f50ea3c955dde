"""A peer: the port frontend of Backend.AI's App Proxy worker, its own classes.

Runs in that program's own environment (``benchmarks/.cache/worker``), so nothing of ours is
imported. Left out are its coordinator, its Redis (what would be written there is thrown away) and
its logs. Arguments: the app's port, the port to listen on. Prints the
cookie that it wants to see.
"""

import asyncio
import logging
import sys
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

from ai.backend.appproxy.common.config import PermitHashConfig
from ai.backend.appproxy.common.types import (
    AppMode,
    FrontendMode,
    ProxyProtocol,
    RouteInfo,
    SerializableCircuit,
)
from ai.backend.appproxy.common.utils import calculate_permit_hash
from ai.backend.appproxy.worker.proxy.backend.pool import RoutePool, RoutePoolSpec
from ai.backend.appproxy.worker.proxy.frontend.http.port import PortFrontend
from ai.backend.appproxy.worker.types import Circuit, WorkerMetricRegistry


class Nowhere:
    """Takes what would go to Redis."""

    async def put(self, item: Any) -> None:
        return None


def circuit(app_port: int, port: int, user: Any) -> Any:
    route = RouteInfo(
        route_id=uuid4(),
        session_id=uuid4(),
        session_name="bench",
        kernel_host="127.0.0.1",
        kernel_port=app_port,
        protocol=ProxyProtocol.HTTP,
        traffic_ratio=1.0,
    )
    now = datetime.now(UTC)
    described = SerializableCircuit(
        id=uuid4(),
        app="bench",
        protocol=ProxyProtocol.HTTP,
        worker=uuid4(),
        app_mode=AppMode.INTERACTIVE,
        frontend_mode=FrontendMode.PORT,
        envs={},
        arguments=None,
        open_to_public=False,
        allowed_client_ips=None,
        port=port,
        user_id=user,
        session_ids=[route.session_id],
        route_info=[route],
        created_at=now,
        updated_at=now,
    )
    return Circuit.from_serialized_circuit(described), [route]


async def serve(app_port: int, port: int) -> None:
    permits = PermitHashConfig(secret=b"bench-bench-bench-bench")
    worker = SimpleNamespace(
        trusted_proxies=[],
        tls_listen=False,
        tls_advertised=False,
        port_proxy=SimpleNamespace(bind_host="127.0.0.1", bind_port_range=(port, port)),
        client_pool_cleanup_interval=600,
        client_pool_keep_inflight_sessions=600,
    )
    context: Any = SimpleNamespace(
        local_config=SimpleNamespace(proxy_worker=worker, permit_hash=permits),
        metrics=WorkerMetricRegistry.instance(),
        last_used_time_marker_redis_queue=Nowhere(),
        request_counter_redis_queue=Nowhere(),
    )
    frontend = PortFrontend(context)
    await frontend.start()
    user = uuid4()
    described, routes = circuit(app_port, port, user)
    await frontend.register_circuit(described, routes)
    # A load that ends resets its connections; that program counts this against the app, and would
    # answer 503 for ten seconds after each round.
    backend = frontend.backends[port]
    await backend._pool.close()
    backend._pool = RoutePool(routes, spec=RoutePoolSpec(failure_threshold=1_000_000_000))
    sys.stdout.write(f"appproxy_permit={calculate_permit_hash(permits, user)}\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    try:
        import uvloop
    except ImportError:
        asyncio.run(serve(int(sys.argv[1]), int(sys.argv[2])))
    else:
        uvloop.run(serve(int(sys.argv[1]), int(sys.argv[2])))
