"""The page of a run."""

from dataclasses import replace
from html.parser import HTMLParser

from tests.support.results import ALL_WELL, MIXED
from wsproxy.compat.reports.html import html


class Page(HTMLParser):
    """Tags, their attributes, and the text of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data

    def classes(self, tag: str) -> list[str]:
        return [attributes.get("class") or "" for name, attributes in self.tags if name == tag]


def test_it_is_whole_and_needs_nothing_else():
    page = Page(html(MIXED))
    assert page.open == []
    names = {name for name, _ in page.tags}
    assert names.isdisjoint({"script", "link", "img", "iframe", "form", "base"})
    attributes = [attribute for _, found in page.tags for attribute in found]
    assert {"src", "href", "onclick"}.isdisjoint(attributes)
    assert "url(" not in html(MIXED) and "@import" not in html(MIXED)


def test_a_phone_can_show_it():
    page = Page(html(MIXED))
    assert (
        "meta",
        {"name": "viewport", "content": "width=device-width, initial-scale=1"},
    ) in page.tags
    assert page.classes("div") == ["wide", "wide"]


def test_what_servers_said_is_escaped():
    text = html(replace(MIXED, target="<script>alert(1)</script>", fault="a & b <i>"))
    assert "<b>" not in text and "<i>" not in text and "<script" not in text
    assert "&lt;b&gt;" in text and "a &amp; b" in text


def test_every_cell_has_its_sign_and_what_fails_is_told():
    page = Page(html(MIXED))
    cells = [kind for kind in page.classes("td") if kind]
    assert sorted(cells) == ["bad", "good", "good", "good", "idle", "unplayed"]
    assert "webui-22.09/v1/refuse: launch: " in page.text
    assert "What fails" not in Page(html(ALL_WELL)).text
