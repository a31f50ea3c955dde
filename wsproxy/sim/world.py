"""What the simulated installation knows: groups, users, sessions and their apps.

Plain mutable values, so that a test can put the world into the state it needs.
"""

import secrets
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from uuid import UUID, uuid4


@dataclass(slots=True)
class App:
    """A service of a container. ``starting``: how many stream requests are refused with 500."""

    name: str
    host: str
    port: int
    protocol: str = "http"
    starting: int = 0

    def listed(self) -> dict[str, object]:
        return {"name": self.name, "protocol": self.protocol, "ports": [self.port]}


@dataclass(frozen=True, slots=True)
class Keypair:
    """A user and the keys the user signs with."""

    access_key: str
    secret_key: str
    email: str = "user@example.com"
    password: str = "password"
    admin: bool = False
    user_id: UUID = field(default_factory=uuid4)


@dataclass(slots=True)
class Group:
    """A resource group (scaling group). ``address`` None or "" is what v1 installations have."""

    name: str
    address: str | None = None


@dataclass(slots=True)
class Session:
    """A compute session. ``closers`` end what is still open to it: called when it is deleted."""

    name: str
    group: str
    owner: str
    apps: dict[str, App] = field(default_factory=dict)
    id: UUID = field(default_factory=uuid4)
    project: UUID = field(default_factory=uuid4)
    status: str = "RUNNING"
    closers: set[Callable[[], None]] = field(default_factory=set)

    def cut(self) -> None:
        """End what is open to its containers."""
        for close in tuple(self.closers):
            close()


class TooManyMatches(LookupError):
    """A session name that fits several sessions of one owner."""

    def __init__(self, matches: list[Session]) -> None:
        super().__init__(f"{len(matches)} sessions have that name")
        self.matches = matches


class World:
    """The database of the simulated installation."""

    def __init__(self) -> None:
        self.keypairs: dict[str, Keypair] = {}
        self.groups: dict[str, Group] = {}
        self.sessions: dict[UUID, Session] = {}
        self.logins: dict[str, str] = {}  # login session id → access key

    def add_user(self, keypair: Keypair) -> Keypair:
        self.keypairs[keypair.access_key] = keypair
        return keypair

    def add_group(self, name: str, address: str | None = None) -> Group:
        group = self.groups[name] = Group(name, address)
        return group

    def add_session(self, name: str, group: str, owner: str, *apps: App) -> Session:
        session = Session(name, group, owner, {app.name: app for app in apps})
        self.sessions[session.id] = session
        return session

    def log_in(self, access_key: str) -> str:
        """A login session of the web server; returns its id (32 hex digits, as the real ones)."""
        session_id = secrets.token_hex(16)
        self.logins[session_id] = access_key
        return session_id

    def find(self, reference: str, owners: Collection[str]) -> Session | None:
        """By id or name among the sessions of these access keys; raises ``TooManyMatches``."""
        mine = [session for session in self.sessions.values() if session.owner in owners]
        for session in mine:
            if str(session.id) == reference.lower():
                return session
        named = [session for session in mine if session.name == reference]
        if len(named) > 1:
            raise TooManyMatches(named)
        return named[0] if named else None

    def keys_of(self, access_key: str) -> frozenset[str]:
        """All access keys of the user that this one belongs to."""
        keypair = self.keypairs.get(access_key)
        if keypair is None:
            return frozenset({access_key})
        everybody = self.keypairs.values()
        return frozenset(one.access_key for one in everybody if one.user_id == keypair.user_id)

    def matching(self, start: str, owner: str) -> list[Session]:
        """The owner's sessions whose id or name starts so."""
        return [
            session
            for session in self.sessions.values()
            if session.owner == owner
            and (str(session.id).startswith(start) or session.name.startswith(start))
        ]
