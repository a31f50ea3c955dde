"""What a worker has to tell: all of it, once."""

from uuid import UUID

from tests.data.test_health import MODEL, ONE, failing
from wsproxy.core.circuit import Direct
from wsproxy.core.meter import Carried
from wsproxy.core.selection import Standing, key_of
from wsproxy.core.told import Tried
from wsproxy.core.wire import Version
from wsproxy.data.activity import Activity
from wsproxy.data.health import Known, Routes, check_key
from wsproxy.data.ledger import Ledger, Signs, TellingRoutes
from wsproxy.data.site import Forward, Outcome

A, B = UUID(int=1), UUID(int=2)
TWO = Direct("10.0.0.2", 80, "r2", "s2")


def test_changes_are_told_once_and_the_last_of_a_circuit_at_its_end():
    activity = Activity()
    ledger = Ledger(activity)
    activity.meter(A).requests = 2
    activity.meter(B)
    assert ledger.changes() == (Carried(A, requests=2), Carried(B))
    assert ledger.changes() == ()
    activity.meter(A).bytes_in = 7
    activity.meter(A).connections = 1
    assert ledger.changes() == (Carried(A, bytes_in=7, connections=1),)
    activity.meter(A).bytes_out = 5
    assert ledger.last(A) == Carried(A, bytes_out=5, connections=1)
    assert A not in activity.meters
    assert ledger.changes() == ()
    assert ledger.last(UUID(int=3)) == Carried(UUID(int=3))


def test_signs_are_told_in_the_order_that_counts():
    signs = Signs()
    signs.connect_failed(A)
    signs.connected(A)
    signs.connect_failed(A)
    signs.connect_failed(B)
    assert signs.drain() == ((A, Tried(worked=True, failures=1)), (B, Tried(failures=1)))
    assert signs.drain() == ()


def test_what_one_worker_met_reaches_the_others():
    main, here, there = Routes(lambda: 5.0), TellingRoutes(lambda: 5.0), TellingRoutes(lambda: 5.0)
    failing(here, ONE, 3)
    ((key, tried),) = here.drain()
    assert (key, tried) == (key_of(ONE), Tried(failures=3))
    for _ in range(tried.failures):
        main.failed(key)
    first = main.known()
    there.learn(first.since(Known()))
    assert there.standing(MODEL, ONE) is Standing.TIRED
    assert there.troubled
    assert here.drain() == ()

    good = Outcome(Forward((ONE,), (), Version.V2), route=ONE, status=200)
    there.record(good)
    assert there.drain() == ((key_of(ONE), Tried(worked=True)),)
    main.worked(key)
    here.learn(main.known().since(first))
    assert not here.troubled
    assert not main.known().since(main.known())


def test_verdicts_of_checks_are_told_and_forgotten():
    main, worker = Routes(lambda: 5.0), TellingRoutes(lambda: 5.0)
    assert MODEL.health_check is not None
    main.check_due(MODEL, ONE, MODEL.health_check)
    before = main.known()
    worker.learn(before.since(Known()))
    assert worker.standing(MODEL, ONE) is Standing.TIRED
    main.checked(MODEL, ONE, MODEL.health_check, passed=True)
    worker.learn(main.known().since(before))
    assert worker.standing(MODEL, ONE) is Standing.GOOD
    before = main.known()
    main.keep([])
    worker.learn(main.known().since(before))
    assert check_key(MODEL, ONE) not in worker.known().verdicts
