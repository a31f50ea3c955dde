"""A real browser on apps behind the gateway: cookies, WebSockets and pages as they are (issue 8).

Cookies ignore ports, so two apps on one host name share what the browser sends. Each keeps working.
"""

import contextlib
import shutil
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest
from aiohttp import web
from playwright.async_api import Browser, Page, async_playwright, expect

from tests.support.node import JSON, SECRETS, Node, node, settings
from wsproxy.core.wire import PERMIT_COOKIE_PREFIX
from wsproxy.sim.installation import Installation, installation
from wsproxy.sim.jupyter import JupyterLab
from wsproxy.sim.site import Site
from wsproxy.sim.world import App, Keypair, World

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(180)]

QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
"""The browser asks nothing of the network but what the test opens; tests may run as root."""

PAGE = """<!doctype html><title>%(name)s</title><h1>%(name)s</h1><p id=said></p><script>
async function say() {
  const answer = await fetch('/whoami');
  const socket = new WebSocket('ws://' + location.host + '/ws');
  socket.onmessage = (event) => {
    document.getElementById('said').textContent = answer.status + ' ' + event.data;
  };
}
say();
</script>"""


class NamedApp:
    """An app that says its name, over HTTP and over a WebSocket, and keeps what it was sent."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.cookies: list[str] = []
        app = web.Application()
        app.router.add_get("/ws", self._socket)
        app.router.add_get("/whoami", self._whoami)
        app.router.add_get("/{tail:.*}", self._page)
        self.site = Site(app)

    def _saw(self, request: web.Request) -> None:
        self.cookies.append(request.headers.get("Cookie", ""))

    async def _page(self, request: web.Request) -> web.StreamResponse:
        self._saw(request)
        page = web.Response(text=PAGE % {"name": self.name}, content_type="text/html")
        page.set_cookie("session", self.name)
        return page

    async def _whoami(self, request: web.Request) -> web.StreamResponse:
        self._saw(request)
        return web.Response(text=self.name)

    async def _socket(self, request: web.Request) -> web.StreamResponse:
        self._saw(request)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.send_str(self.name)
        await socket.close()
        return socket


@contextlib.asynccontextmanager
async def named_apps(*names: str) -> AsyncIterator[list[NamedApp]]:
    apps = [NamedApp(name) for name in names]
    async with contextlib.AsyncExitStack() as stack:
        for app in apps:
            await app.site.start()
            stack.push_async_callback(app.site.close)
        yield apps


@contextlib.asynccontextmanager
async def browsing() -> AsyncIterator[Browser]:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    assert chromium, "Chromium is missing: run `make setup`"
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=QUIET)
        try:
            yield browser
        finally:
            await browser.close()


async def _redirect_url(gateway_node: Node, app: NamedApp, session: str) -> str:
    token = await gateway_node.announce(int(app.site.url.rpartition(":")[2]), session)
    opened = await gateway_node.auth(token, session, app=app.name)
    return str(opened["redirect_url"])


async def _says(page: Page, name: str) -> None:
    await expect(page.locator("h1")).to_have_text(name, timeout=20_000)
    await expect(page.locator("#said")).to_have_text(f"200 {name}", timeout=20_000)


WILDCARD = {**SECRETS, "domain": ".localhost", "domain-bind": "127.0.0.1:0"}
MODES = {"port": {}, "wildcard": {**WILDCARD, "domain-advertise-port": 8080}}


@pytest.mark.parametrize("mode", MODES)
async def test_two_apps_of_one_session_side_by_side(mode):
    session = str(uuid4())
    async with (
        named_apps("notebook", "terminal") as apps,
        node(settings(v2=MODES[mode])) as gateway_node,
        browsing() as browser,
    ):
        context = await browser.new_context()
        pages = []
        for app in apps:
            page = await context.new_page()
            await page.goto(await _redirect_url(gateway_node, app, session))
            await _says(page, app.name)
            pages.append(page)
        for page, app in zip(pages, apps, strict=True):  # the first still works after the second
            await page.reload()
            await _says(page, app.name)
        jar = [cookie["name"] for cookie in await context.cookies()]
        permits = [name for name in jar if name.startswith(PERMIT_COOKIE_PREFIX)]
        assert len(set(permits)) == 2, jar
        for app in apps:
            assert app.cookies
            assert not [seen for seen in app.cookies if PERMIT_COOKIE_PREFIX in seen]
        if mode == "wildcard":
            assert {page.url.split(".", 1)[1].split(":")[0] for page in pages} == {"localhost"}
            for app in apps:  # an app's own cookie is not seen by its sibling
                ours = [seen for seen in app.cookies if "session=" in seen]
                assert ours and all(f"session={app.name}" in seen for seen in ours)
        await context.close()


async def test_without_a_permit_the_browser_gets_a_page_that_says_so():
    async with named_apps("notebook") as apps, node() as gateway_node, browsing() as browser:
        opened = await gateway_node.open(int(apps[0].site.url.rpartition(":")[2]))
        page = await browser.new_page()
        answer = await page.goto(opened.url)
        assert answer is not None and answer.status == 401
        assert "wsproxy said this, not the app" in await page.inner_text("body")
        assert not apps[0].cookies


@contextlib.asynccontextmanager
async def lab_installation() -> AsyncIterator[tuple[Installation, str, Keypair]]:
    """A manager that knows one session with a real JupyterLab."""
    world = World()
    user = world.add_user(Keypair("AKIABROWSER", "secret-of-the-browser"))
    world.add_group("local")
    lab = await JupyterLab().start()
    try:
        app = App("jupyter", "127.0.0.1", lab.port)
        session = world.add_session("work", "local", user.access_key, app)
        async with installation(world) as running:
            yield running, str(session.id), user
    finally:
        await lab.close()


CODE = "print(6 * 7)"


async def _run_a_cell(page: Page, url: str) -> None:
    """Open a notebook in JupyterLab and run a cell, as a person does: once the kernel is idle."""
    await page.goto(url, wait_until="domcontentloaded")
    card = page.locator('.jp-LauncherCard[data-category="Notebook"]').first
    await card.click(timeout=60_000)
    kernel = page.locator("#jp-bottom-panel, #jp-main-statusbar").first
    await expect(kernel).to_contain_text("Idle", timeout=60_000)
    cell = page.locator(".jp-Notebook .jp-CodeCell .cm-content").first
    await cell.click(timeout=60_000)
    await page.keyboard.type(CODE)
    await expect(cell).to_have_text(CODE, timeout=60_000)
    await page.keyboard.press("Shift+Enter")
    output = page.locator(".jp-Notebook .jp-OutputArea-output").first
    await expect(output).to_contain_text("42", timeout=60_000)


@pytest.mark.jupyter
async def test_jupyterlab_runs_a_cell_through_v1_and_v2():
    async with (
        lab_installation() as (running, session, user),
        node() as gateway_node,
        browsing() as browser,
    ):
        v1 = await _open_v1(gateway_node, running, session, user)
        v2 = await _open_v2(gateway_node, running, session)
        for url in (v1, v2):
            context = await browser.new_context()
            page = await context.new_page()
            await page.goto(url, wait_until="domcontentloaded")
            origin = page.url.split("/lab")[0].rstrip("/")
            await _run_a_cell(page, f"{origin}/lab?reset")
            await context.close()


async def _open_v1(gateway_node: Node, running: Installation, session: str, user: Keypair) -> str:
    conf: dict[str, Any] = {
        "endpoint": running.endpoint,
        "mode": "API",
        "access_key": user.access_key,
        "secret_key": user.secret_key,
        "api_version": "9.",
    }
    token = (await gateway_node.ask("PUT", "/conf", json=conf)).json["token"]
    added = await gateway_node.get(f"/proxy/{token}/{session}/add?app=jupyter", headers=JSON)
    return str(added.json["url"])


async def _open_v2(gateway_node: Node, running: Installation, session: str) -> str:
    (known,) = running.world.sessions.values()
    token = await gateway_node.announce(known.apps["jupyter"].port, session)
    opened = await gateway_node.auth(token, session)
    return str(opened["redirect_url"])
