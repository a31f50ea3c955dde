"""What the control API serves: both dialects, the version report, management, health."""

import asyncio
from collections.abc import Awaitable, Callable

from wsproxy.api import versions
from wsproxy.api.cross_origin import CrossOriginRules
from wsproxy.api.endpoint import Endpoint
from wsproxy.api.server import ApiPolicy
from wsproxy.api.v1.caller import CallerRules, Callers
from wsproxy.api.v1.control import Control, ControlRules
from wsproxy.api.v1.helpers import Helpers
from wsproxy.api.v2 import conf, proxy, setup
from wsproxy.api.v2.start_tokens import StartTokens
from wsproxy.app import rules
from wsproxy.app.traffic import Traffic
from wsproxy.config.settings import Settings
from wsproxy.core.confaccess import ConfRules
from wsproxy.core.configuration import Configuration
from wsproxy.core.portpool import parse_pool
from wsproxy.core.setup import Places
from wsproxy.core.tokens import access_key_of
from wsproxy.core.version import Observation, Policy, judge
from wsproxy.manager.addresses import AddressBook, BookedGroups
from wsproxy.manager.front import FrontVersions
from wsproxy.manager.groups import Groups, LayeredGroups, ManagerGroups, SettingsGroups
from wsproxy.manager.requests import ManagerClient
from wsproxy.manager.versions import VersionReports
from wsproxy.manager.watch import OthersSessions
from wsproxy.net.asking import Asker, AskRules
from wsproxy.net.probe import Probe, ProbeRules, asking
from wsproxy.net.tasks import Tasks

Question = Callable[[str], Awaitable[Observation]]


HINT_SECONDS = 0.7
"""For the manager to say whether a session is gone: clients wait for it (protocol 9.3)."""


class ControlPart:
    """The endpoints, and what they ask outside: addresses and the manager. Close it."""

    def __init__(self, settings: Settings, traffic: Traffic) -> None:
        self._settings = settings
        self._traffic = traffic
        self._own = rules.own_identity(settings)
        self.manager = self._manager_client()
        self._tasks = Tasks("control")
        self._others = OthersSessions(self._own.access_key if self._own else "")
        self.reports = VersionReports(self._groups(), self._probe())
        self._front = self._front_versions()

    async def close(self) -> None:
        """Let go of every connection. Idempotent."""
        await self._tasks.close()
        await self.reports.close()
        if self._front is not None:
            await self._front.close()
        if self.manager is not None:
            await self.manager.close()

    def policy(self, base: str) -> ApiPolicy:
        """What holds for every answer."""
        settings = self._settings
        guard = rules.host_guard(settings, base)
        return ApiPolicy(
            own_version=rules.own_version(settings),
            cross_origin=CrossOriginRules(
                rules.api_origins(settings, base), rules.v1_origins(settings)
            ),
            host_allowed=guard.allows,
            one_request=settings.manager.forward,
        )

    def endpoints(self, base: str, places: Places) -> list[Endpoint]:
        """Every route of the control API; ``base`` is its advertised address."""
        rows = [*self._versions(base), *self._v1(base)]
        if self._settings.v2.enabled:
            rows += self._v2(base, places)
        return rows

    # versions

    def _versions(self, base: str) -> list[Endpoint]:
        policy = Policy(self._settings.policy.on_invalid_address)
        status = versions.OwnStatus(rules.own_version(self._settings), base)
        return versions.endpoints(self.reports, policy, status, self._front)

    def _groups(self) -> Groups:
        known = SettingsGroups(self._addresses())
        if self.manager is None:
            return known
        policy = self._settings.policy
        asked = ManagerGroups(self.manager, policy.probe_deadline, policy.probe_cache)
        book = AddressBook(self.manager, policy.probe_deadline, policy.probe_cache)
        return LayeredGroups(known, BookedGroups(book, asked))

    def _addresses(self) -> dict[str, str]:
        return {name: group.address for name, group in self._settings.groups.items()}

    def _probe(self) -> Probe[str]:
        policy = self._settings.policy
        asker = Asker(AskRules(deadline=policy.probe_deadline))
        return Probe(self._counted(asking(asker)), ProbeRules(keep=policy.probe_cache))

    def _counted(self, question: Question) -> Question:
        """Ask, and count what was found by its reason."""

        async def ask(address: str) -> Observation:
            seen = await question(address)
            self._traffic.metrics.probe(judge(seen).reason)
            return seen

        return ask

    def _front_versions(self) -> FrontVersions | None:
        settings = self._settings
        if not settings.manager.forward:
            return None
        return FrontVersions(
            settings.manager.endpoint,
            self.reports,
            self._addresses(),
            deadline=settings.policy.probe_deadline,
            verify_tls=settings.manager.verify_tls,
        )

    # v1

    def _v1(self, base: str) -> list[Endpoint]:
        settings, traffic = self._settings, self._traffic
        callers = Callers(
            traffic.configurations, self._caller_rules(), access_key_of=self._access_key_of
        )
        places = rules.v1_places(settings, base)
        pool, _ = parse_pool(settings.v1.port_pool)
        manager = settings.manager
        control = Control(
            traffic.circuits,
            traffic.configurations,
            callers,
            lambda: places,
            traffic.host.alive,
            ControlRules(
                endpoints=tuple(
                    one.rstrip("/") for one in (manager.endpoint, manager.webserver) if one
                ),
                behind={base: manager.endpoint.rstrip("/")} if manager.forward else {},
                pool=pool,
                host=",".join(settings.v1_listen_hosts),
            ),
            self.session_of_client_gone,
        )
        helpers = Helpers(traffic.table, callers, lambda: places)
        return [*control.endpoints(), *helpers.endpoints()]

    def _caller_rules(self) -> CallerRules:
        v1 = self._settings.v1
        return CallerRules(
            remote=v1.remote,
            classic=v1.answers == "classic",
            legacy_tokens=v1.legacy_tokens,
            origins=self._settings.gateway.allowed_origins,
            rate_limit=v1.rate_limit,
        )

    # v2

    def _v2(self, base: str, places: Places) -> list[Endpoint]:
        settings, traffic, v2 = self._settings, self._traffic, self._settings.v2
        tokens = StartTokens(traffic.store)
        trusted = settings.gateway.trusted_proxies
        announce = conf.ConfPart(
            tokens=tokens,
            access=ConfRules(v2.api_secret.get_secret_value(), v2.conf_from, trusted),
            targets=rules.target_rules(settings),
            listening=traffic.listening,
            announced=self._learn,
        )
        opening = proxy.ProxyPart(
            circuits=traffic.circuits,
            tokens=tokens,
            places=places,
            slots=rules.slot_rules(settings),
            jwt_secret=v2.jwt_secret.get_secret_value(),
            permits=rules.permit_rules(settings),
            origins=rules.api_origins(settings, base),
            fallback=self._fall_back if settings.manager.webserver else None,
            session_gone=self.session_gone,
        )
        page = setup.SetupPart(
            table=traffic.table,
            places=places,
            keys=rules.keys(settings),
            seen=traffic.setup_addresses,
            trusted=trusted,
        )
        return [*conf.endpoints(announce), *proxy.endpoints(opening), *setup.endpoints(page)]

    async def _fall_back(self, login_token: str) -> str:
        """Keep the login session's identity; circuits name it (design 5.6)."""
        configuration = rules.login_configuration(self._settings, login_token)
        return self._traffic.configurations.put(configuration).id

    async def session_gone(self, owner: str, session: str) -> bool | None:
        """Whether the manager says that a session is gone; None when it cannot be asked."""
        return await _gone_soon(self.session_of_owner_exists(owner, session))

    async def session_of_owner_exists(self, owner: str, session: str) -> bool | None:
        """Whether the session of an access key exists, asked with our own; None when in doubt."""
        if self.manager is None:
            return None
        key = access_key_of(owner)
        exists = await self.manager.session_exists(
            session, key if key != self.manager.who.access_key else ""
        )
        return self._others.believe(owner, session, exists)

    @property
    def asking(self) -> int:
        """Questions to the manager that nobody waits for."""
        return len(self._tasks)

    def _learn(self, owner: str, session: str) -> None:
        """Whether the manager shows us a session that certainly exists (``OthersSessions``)."""
        if self.manager is not None:
            self._tasks.start(self.session_of_owner_exists(owner, session), "is it shown")

    async def session_of_client_gone(self, who: Configuration, session: str) -> bool | None:
        """The same, asked with the identity of a v1 configuration."""
        return await _gone_soon(self.session_exists(who, session))

    async def session_exists(self, who: Configuration, session: str) -> bool | None:
        """Whether a session exists, asked with the identity of a v1 configuration."""
        settings = self._settings
        async with ManagerClient(who, verify_tls=settings.manager.verify_tls) as client:
            return await client.session_exists(session)

    async def _access_key_of(self, who: Configuration) -> str:
        """Whose login session it is, as its web server says."""
        async with ManagerClient(who, verify_tls=self._settings.manager.verify_tls) as client:
            return await client.access_key()

    def _manager_client(self) -> ManagerClient | None:
        if self._own is None:
            return None
        return ManagerClient(self._own, verify_tls=self._settings.manager.verify_tls)


async def _gone_soon(exists: Awaitable[bool | None]) -> bool | None:
    try:
        async with asyncio.timeout(HINT_SECONDS):
            known = await exists
    except TimeoutError:
        return None
    return None if known is None else not known
