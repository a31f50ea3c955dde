"""The configurations that clients sent, each behind its own random token (design 9).

The same configuration gets the same token again; two users never share one, because everything
that identifies a user is part of what is compared. They live in memory only: they hold secrets.
"""

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import islice

from wsproxy.core.configuration import Configuration, Mode

MOST = 16_384
"""Configurations kept; above it the one that was unused for longest is forgotten."""

TOKEN_BYTES = 32
"""43 characters of base64url (protocol 2.1)."""


@dataclass(frozen=True, slots=True)
class Registered:
    """A configuration and the names it has here. ``id`` is no secret: circuits carry it."""

    id: str
    configuration: Configuration
    token: str

    def __repr__(self) -> str:
        return f"Registered({self.id!r}, {self.configuration!r})"


def _digest(text: str) -> bytes:
    """Look-ups compare digests, so their time tells nothing about a token."""
    return hashlib.sha256(text.encode()).digest()


class Configurations:
    """All configurations of the process."""

    def __init__(
        self,
        new_token: Callable[[], str] = lambda: secrets.token_urlsafe(TOKEN_BYTES),
        new_id: Callable[[], str] = lambda: secrets.token_hex(8),
        most: int = MOST,
    ) -> None:
        self._new_token = new_token
        self._new_id = new_id
        self._most = most
        self._by_id: dict[str, Registered] = {}  # in order of use
        self._by_identity: dict[tuple[str, ...], str] = {}
        self._by_token: dict[bytes, str] = {}
        self._access_keys: dict[str, str] = {}  # of logins, as their web server told them
        self._latest = ""

    def __len__(self) -> int:
        return len(self._by_id)

    def __repr__(self) -> str:
        return f"Configurations({len(self)})"

    def put(self, configuration: Configuration, *, by_client: bool = False) -> Registered:
        """Keep a configuration. A known one keeps its id and token.

        ``by_client``: it came with ``/conf``; then a known one takes the new details, which are no
        identity (``api_version`` after a manager's upgrade, ``auth_mode``). Those that the gateway
        makes itself (design 5.6) change nothing that a client said.
        """
        known = self._by_id.get(self._by_identity.get(configuration.identity, ""))
        if known is None:
            registered = Registered(self._new_id(), configuration, self._new_token())
        elif by_client:
            registered = replace(known, configuration=configuration)
        else:
            registered = known
        self._by_id.pop(registered.id, None)
        self._by_id[registered.id] = registered
        self._by_identity[configuration.identity] = registered.id
        self._by_token[_digest(registered.token)] = registered.id
        if by_client:
            self._latest = registered.id
        if len(self._by_id) > self._most:
            self.forget(next(iter(self._by_id)))
        return registered

    def by_id(self, configuration_id: str) -> Configuration | None:
        """The configuration that a route names."""
        registered = self._by_id.pop(configuration_id, None)
        if registered is None:
            return None
        self._by_id[configuration_id] = registered  # used just now
        return registered.configuration

    def by_token(self, token: str) -> Registered | None:
        """Who holds this random token."""
        return self._by_id.get(self._by_token.get(_digest(token), ""))

    def latest(self) -> Registered | None:
        """What ``local`` means in legacy mode: the last one that was sent."""
        return self._by_id.get(self._latest)

    def by_access_key(self, access_key: str) -> Registered | None:
        """What an access key as token means in legacy mode."""
        for registered in reversed(self._by_id.values()):
            if access_key and self._access_key(registered) == access_key:
                return registered
        return None

    def _access_key(self, registered: Registered) -> str:
        configuration = registered.configuration
        if configuration.mode is Mode.API:
            return configuration.access_key
        return self._access_keys.get(registered.id, "")

    def logins(self, most: int) -> tuple[Registered, ...]:
        """The newest login sessions whose access key is not known."""
        unknown = (one for one in reversed(self._by_id.values()) if self._is_unknown(one))
        return tuple(islice(unknown, most))

    def _is_unknown(self, registered: Registered) -> bool:
        session = registered.configuration.mode is Mode.SESSION
        return session and registered.id not in self._access_keys

    def learn(self, configuration_id: str, access_key: str) -> None:
        """Whose login it is; old WebUIs show that key as their token."""
        if access_key and configuration_id in self._by_id:
            self._access_keys[configuration_id] = access_key

    def forget(self, configuration_id: str) -> None:
        """Drop a configuration and its token."""
        registered = self._by_id.pop(configuration_id, None)
        if registered is not None:
            del self._by_identity[registered.configuration.identity]
            del self._by_token[_digest(registered.token)]
            self._access_keys.pop(configuration_id, None)
