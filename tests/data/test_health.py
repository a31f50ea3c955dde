"""What a node remembers of its routes; how it decides is tested in ``tests/core``."""

from dataclasses import replace

from tests.support.circuits import circuit
from wsproxy.core.circuit import Direct, Mode
from wsproxy.core.failure import Failure, FailureKind, Side
from wsproxy.core.healthcheck import HealthCheck, Verdict
from wsproxy.core.selection import FAILURES, PROBE_EVERY, Standing
from wsproxy.core.wire import Version
from wsproxy.data.health import Routes, check_key
from wsproxy.data.site import Forward, Outcome

ONE = Direct("10.0.0.1", 80, "r1", "s1")
CHECK = HealthCheck(max_retries=1)
MODEL = circuit(1, mode=Mode.INFERENCE, routes=(ONE,), health_check=CHECK)
PLAIN = replace(MODEL, health_check=None)
REFUSED = Failure(FailureKind.REFUSED, Side.APP)


def failing(routes: Routes, route: Direct = ONE, times: int = FAILURES) -> None:
    for _ in range(times):
        routes.record(Outcome(Forward((route,), (), Version.V2), failures=[(route, REFUSED)]))


def test_probes_restore_a_route_that_rests():
    now = [100.0]
    routes = Routes(lambda: now[0])
    failing(routes)
    assert routes.standing(PLAIN, ONE) is Standing.TIRED
    assert routes.probe_due(ONE)
    routes.probed(ONE, connected=False)
    assert not routes.probe_due(ONE)
    now[0] += PROBE_EVERY
    assert routes.probe_due(ONE)
    routes.probed(ONE, connected=True)
    assert routes.standing_in(PLAIN)(ONE) is Standing.GOOD
    assert "0 with failures" in repr(routes)


def test_a_new_route_id_at_the_same_address_is_another_container():
    routes = Routes(lambda: 100.0)
    failing(routes)
    assert routes.standing(PLAIN, replace(ONE, ratio=2.0)) is Standing.TIRED
    assert routes.standing(PLAIN, replace(ONE, route_id="r2")) is Standing.GOOD


def test_checks_are_kept_for_living_routes_only():
    routes = Routes(lambda: 100.0)
    assert routes.verdict(PLAIN, ONE) is None
    assert routes.verdict(MODEL, ONE) is Verdict.UNKNOWN
    assert routes.check_due(MODEL, ONE, CHECK)
    routes.check_begun(MODEL, ONE)
    routes.checked(MODEL, ONE, CHECK, passed=False)
    assert routes.standing(MODEL, ONE) is Standing.OUT
    routes.keep({check_key(MODEL, ONE)})
    assert routes.verdict(MODEL, ONE) is Verdict.UNHEALTHY
    routes.keep(())
    assert routes.verdict(MODEL, ONE) is Verdict.UNKNOWN
    routes.checked(MODEL, ONE, CHECK, passed=False)  # it came too late
    assert routes.verdict(MODEL, ONE) is Verdict.UNKNOWN


def test_a_check_that_passed_forgives_failures():
    routes = Routes(lambda: 100.0)
    failing(routes)
    assert routes.check_due(MODEL, ONE, CHECK)
    routes.checked(MODEL, ONE, CHECK, passed=True)
    assert routes.standing(MODEL, ONE) is Standing.GOOD
