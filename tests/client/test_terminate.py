"""Deleting sessions through a real manager's routes, beside gateways of every kind."""

import asyncio
import time
from dataclasses import replace

import pytest

from tests.support.apps import eventually
from tests.support.installations import (
    ONE,
    THREE,
    TWO,
    SmallGateway,
    SmallManager,
    problem,
    serving,
)
from wsproxy.client import (
    CircuitsPart,
    Client,
    ClientRules,
    Configuration,
    DeletionRules,
    Fate,
    SessionPart,
    Terminated,
)
from wsproxy.compat.zoo.table import ANIMALS, Animal
from wsproxy.core.configuration import AuthMode, Mode
from wsproxy.core.deletion import ID_UNKNOWN

DELETED = SessionPart(Fate.DELETED)
NONE = CircuitsPart(Fate.NONE)
PATIENT = ClientRules(30.0, DeletionRules(cleanup=30.0, call=60.0, lookup=30.0))
"""A busy machine has time for whoever answers."""

HASTY = DeletionRules(cleanup=0.5, call=2.0, lookup=0.5)
"""For who meets a gateway or a manager that is silent."""

UNKNOWN = CircuitsPart(Fate.FAILED, fault=ID_UNKNOWN)


def asked(session: str, token: str = "AKUSER") -> set[str]:
    """What a gateway is asked for one session."""
    return {f"GET {prefix}/proxy/{token}/{session}/delete" for prefix in ("", "/v2")}


async def terminate(who: Configuration, *sessions: str, gateway: str = "", **more):
    token = more.pop("token", "")
    rules = more.pop("rules", PATIENT)
    async with Client(who, gateway, token, rules=rules) as client:
        return await client.terminate_many(sessions, **more)


class TestTheSession:
    @pytest.mark.parametrize("mode", ["api", "cookie", "header"])
    async def test_is_deleted_in_every_mode(self, manager: SmallManager, mode):
        who = manager.api() if mode == "api" else manager.login(AuthMode(mode))
        assert await terminate(who, ONE) == [Terminated(ONE, DELETED, NONE)]
        assert ONE not in manager.sessions
        prefix = "" if mode == "api" else "/func"
        assert manager.targets() == [f"{prefix}/session/{ONE}"]

    async def test_session_mode_sends_one_identity_and_no_signature(self, manager: SmallManager):
        await terminate(manager.login(AuthMode.COOKIE), ONE)
        await terminate(manager.login(AuthMode.HEADER), TWO)
        cookie, header = (asked.fields for asked in manager.asked)
        assert "Cookie" in cookie and "X-BackendAI-SessionID" not in cookie
        assert "X-BackendAI-SessionID" in header and "Cookie" not in header
        assert "Authorization" not in cookie and "Authorization" not in header

    async def test_is_already_gone(self, manager: SmallManager):
        [result] = await terminate(manager.api(), "no-such")
        assert result.session.fate is Fate.ALREADY_GONE
        assert result.session.fault is not None and "use -o" in result.session.fault.detail

    async def test_of_somebody_else_needs_the_owners_key(self, manager: SmallManager):
        [mine] = await terminate(manager.api(), THREE)
        assert mine.session.fate is Fate.ALREADY_GONE and THREE in manager.sessions
        [theirs] = await terminate(manager.api(), THREE, owner_access_key="AKADMIN")
        assert theirs.session == DELETED and THREE not in manager.sessions
        assert manager.deletions[-1] == f"/session/{THREE}?owner_access_key=AKADMIN"

    async def test_forced(self, manager: SmallManager):
        await terminate(manager.api(), ONE, forced=True, owner_access_key="AKUSER")
        assert manager.deletions == [f"/session/{ONE}?forced=true&owner_access_key=AKUSER"]

    async def test_names_are_encoded_once_and_signed_so(self, manager: SmallManager):
        name = "a b/ü%?&"
        manager.sessions[TWO] = (name, "AKUSER")
        assert (await terminate(manager.api(), name))[0].session.fate is Fate.DELETED
        assert manager.deletions == ["/session/a%20b%2F%C3%BC%25%3F%26"]

    @pytest.mark.parametrize("name", ["", ".", "..", "a\nb", "x" * 300])
    async def test_what_is_no_name_is_not_asked(self, manager: SmallManager, name):
        [result] = await terminate(manager.api(), name)
        assert result.session.fault is not None
        assert result.session.fault.code == "session-malformed"
        assert manager.asked == []

    async def test_a_wrong_secret_is_a_failure(self, manager: SmallManager):
        who = Configuration(manager.url, Mode.API, "AKUSER", "wrong-secret", api_version=8)
        [result] = await terminate(who, ONE)
        assert result.session.fault is not None and result.session.fault.code == "auth-failed"
        assert not result.session.unreachable and ONE in manager.sessions

    async def test_clock_skew_is_said(self, manager: SmallManager):
        manager.fields["Date"] = "Mon, 23 Nov 2020 18:44:19 GMT"
        who = Configuration(manager.url, Mode.API, "AKUSER", "wrong-secret", api_version=8)
        [result] = await terminate(who, ONE)
        assert result.session.fault is not None
        assert "Its clock and this machine's differ by" in result.session.fault.detail

    async def test_a_gateways_404_is_not_the_managers(self, manager: SmallManager):
        manager.fields["X-BackendAI-Speaker"] = "gateway"
        [result] = await terminate(manager.api(), "no-such")
        assert result.session.fate is Fate.FAILED

    async def test_an_endpoint_with_a_path_and_a_slash(self, manager: SmallManager):
        """A path belongs to the target, the signed host is the authority alone."""
        who = Configuration(f"{manager.url}/api/", Mode.API, "AKUSER", "secret-of-the-user")
        [result] = await terminate(who, ONE)
        assert manager.asked[0].who == "AKUSER"
        assert manager.targets() == [f"/api/session/{ONE}"]
        assert result.session.fault is not None and result.session.fault.code == "url-not-found"


class TestCircuits:
    async def test_both_dialects_are_cleaned_with_the_access_key(
        self, manager: SmallManager, gateway: SmallGateway
    ):
        gateway.circuits = {("v1", ONE): 2}
        [result] = await terminate(manager.api(), ONE, gateway=gateway.url + "/")
        assert result == Terminated(ONE, DELETED, CircuitsPart(Fate.CLOSED, 2))
        assert sorted(gateway.asked) == [
            f"GET /proxy/AKUSER/{ONE}/delete",
            f"GET /v2/proxy/AKUSER/{ONE}/delete",
        ]

    async def test_no_circuits(self, manager: SmallManager, gateway: SmallGateway):
        [result] = await terminate(manager.api(), ONE, gateway=gateway.url)
        assert result == Terminated(ONE, DELETED, NONE)

    async def test_the_token_goes_before_the_keys(
        self, manager: SmallManager, gateway: SmallGateway
    ):
        gateway.token, gateway.circuits = "t/1", {("v2", ONE): 1}
        gateway.token = "token-1"
        [result] = await terminate(
            manager.api(), ONE, gateway=gateway.url, token="token-1", owner_access_key="AKUSER"
        )
        assert result.circuits == CircuitsPart(Fate.CLOSED)

    async def test_the_owners_key_goes_before_ours(
        self, manager: SmallManager, gateway: SmallGateway
    ):
        await terminate(manager.api(), THREE, gateway=gateway.url, owner_access_key="AKADMIN")
        assert f"GET /v2/proxy/AKADMIN/{THREE}/delete" in gateway.asked

    async def test_session_mode_learns_the_access_key(
        self, manager: SmallManager, gateway: SmallGateway
    ):
        gateway.token, gateway.circuits = "AKUSER", {("v1", ONE): 1}
        [result] = await terminate(manager.login(), ONE, gateway=gateway.url)
        assert result.circuits == CircuitsPart(Fate.CLOSED, 1)

    async def test_session_mode_goes_on_without_an_access_key(
        self, manager: SmallManager, gateway: SmallGateway
    ):
        manager.override = lambda method, path: (500, b"") if "login" in path else None
        [result] = await terminate(manager.login(), ONE, gateway=gateway.url)
        assert result == Terminated(ONE, DELETED, NONE)
        assert f"GET /proxy/-/{ONE}/delete" in gateway.asked

    async def test_a_name_is_cleaned_under_its_id_too(
        self, manager: SmallManager, gateway: SmallGateway
    ):
        gateway.circuits = {("v2", ONE): 1, ("v1", "one"): 1}
        [result] = await terminate(manager.api(), "one", gateway=gateway.url)
        assert result.session == DELETED and result.circuits.fate is Fate.CLOSED
        assert gateway.circuits == {}

    async def test_an_owners_session_by_name_may_have_had_circuits(
        self, manager: SmallManager, gateway: SmallGateway
    ):
        """The manager is not asked for its id, and the gateway knows no names: nobody can say."""
        gateway.circuits = {("v2", THREE): 1}
        [result] = await terminate(
            manager.api(), "three", gateway=gateway.url, owner_access_key="AKADMIN"
        )
        assert result == Terminated("three", DELETED, UNKNOWN)

    async def test_circuits_of_sessions_with_the_same_name_stay(
        self, manager: SmallManager, gateway: SmallGateway
    ):
        """The manager deletes neither, so both are still in use."""
        manager.sessions[TWO] = ("one", "AKUSER")
        gateway.circuits = {("v1", ONE): 1, ("v2", TWO): 1}
        [result] = await terminate(manager.api(), "one", gateway=gateway.url)
        assert result.session.fault is not None
        assert result.session.fault.code == "too-many-sessions-matched"
        assert len(gateway.circuits) == 2

    async def test_one_dialect_closed_and_the_other_hinted(
        self, manager: SmallManager, gateway: SmallGateway
    ):
        """What v1 closed must not hide that v2 was denied."""
        gateway.circuits = {("v1", ONE): 1, ("v2", ONE): 1}

        def override(method: str, path: str):
            in_use = path.startswith("/v2/") and ONE in manager.sessions
            return (403, b'{"code": 403}') if in_use else None

        gateway.override = override
        manager.before_delete = lambda: eventually(lambda: len(gateway.asked) == 2)
        [result] = await terminate(manager.api(), ONE, gateway=gateway.url)
        assert result.circuits.fate is Fate.CLOSED and gateway.circuits == {}
        assert len(gateway.asked) == 3

    async def test_conf_is_never_sent(self, manager: SmallManager, gateway: SmallGateway):
        gateway.override = lambda method, path: (500, b"")
        await terminate(manager.api(), ONE, "two", "gone", gateway=gateway.url)
        assert not [asked for asked in gateway.asked if "conf" in asked or "PUT" in asked]
        assert set(gateway.bodies) == {""}

    async def test_a_rejected_token_is_a_hint_repeated_when_the_session_is_gone(
        self, manager: SmallManager, gateway: SmallGateway
    ):
        """A gateway that asks its manager may close what it would not close for us (design 7)."""
        gateway.circuits = {("v2", ONE): 1}

        def override(method: str, path: str):
            return (403, b'{"code": 403}') if ONE in manager.sessions else None

        gateway.override = override
        manager.before_delete = lambda: eventually(lambda: len(gateway.asked) == 2)
        [result] = await terminate(manager.api(), ONE, gateway=gateway.url)
        assert result == Terminated(ONE, DELETED, CircuitsPart(Fate.CLOSED))

    async def test_a_token_that_stays_rejected(self, manager: SmallManager, gateway: SmallGateway):
        gateway.token = "another"
        [result] = await terminate(manager.api(), ONE, gateway=gateway.url)
        assert result.session == DELETED
        assert result.circuits.fault is not None
        assert result.circuits.fault.code == "token-rejected"
        assert len(gateway.asked) == 4

    async def test_a_failed_deletion_still_cleans(
        self, manager: SmallManager, gateway: SmallGateway
    ):
        manager.override = lambda method, path: problem(500, "internal-server-error")
        gateway.circuits = {("v1", ONE): 1}
        [result] = await terminate(manager.api(), ONE, gateway=gateway.url)
        assert result.session.fault is not None
        assert result.session.fault.code == "internal-server-error"
        assert result.circuits == CircuitsPart(Fate.CLOSED, 1)


class TestTheZoo:
    @pytest.mark.parametrize("animal", ANIMALS.values(), ids=ANIMALS)
    async def test_as_a_gateway(self, manager: SmallManager, animal: Animal):
        """Whatever stands there, the session is deleted, in time."""
        rules = PATIENT if animal.reason != "address-silent" else ClientRules(30.0, HASTY)
        began = time.monotonic()
        async with animal() as address:
            [result] = await terminate(manager.api(), ONE, gateway=address, rules=rules)
        assert time.monotonic() - began < 10
        assert result.session == DELETED and ONE not in manager.sessions
        assert result.circuits.fate in (Fate.FAILED, Fate.NONE)
        if result.circuits.fate is Fate.FAILED:
            assert result.circuits.fault is not None and result.circuits.fault.detail
        else:
            assert animal.name.startswith("404")

    @pytest.mark.parametrize("animal", ANIMALS.values(), ids=ANIMALS)
    @pytest.mark.parametrize("mode", Mode)
    async def test_as_a_manager(self, gateway: SmallGateway, animal: Animal, mode: Mode):
        """The failure is said, nothing hangs, and nothing is called deleted."""
        gateway.circuits = {("v1", ONE): 1}
        silent = animal.reason == "address-silent"
        rules = ClientRules(0.5 if silent else 30.0, replace(PATIENT.deletion, lookup=0.5))
        async with animal() as address:
            who = Configuration(address, mode, "AK", "secret", "login", 8)
            [result] = await terminate(who, ONE, gateway=gateway.url, rules=rules)
        assert result.session.fate is Fate.FAILED
        assert result.session.fault is not None
        answered = animal.reason.startswith(("address-answers", "address-redirects", "confirmed"))
        assert not (answered and result.session.unreachable)
        if animal.name in ("refuse", "hang", "unresolvable", "reset", "expired-certificate"):
            assert result.session.unreachable
        assert result.circuits == CircuitsPart(Fate.CLOSED, 1)


class TestTime:
    async def test_a_hanging_gateway_does_not_delay_deletions(
        self, manager: SmallManager, gateway: SmallGateway
    ):
        """All sessions are deleted while not one clean-up has been answered."""
        gateway.hold = asyncio.Event()
        names = {f"{n:08d}-1111-4111-8111-111111111111" for n in range(40)}
        manager.sessions = {name: (name, "AKUSER") for name in names}
        rules = ClientRules(deletion=DeletionRules(cleanup=60.0, call=60.0, parallel=4))
        async with Client(manager.api(), gateway.url, rules=rules) as client:
            running = asyncio.get_running_loop().create_task(client.terminate_many(sorted(names)))
            await eventually(lambda: not manager.sessions)
            assert not running.done()
            gateway.hold.set()
            results = await running
        assert [result.id for result in results] == sorted(names)
        assert all(result.circuits == NONE for result in results)

    async def test_the_limit_of_a_call_covers_all_its_sessions(
        self, manager: SmallManager, gateway: SmallGateway
    ):
        gateway.hold = asyncio.Event()
        rules = ClientRules(deletion=DeletionRules(cleanup=60.0, call=0.3))
        began = time.monotonic()
        results = await terminate(manager.api(), ONE, TWO, gateway=gateway.url, rules=rules)
        gateway.hold.set()
        assert time.monotonic() - began < 10
        for result in results:
            assert result.session == DELETED
            assert result.circuits.fault is not None
            assert result.circuits.fault.code == "gateway-silent"

    async def test_without_time_no_gateway_is_asked(
        self, manager: SmallManager, gateway: SmallGateway
    ):
        rules = ClientRules(deletion=DeletionRules(call=0.0))
        [result] = await terminate(manager.api(), ONE, gateway=gateway.url, rules=rules)
        assert result.session == DELETED and gateway.asked == []
        assert result.circuits.fault is not None
        assert result.circuits.fault.code == "gateway-silent"

    @pytest.mark.parametrize("path", ["_/match", "login-check"])
    async def test_a_manager_that_is_slow_with_names_is_not_waited_for(
        self, manager: SmallManager, gateway: SmallGateway, path
    ):
        held = asyncio.Event()

        async def slow(request):
            if path in request.path:
                await held.wait()
            return await manager.handle(request)

        rules = ClientRules(30.0, replace(PATIENT.deletion, lookup=2.0))  # the other one answers
        async with serving(slow) as url:
            who = replace(manager.login(), endpoint=url)
            [result] = await terminate(who, "one", gateway=gateway.url, rules=rules)
            held.set()
        assert result.session == DELETED
        if path == "_/match":
            assert result.circuits == UNKNOWN and set(gateway.asked) == asked("one")
        else:
            assert result.circuits == NONE

    async def test_a_manager_that_is_slow_with_names_is_asked_for_few_of_them(
        self, manager: SmallManager, gateway: SmallGateway
    ):
        """Many names must not wait one after the other for a manager that tells none."""
        held, matches = asyncio.Event(), 0

        async def slow(request):
            nonlocal matches
            if "_/match" in request.path:
                matches += 1
                await held.wait()
            return await manager.handle(request)

        names = [f"session-{n}" for n in range(100)]
        manager.sessions = {
            f"{n:08d}-1111-4111-8111-111111111111": (name, "AKUSER") for n, name in enumerate(names)
        }
        rules = ClientRules(30.0, replace(PATIENT.deletion, lookup=0.2, parallel=4))
        began = time.monotonic()
        async with serving(slow) as url:
            who = replace(manager.api(), endpoint=url)
            results = await terminate(who, *names, gateway=gateway.url, rules=rules)
            held.set()
        assert time.monotonic() - began < 10
        assert matches <= 8 and not manager.sessions
        assert {result.circuits for result in results} == {UNKNOWN}

    async def test_many_sessions_take_turns_and_each_has_its_whole_time(
        self, manager: SmallManager, gateway: SmallGateway
    ):
        """The time of a session's clean-up begins with its turn: no queue makes it late."""
        ids = [f"{n:08d}-1111-4111-8111-111111111111" for n in range(60)]
        manager.sessions = {one: (one, "AKUSER") for one in ids}
        gateway.circuits = {("v2", one): 1 for one in ids}
        busy, most = 0, 0

        async def slow(request):
            nonlocal busy, most
            busy, most = busy + 1, max(most, busy + 1)
            await asyncio.sleep(0.12)
            busy -= 1
            return await gateway.handle(request)

        rules = ClientRules(deletion=DeletionRules(cleanup=3.0, call=60.0, cleaning=2))
        async with serving(slow) as url:
            results = await terminate(manager.api(), *ids, gateway=url, rules=rules)
        assert most <= 4  # two sessions, two dialects
        assert {result.circuits.fate for result in results} == {Fate.CLOSED}
        assert gateway.circuits == {}

    async def test_a_gateway_that_never_answered_is_not_asked_for_those_who_wait(
        self, manager: SmallManager, gateway: SmallGateway
    ):
        ids = [f"{n:08d}-1111-4111-8111-111111111111" for n in range(60)]
        manager.sessions = {one: (one, "AKUSER") for one in ids}
        gateway.hold = asyncio.Event()
        rules = ClientRules(deletion=DeletionRules(cleanup=0.3, call=60.0, cleaning=2))
        began = time.monotonic()
        results = await terminate(manager.api(), *ids, gateway=gateway.url, rules=rules)
        gateway.hold.set()
        assert time.monotonic() - began < 5  # one turn, not thirty
        assert len(gateway.asked) <= 8 and not manager.sessions
        for result in results:
            assert result.circuits.fault is not None
            assert result.circuits.fault.code == "gateway-silent"

    async def test_results_come_in_order_and_are_told_as_they_end(self, manager: SmallManager):
        told: list[str] = []
        results = await terminate(
            manager.api(), ONE, "gone", TWO, done=lambda result: told.append(result.id)
        )
        assert [result.id for result in results] == [ONE, "gone", TWO]
        assert sorted(told) == sorted([ONE, "gone", TWO])

    async def test_nothing_is_left_open_when_it_is_cancelled(
        self, manager: SmallManager, gateway: SmallGateway
    ):
        gateway.hold = asyncio.Event()
        async with Client(manager.api(), gateway.url) as client:
            task = asyncio.get_running_loop().create_task(client.terminate(ONE))
            await eventually(lambda: bool(gateway.asked))
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        gateway.hold.set()
        await client.close()


async def test_secrets_are_shown_nowhere(manager: SmallManager, gateway: SmallGateway, caplog):
    caplog.set_level("DEBUG")
    for who in (manager.api(), manager.login()):
        address = gateway.url.replace("http://", "http://name:password@")
        async with Client(who, address, "the-token") as client:
            shown = repr(client) + str(await client.terminate(ONE))
        for secret in ("secret-of-the-user", who.session or "-none-", "the-token", "password"):
            assert secret not in shown + caplog.text


async def test_one_session(manager: SmallManager):
    async with Client(manager.api()) as client:
        assert (await client.terminate(ONE, owner_access_key=None)).session == DELETED
