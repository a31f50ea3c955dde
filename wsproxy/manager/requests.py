"""Signed requests to a manager, or to a web server in SESSION mode (protocol 3.2, 3.3, 8).

Every method returns a value, whatever happens: what the manager said, or a ``Failure`` on its side.
Nothing of the credentials is ever in a value, a message or a log.
"""

import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import aiohttp
from aiohttp import hdrs
from yarl import URL

from wsproxy.core.configuration import Configuration, Mode
from wsproxy.core.deletion import ENDED, GONE_SLUGS
from wsproxy.core.failure import Failure, FailureKind, Side
from wsproxy.core.strangers import line, matching_ids, parsed, problem_slug
from wsproxy.core.streamfields import explain_refusal, stream_fields
from wsproxy.core.tunnel import host_field
from wsproxy.core.wire import SPEAKER_HEADER
from wsproxy.net.resolver import LooseResolver

BODY_LIMIT = 1 << 20
"""Bytes of an answer that are read; what is longer is not a manager's."""

PATIENCE = 15.0
"""Seconds for one request; the WebUI waits as long for a deletion (protocol 9.3)."""

CONNECT = 5.0
"""Seconds to connect."""


@dataclass(frozen=True, slots=True)
class Said:
    """An answer of whoever listens there. ``date`` and ``speaker`` are header fields."""

    status: int
    body: bytes
    date: str = ""
    speaker: str = ""

    @property
    def good(self) -> bool:
        return 200 <= self.status < 300

    @property
    def document(self) -> Any:
        """The body as JSON; None when it is not JSON."""
        return parsed(self.body)

    @property
    def slug(self) -> str:
        """The stable code of a problem; "" when this is no problem document."""
        return problem_slug(self.document)

    @property
    def title(self) -> str:
        """What the problem says, for a person; "" when this is no problem document."""
        document = self.document if self.slug else {}
        return line(document.get("msg") or document.get("title") or "")

    def explained(self, now: datetime) -> str:
        """Status and words for a person; a clock that is off is named (design 12)."""
        said = explain_refusal(self.status, self.date, now, "this machine's")
        return f"{said} {self.title}".strip()


class ManagerClient:
    """One identity at one manager. Close it."""

    def __init__(
        self, who: Configuration, *, patience: float = PATIENCE, verify_tls: bool = True
    ) -> None:
        self._who = who
        self._base = URL(who.endpoint)
        self._prefix = "/func" if who.mode is Mode.SESSION else ""
        self._patience = patience
        self._verify = verify_tls
        self._session: aiohttp.ClientSession | None = None

    def __repr__(self) -> str:
        return f"ManagerClient({self._who!r})"

    @property
    def who(self) -> Configuration:
        return self._who

    async def __aenter__(self) -> "ManagerClient":
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Let go of the connections. Idempotent."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def request(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> Said | Failure:
        """One request to ``path`` (percent-encoded already); redirects are not followed."""
        return await self._request(method, self._url(self._prefix + path, query or {}), body)

    async def _request(
        self, method: str, url: URL, body: Mapping[str, Any] | None = None
    ) -> Said | Failure:
        host = host_field(url)
        signed = stream_fields(self._who, url.raw_path_qs, host, datetime.now(UTC), method)
        fields = {"Host": host, **dict(signed)}  # what is signed is sent, whatever a library does
        data = json.dumps(body).encode() if body is not None else None
        try:
            async with self._connections().request(
                method, url, headers=fields, data=data, allow_redirects=False
            ) as response:
                read = await read_answer(response)
                if isinstance(read, Failure):
                    return read
                return said_by(response, read)
        except (aiohttp.ClientError, TimeoutError, ssl.SSLError, OSError, ValueError) as error:
            return failure_of(error)

    def _url(self, path: str, query: Mapping[str, str]) -> URL:
        pairs = "&".join(f"{quote(k, safe='')}={quote(v, safe='')}" for k, v in query.items())
        text = f"{self._base}".rstrip("/") + path
        return URL(f"{text}?{pairs}" if pairs else text, encoded=True)

    def _connections(self) -> aiohttp.ClientSession:
        if self._session is None:
            timeout = aiohttp.ClientTimeout(total=self._patience, sock_connect=CONNECT)
            connector = aiohttp.TCPConnector(ssl=self._verify, resolver=LooseResolver())
            self._session = aiohttp.ClientSession(
                connector=connector,
                timeout=timeout,
                auto_decompress=True,
                trust_env=False,
                cookie_jar=aiohttp.DummyCookieJar(),
                skip_auto_headers=("Accept-Encoding",),
            )
        return self._session

    # what a manager can be asked

    async def get(self, path: str, query: Mapping[str, str]) -> tuple[int, bytes] | Failure:
        """Status and body (``manager.groups.AsksManager``)."""
        said = await self.request(hdrs.METH_GET, path, query)
        return said if isinstance(said, Failure) else (said.status, said.body)

    async def delete_session(
        self, session: str, *, forced: bool = False, owner_access_key: str = ""
    ) -> Said | Failure:
        """Protocol 8.3."""
        query = {"forced": "true"} if forced else {}
        if owner_access_key:
            query["owner_access_key"] = owner_access_key
        return await self.request(hdrs.METH_DELETE, _session(session), query)

    async def session_exists(self, session: str, owner_access_key: str = "") -> bool | None:
        """Whether the session is there, and not ending; None when it cannot be told.

        Without ``owner_access_key`` it is looked for among the caller's own (protocol 8.3).
        """
        query = {"owner_access_key": owner_access_key} if owner_access_key else {}
        said = await self.request(hdrs.METH_GET, _session(session), query)
        if isinstance(said, Failure):
            return None
        if said.good:
            document = said.document
            return not (isinstance(document, dict) and str(document.get("status")) in ENDED)
        return False if said.status == 404 and said.slug in GONE_SLUGS else None

    async def group_version(self, group: str, project: str = "") -> Said | Failure:
        """What the manager says of a group (protocol 8.1)."""
        path = f"/scaling-groups/{quote(group, safe='')}/wsproxy-version"
        return await self.request(hdrs.METH_GET, path, {"group": project} if project else {})

    async def about(self) -> Said | Failure:
        """The manager's release and API version (protocol 8.4)."""
        return await self.request(hdrs.METH_GET, "/")

    async def session_ids(self, name: str) -> tuple[str, ...]:
        """The ids of the caller's sessions with exactly this name; none when it cannot be told."""
        said = await self.request(hdrs.METH_GET, "/session/_/match", {"id": name})
        if isinstance(said, Failure) or not said.good:
            return ()
        return matching_ids(said.document, name)

    async def access_key(self) -> str:
        """Ours. In SESSION mode the web server knows it; "" when it does not tell."""
        if self._who.mode is Mode.API:
            return self._who.access_key
        said = await self._request(hdrs.METH_POST, self._url("/server/login-check", {}), {})
        document = None if isinstance(said, Failure) else said.document
        data = document.get("data") if isinstance(document, dict) else None
        found = data.get("access_key") if isinstance(data, dict) else None
        return found if isinstance(found, str) else ""

    async def start_service(
        self, session: str, app: str, *, port: int | None = None, login_session_token: str = ""
    ) -> Said | Failure:
        """Protocol 8.2; ``{"token", "wsproxy_addr"}`` when it works."""
        body: dict[str, Any] = {"app": app}
        if port is not None:
            body["port"] = port
        if login_session_token:
            body["login_session_token"] = login_session_token
        return await self.request(hdrs.METH_POST, f"{_session(session)}/start-service", body=body)

    async def apps(self, session: str) -> Said | Failure:
        """The services of a session (protocol 3.4)."""
        path = f"/stream/session/{quote(session, safe='')}/apps"
        return await self.request(hdrs.METH_GET, path)


def _session(session: str) -> str:
    return f"/session/{quote(session, safe='')}"


def said_by(response: aiohttp.ClientResponse, body: bytes) -> Said:
    """The answer as a value, with the body that was read."""
    fields = response.headers
    return Said(response.status, body, fields.get(hdrs.DATE, ""), fields.get(SPEAKER_HEADER, ""))


async def read_answer(response: aiohttp.ClientResponse) -> bytes | Failure:
    """The body, if it is no longer than ``BODY_LIMIT``."""
    body = bytearray()
    async for part in response.content.iter_chunked(1 << 16):
        body += part
        if len(body) > BODY_LIMIT:
            detail = "its answer has no end"
            return Failure(FailureKind.MALFORMED_ANSWER, Side.MANAGER, detail)
    return bytes(body)


_KINDS: tuple[tuple[type[BaseException], FailureKind, str], ...] = (
    (aiohttp.ClientConnectorDNSError, FailureKind.UNRESOLVABLE, "its name does not resolve"),
    (aiohttp.ClientConnectorCertificateError, FailureKind.TLS, "its certificate is not valid"),
    (aiohttp.ClientSSLError, FailureKind.TLS, "TLS cannot be established"),
    (ssl.SSLError, FailureKind.TLS, "TLS cannot be established"),
    (aiohttp.ConnectionTimeoutError, FailureKind.CONNECT_TIMEOUT, "it accepts no connection"),
    (TimeoutError, FailureKind.FIRST_BYTE_TIMEOUT, "it gives no answer in time"),
    (aiohttp.ClientConnectorError, FailureKind.REFUSED, "it cannot be reached"),
    (aiohttp.ServerDisconnectedError, FailureKind.CLOSED_EARLY, "it closes without an answer"),
    (aiohttp.ClientPayloadError, FailureKind.CUT, "its answer breaks off"),
    (aiohttp.ClientResponseError, FailureKind.MALFORMED_ANSWER, "it does not answer in HTTP"),
    (OSError, FailureKind.CLOSED_EARLY, "the connection breaks"),
    (ValueError, FailureKind.UNRESOLVABLE, "its address is not usable"),
)


def failure_of(error: BaseException) -> Failure:
    """An error of the client library as a value; the first row that fits."""
    for kind, failure, detail in _KINDS:
        if isinstance(error, kind):
            return Failure(failure, Side.MANAGER, detail)
    return Failure(FailureKind.CLOSED_EARLY, Side.MANAGER, "the connection breaks")
