"""What the v2 stand-ins remember: start tokens and circuits, each on a port of its own."""

import secrets
from dataclasses import dataclass, field
from uuid import UUID, uuid4

from wsproxy.core import permits


@dataclass(frozen=True, slots=True)
class Secrets:
    """The keys of one installation."""

    api: str = field(default_factory=lambda: secrets.token_hex(16), repr=False)
    jwt: str = field(default_factory=lambda: secrets.token_hex(16), repr=False)
    permit: str = field(default_factory=lambda: secrets.token_hex(16), repr=False)


@dataclass(frozen=True, slots=True)
class Start:
    """What a manager said in ``POST /v2/conf``."""

    kernel_host: str
    kernel_port: int
    session_id: str
    user_id: str
    access_key: str


@dataclass(slots=True)
class Circuit:
    """One app of one session, open. ``protocol`` is the worker's: http or tcp, or unusable."""

    start: Start
    app: str
    protocol: str
    open_to_public: bool
    allowed_client_ips: str | None
    port: int = 0
    id: UUID = field(default_factory=uuid4)

    def permit(self, keys: Secrets) -> str:
        """The cookie's value: the same for all circuits of a user (protocol 7.1)."""
        return permits.classic(keys.permit, self.start.user_id)

    def serves(self, other: "Circuit") -> bool:
        """Whether ``other`` need not be made: all that App Proxy compares (protocol 5.4)."""
        return (
            self.start.session_id == other.start.session_id
            and self.app == other.app
            and self.open_to_public == other.open_to_public
            and self.allowed_client_ips == other.allowed_client_ips
        )
