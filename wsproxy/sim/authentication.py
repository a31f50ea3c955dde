"""Who calls the simulated manager: HMAC signatures, judged as real managers do (protocol 3.2)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from aiohttp import web
from yarl import URL

from wsproxy.core import signing
from wsproxy.sim import documents
from wsproxy.sim.documents import Fault, FaultError
from wsproxy.sim.traits import ManagerTraits
from wsproxy.sim.world import Keypair, World

API_VERSIONS = (
    "v4.20181215",
    "v4.20190115",
    "v4.20190315",
    "v4.20190615",
    "v5.20191215",
    "v6.20200815",
    "v6.20210815",
    "v6.20220315",
    "v6.20220615",
    "v6.20230315",
    "v7.20230615",
    "v8.20240315",
    "v8.20240915",
    "v9.20250722",
)
"""Oldest first; a manager knows those up to its own, and refuses later ones."""

DATE_ERROR = "Date/time sync error"


@dataclass(frozen=True, slots=True)
class Authenticator:
    """Checks signatures against the world's keypairs. ``clock`` gives unix seconds."""

    world: World
    era: ManagerTraits
    clock: Callable[[], float]

    def caller(self, request: web.Request) -> Keypair:
        """Who signed this request; raises ``FaultError`` (400 or 401)."""
        self._check_api_version(request.headers.get("X-BackendAI-Version"))
        secrets = {user.access_key: user.secret_key for user in self.world.keypairs.values()}
        found = signing.verify(
            secrets, request.method, request.raw_path, request.headers, self._now()
        )
        if isinstance(found, signing.Refusal):
            fault, text = self._refused(found, "Authorization" in request.headers)
            raise FaultError(fault, text)
        return self.world.keypairs[found]

    def _check_api_version(self, version: str | None) -> None:
        known = API_VERSIONS[: API_VERSIONS.index(self.era.api_version) + 1]
        if version is not None and version not in known:
            raise FaultError(documents.BAD_REQUEST, "Unsupported API version.")

    def _refused(self, refusal: signing.Refusal, signed: bool) -> tuple[Fault, str]:
        old = not self.era.unsigned_is_401
        if not signed and not old:
            return documents.AUTH_FAILED, "Unauthorized access"
        if refusal in (signing.Refusal.BAD_DATE, signing.Refusal.CLOCK_SKEW):
            return documents.AUTH_PARAMS, DATE_ERROR
        if refusal is signing.Refusal.MISMATCH:
            return documents.AUTH_FAILED, "Signature mismatch" if old else "HMAC signature mismatch"
        return documents.AUTH_FAILED, "Access key not found"

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self.clock(), UTC)

    def signer(self, manager: URL) -> "Signer":
        """Signs on behalf of users, for the web server; ``manager`` is where requests go."""

        def sign(user: Keypair, method: str, target: str) -> Mapping[str, str]:
            keypair = signing.Keypair(user.access_key, user.secret_key)
            host = manager.authority
            fields = signing.signed_fields(
                keypair, method, target, host, self._now(), self.era.api_version
            )
            return dict(fields)

        return sign


Signer = Callable[[Keypair, str, str], Mapping[str, str]]
"""(user, method, target) → the header fields that sign the request."""
