"""What a WebUI asks its manager, in its words: through the web server, or signed (P 3.2, 3.3, 8).

Whether the page may read the answer is not judged here: the web server is the page's own origin,
and managers allow every origin, which the desktop app relies on.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from aiohttp import hdrs
from yarl import URL

from wsproxy.compat.eras.clients import AuthField, SpeaksTo, Ui
from wsproxy.compat.players.browser import AGENT, ENCODINGS, LANGUAGE, Browser
from wsproxy.compat.players.conversation import Answer, Nothing, Request, Why
from wsproxy.compat.scene import Scene
from wsproxy.core import signing
from wsproxy.core.streamfields import SESSION_FIELD
from wsproxy.core.tunnel import host_field

TIMED_OUT = 408
"""What the UI's library calls a request that took too long (P 9.5)."""

UNLIKELY = "8."
"""What ``/conf`` is told when the manager does not tell its version now: the person logged in
before, and this one is understood by managers of every age."""


def status_of(said: Answer | Nothing) -> int:
    """The status as the UI's library reports it; 0 when nobody could be asked."""
    if isinstance(said, Answer):
        return said.status
    return TIMED_OUT if said.why is Why.TIMEOUT else 0


@dataclass(frozen=True, slots=True)
class ManagerCalls:
    """The manager's API as the UI of one age uses it."""

    ui: Ui
    scene: Scene
    browser: Browser

    async def api_version(self) -> str:
        """The second and third character of the manager's version: "7." (P 2.1)."""
        said = await self._ask(hdrs.METH_GET, "/", self.ui.manager_seconds)
        version = said.object.get("version") if isinstance(said, Answer) else None
        return version[1:3] if isinstance(version, str) and len(version) > 2 else UNLIKELY

    async def group_version(self, limit: float) -> Answer | Nothing:
        """The version question (P 8.1)."""
        group, project = quote(self.scene.group, safe=""), quote(self.scene.project, safe="")
        path = f"/scaling-groups/{group}/wsproxy-version?group={project}"
        return await self._ask(hdrs.METH_GET, path, limit)

    async def start_service(
        self, envs: Mapping[str, str] | None, args: Mapping[str, str] | None
    ) -> Answer | Nothing:
        """``POST …/start-service`` with the texts and objects that UIs send (P 8.2)."""
        body: dict[str, Any] = {}
        if self.ui.sends_login_token:
            body["login_session_token"] = self.scene.login
        body["app"] = self.scene.app
        body["arguments"] = compact(args)
        if envs is not None:
            body["envs"] = envs
        limit = self.ui.start_seconds or self.ui.manager_seconds
        path = f"/session/{self.scene.session}/start-service"
        return await self._ask(hdrs.METH_POST, path, limit, compact(body).encode())

    async def delete_session(self) -> Answer | Nothing:
        """P 8.3."""
        owner = quote(self.scene.access_key, safe="")
        path = f"/session/{self.scene.session}?owner_access_key={owner}"
        return await self._ask(hdrs.METH_DELETE, path, self.ui.destroy_seconds)

    async def _ask(
        self, method: str, path: str, limit: float, body: bytes | None = None
    ) -> Answer | Nothing:
        if self.ui.mode is SpeaksTo.SESSION:
            url = joined(self.scene.webserver, f"/func{path}")
            return await self.browser.fetch(
                method, url, fields=self._session_fields(), body=body, credentials=True, limit=limit
            )
        url = joined(self.scene.manager, path)
        fields = [*self._signed_fields(method, url), ("Origin", self.browser.origin)]
        fields += [("Accept-Encoding", ENCODINGS), ("Accept-Language", LANGUAGE)]
        return await self.browser.conversation.ask(Request(method, url, fields, body, limit))

    def _session_fields(self) -> dict[str, str]:
        fields = {
            "Content-Type": signing.CONTENT_TYPE,
            "X-BackendAI-Version": self.ui.api_revision,
            "X-BackendAI-Date": signing.date_text(datetime.now(UTC)),
        }
        if self.ui.auth_field is AuthField.HEADER:
            fields[SESSION_FIELD] = self.scene.login
        return fields

    def _signed_fields(self, method: str, url: URL) -> list[tuple[str, str]]:
        keypair = signing.Keypair(self.scene.access_key, self.scene.secret_key)
        signed = signing.signed_fields(
            keypair,
            method,
            url.raw_path_qs,
            host_field(url),
            datetime.now(UTC),
            self.ui.api_revision,
        )
        return [("User-Agent", AGENT), *signed]


def joined(base: URL, path: str) -> URL:
    """``path`` (with its query, encoded) below ``base``, as clients put texts together."""
    return URL(f"{base}".rstrip("/") + path, encoded=True)


def compact(value: object) -> str:
    """JSON as ``JSON.stringify`` writes it."""
    return json.dumps(value, separators=(",", ":"))
