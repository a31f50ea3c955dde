"""The browser: what it announces, follows, hides and keeps."""

import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

import pytest
from aiohttp import web
from yarl import URL

from tests.support.installations import serving
from wsproxy.compat.players.browser import Browser, page_url
from wsproxy.compat.players.conversation import Answer, Conversation, Nothing, Why, connections

PAGE = "http://127.0.0.1:21090"
OPEN = {"Access-Control-Allow-Origin": "*"}
CREDENTIALS = {
    "Access-Control-Allow-Origin": PAGE,
    "Access-Control-Allow-Credentials": "true",
    "Access-Control-Allow-Methods": "PUT",
    "Access-Control-Allow-Headers": "content-type",
}


@dataclass
class Place:
    """A server whose answers a test writes, and a browser with a page of another origin."""

    browser: Browser
    url: URL = field(default_factory=URL)
    other: URL = field(default_factory=URL)
    asked: list[web.Request] = field(default_factory=list)

    def lines(self) -> list[str]:
        return [f"{one.method} {one.path}" for one in self.asked]


Answers = Callable[[web.Request], web.Response]


@contextlib.asynccontextmanager
async def place(answers: Answers, origin: str = PAGE) -> AsyncIterator[Place]:
    async with connections() as http:
        at = Place(Browser(origin, Conversation(http, 30.0)))

        async def handle(request: web.Request) -> web.Response:
            at.asked.append(request)
            return answers(request)

        async with serving(handle) as url, serving(handle) as other:
            at.url, at.other = URL(url), URL(other)
            yield at


async def test_a_stranger_must_allow_the_page_or_the_answer_is_hidden():
    async with place(lambda request: web.Response(text="secret")) as at:
        answer = await at.browser.fetch("GET", at.url)
        kept = at.browser.conversation.exchanges[-1]

    assert isinstance(answer, Nothing) and answer.why is Why.CORS
    assert kept.failure == answer.said and kept.answer == "secret"
    assert answer.said.endswith("hidden by the browser: no Access-Control-Allow-Origin")


async def test_a_page_reads_its_own_server_and_sends_its_cookies_there():
    async with place(lambda request: web.Response(text="mine")) as at:
        at.browser.origin = str(at.url.origin())
        at.browser.jar.put(at.url, "a", "1")
        answer = await at.browser.fetch("PUT", at.url, fields={"Content-Type": "text/x"})

    assert isinstance(answer, Answer) and answer.body == b"mine"
    assert at.lines() == ["PUT /"]  # nothing to announce
    assert at.asked[0].headers["Cookie"] == "a=1"
    assert at.asked[0].headers["Sec-Fetch-Site"] == "same-origin"


def _announced(max_age: str) -> Answers:
    fields = CREDENTIALS | ({"Access-Control-Max-Age": max_age} if max_age else {})
    return lambda request: web.Response(headers=fields)


@pytest.mark.parametrize(("age", "announcements"), [("", 2), ("86400", 1)])
async def test_what_is_unusual_is_announced_and_the_leave_may_be_kept(age, announcements):
    async with place(_announced(age)) as at:
        for _ in range(2):
            answer = await at.browser.fetch("PUT", at.url / "conf", credentials=True)
            assert isinstance(answer, Answer)

    assert at.lines().count("OPTIONS /conf") == announcements
    assert at.asked[0].headers["Access-Control-Request-Method"] == "PUT"
    assert "Access-Control-Request-Headers" not in at.asked[0].headers
    assert "Cookie" not in at.asked[0].headers


async def test_what_was_announced_in_vain_is_never_sent():
    async with place(lambda request: web.Response(headers=OPEN)) as at:
        answer = await at.browser.fetch("PUT", at.url / "conf", credentials=True)

    assert isinstance(answer, Nothing) and answer.why is Why.CORS
    assert at.lines() == ["OPTIONS /conf"]


async def test_an_announcement_nobody_answers_is_no_answer():
    async with place(lambda request: web.Response()) as at:
        answer = await at.browser.fetch("PUT", URL("http://127.0.0.1:1/conf"))

    assert isinstance(answer, Nothing) and answer.why is Why.NETWORK


async def test_two_strangers_in_a_row_see_no_origin():
    """The hop of /redirect to the app's port: apps that allow the page by name do not help."""
    at: Place

    def answers(request: web.Request) -> web.Response:
        if request.path == "/redirect":
            return web.Response(status=302, headers=OPEN | {"Location": str(at.other / "app")})
        return web.Response(headers={"Access-Control-Allow-Origin": PAGE})

    async with place(answers) as at:
        answer = await at.browser.fetch("GET", at.url / "redirect")

    assert isinstance(answer, Nothing) and answer.why is Why.CORS
    assert [one.headers["Origin"] for one in at.asked] == [PAGE, "null"]


async def test_unseen_requests_and_tabs_follow_redirects_with_cookies_and_without_origin():
    def answers(request: web.Request) -> web.Response:
        if request.path == "/setup":
            headers = {"Location": "/app", "Set-Cookie": "permit=1; Path=/"}
            return web.Response(status=302, headers=headers)
        return web.Response(text="the app")

    async with place(answers) as at:
        assert await at.browser.opaque(at.url / "setup") is None
        answer = await at.browser.navigate(at.url / "setup")

    assert isinstance(answer, Answer) and answer.body == b"the app"
    assert at.lines() == ["GET /setup", "GET /app"] * 2
    assert [one.headers.get("Cookie") for one in at.asked] == [None, *["permit=1"] * 3]
    assert not [one for one in at.asked if "Origin" in one.headers]


async def test_redirects_end():
    headers = {"Location": "/round", "Access-Control-Allow-Origin": "*"}
    async with place(lambda request: web.Response(status=302, headers=headers)) as at:
        for answer in (
            await at.browser.fetch("GET", at.url),
            await at.browser.navigate(at.url),
            await at.browser.opaque(at.url),
        ):
            assert isinstance(answer, Nothing) and "too many redirects" in answer.said

    assert len(at.asked) == 60


@pytest.mark.parametrize("location", [None, "http://[broken"])
async def test_a_redirect_to_nowhere_is_an_answer(location):
    headers = {"Location": location} if location else {}
    async with place(lambda request: web.Response(status=302, headers=headers)) as at:
        answer = await at.browser.navigate(at.url)

    assert isinstance(answer, Answer) and answer.status == 302


@pytest.mark.parametrize("origin", ["null", "es6://app"])
async def test_pages_without_a_web_server_have_no_referer(origin):
    async with place(lambda request: web.Response(headers=OPEN), origin) as at:
        assert isinstance(await at.browser.fetch("GET", at.url), Answer)

    sent = at.asked[0].headers
    assert (sent["Origin"], sent["Sec-Fetch-Site"]) == (origin, "cross-site")
    assert "Referer" not in sent


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("http://127.0.0.1:5050/a?b=%7B", "http://127.0.0.1:5050/a?b=%7B"),
        ("http://127.0.0.1:5050/a b", "http://127.0.0.1:5050/a%20b"),
        ("/redirect?port=1", None),
        ("ftp://127.0.0.1/", None),
        ("http://[", None),
        ("", None),
        ("undefined", None),
    ],
)
def test_which_texts_are_addresses(text, url):
    found = page_url(text)

    assert (str(found) if found is not None else None) == url
