"""One line an event, in text or JSON, without secrets, whatever a client or a library put in."""

import io
import json
import logging

import pytest

from wsproxy.observe import logs

LOG = logging.getLogger("wsproxy.test")


def written(style: str = "text", level: str = "info") -> io.StringIO:
    stream = io.StringIO()
    logs.setup(level, style, stream)
    return stream


def test_a_text_line_has_time_level_logger_message_and_fields() -> None:
    stream = written()
    logs.event(LOG, logging.INFO, "circuit opened", app="my app", port=10200, note="")
    time, rest = stream.getvalue().split(" ", 1)
    assert time.endswith("Z")
    assert rest == 'info wsproxy.test: circuit opened app="my app" port=10200 note=""\n'


def test_a_json_line_keeps_numbers() -> None:
    stream = written("json")
    logs.event(LOG, logging.WARNING, "late", ms=1.5, status=504, why=None, app="a")
    document = json.loads(stream.getvalue())
    assert document.pop("time").endswith("Z")
    assert document == {
        "level": "warning",
        "logger": "wsproxy.test",
        "message": "late",
        "ms": 1.5,
        "status": 504,
        "why": None,
        "app": "a",
    }


@pytest.mark.parametrize("style", ["text", "json"])
def test_a_traceback_stays_on_one_line_and_without_secrets(style: str) -> None:
    stream = written(style)
    try:
        raise ValueError("token=hunter2\nsecond")
    except ValueError:
        LOG.exception("failed with Authorization: Bearer hunter2")
    assert stream.getvalue().count("\n") == 1
    assert "hunter2" not in stream.getvalue()
    assert "ValueError" in stream.getvalue()


def test_a_client_cannot_forge_a_line() -> None:
    stream = written()
    LOG.info("path %s", "/a\r\n2026-01-01T00:00:00Z info wsproxy: forged")
    assert stream.getvalue().count("\n") == 1


def test_levels_and_libraries() -> None:
    stream = written(level="warning")
    LOG.info("not this")
    logging.getLogger("aiohttp.server").info("nor this")
    logging.getLogger("aiohttp.server").error("but this")
    assert stream.getvalue().endswith("error aiohttp.server: but this\n")
    assert stream.getvalue().count("\n") == 1


def test_setting_up_again_replaces_the_stream() -> None:
    first = written()
    second = written("json")
    LOG.info("once")
    assert first.getvalue() == ""
    assert second.getvalue().count("\n") == 1


def test_the_access_record_hides_the_query_and_the_token() -> None:
    stream = written("json")
    logs.log_access(
        logs.Access("GET", "/proxy/hunter2/s/add?t=hunter2", 200, "v1", 0.0123, app="jupyter")
    )
    document = json.loads(stream.getvalue())
    assert "hunter2" not in stream.getvalue()
    assert document["target"] == "/proxy/…/s/add?…"
    assert document["ms"] == 12.3
    assert document["level"] == "info"
    assert "failure" not in document


@pytest.mark.parametrize(
    ("side", "level"), [("app", "warning"), ("gateway", "warning"), ("client", "info")]
)
def test_a_client_that_leaves_is_no_warning(side: str, level: str) -> None:
    stream = written("json")
    access = logs.Access("GET", "/", 502, "v2", 1.0, failure="cut", side=side, upgraded=True)
    logs.log_access(access)
    document = json.loads(stream.getvalue())
    assert document["level"] == level
    assert (document["message"], document["failure"]) == ("tunnel", "cut")


def test_a_connection_whose_head_nobody_reads_has_no_target() -> None:
    stream = written("json")
    logs.log_access(logs.Access("", "", 0, "v1", 2.0, app="sshd", upgraded=True))
    document = json.loads(stream.getvalue())
    assert document["app"] == "sshd"
    assert not {"method", "target", "status"} & document.keys()


def test_access_records_can_be_switched_off_by_level() -> None:
    stream = written(level="error")
    logs.log_access(logs.Access("GET", "/", 200, "v2", 1.0))
    assert stream.getvalue() == ""


@pytest.mark.parametrize("style", ["text", "json"])
def test_what_a_client_named_drives_no_terminal_and_ends_no_line(style: str) -> None:
    stream = written(style)
    LOG.info(
        "app %s", "a\x1b[2J\x9b2J\x85b\u2028c\u202ed\ud800\r\nfake", extra={"fields": {"x": "\x07"}}
    )
    (line,) = stream.getvalue().splitlines()
    assert line.isprintable()
    assert "fake" in line
    assert "\\u2028" in line
