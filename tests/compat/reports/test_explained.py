"""One cell told in full, without its secrets."""

from tests.support.results import BAD, result
from wsproxy.compat.play import Result
from wsproxy.compat.reports.explained import explained
from wsproxy.compat.scene import Exchange, Outcome, Play, Step

SECRET = "0123456789abcdefghijklmnop"
LOGIN = "feedfacefeedfacefeedface"


def exchange(**changed) -> Exchange:
    given = {
        "method": "PUT",
        "url": f"http://127.0.0.1:5050/proxy/{SECRET}/S/add?token={SECRET}&app=jupyter",
        "headers": (("Cookie", f"AIOHTTP_SESSION={LOGIN}"), ("Accept", "*/*")),
        "body": f'{{"session": "{LOGIN}", "mode": "SESSION"}}',
        "status": 200,
        "answer_headers": (("Set-Cookie", f"appproxy_permit_x={SECRET}; Path=/"),),
        "answer": f'{{"token": "{SECRET}"}}',
        "seconds": 0.0123,
        **changed,
    }
    return Exchange(**given)


def told(*exchanges: Exchange, **steps: Outcome) -> str:
    play = Play(
        steps={Step(name): outcome for name, outcome in steps.items()},
        conversation=list(exchanges),
    )
    cell = result("webui-22.09/v1/refuse", BAD)
    return explained(Result(cell.cell, cell.verdict, play), "this gateway")


def test_requests_answers_and_times():
    text = told(exchange(), launch=Outcome(True, "v1: opens", 0.5))
    assert text.startswith("webui-22.09/v1/refuse at this gateway: ✗ launch, deletion\n")
    assert "1. PUT http://127.0.0.1:5050/proxy/…/S/add?… -> 200 (0.012 s)" in text
    assert "   > Accept: */*" in text and "mode" in text
    assert "+ launch: v1: opens (0.500 s)" in text
    assert "- terminate: not tried" in text
    assert "launch: fails\nreport: works\ndeletion: fails\n" in text


def test_no_secret_is_shown_wherever_it_comes_back():
    text = told(
        exchange(),
        exchange(url=f"http://127.0.0.1:9/plain/{SECRET}", answer=f"hello {SECRET} {LOGIN}"),
        close=Outcome(False, f"GET http://x/{SECRET}: no", 0.1),
    )
    assert SECRET not in text and LOGIN not in text


def test_no_answer_is_told_with_its_reason():
    text = told(exchange(status=0, answer="", answer_headers=(), failure="connection refused"))
    assert "-> no answer (0.012 s)" in text and "   ! connection refused" in text


def test_what_a_server_says_cannot_drive_the_terminal():
    text = told(exchange(answer="\x1b[2Jboo\nnext", answer_headers=(("X-A", "b\x07"),)))
    assert "\x1b" not in text and "\x07" not in text and "\\x1b[2Jboo\\nnext" in text


def test_a_cell_that_nobody_played():
    text = explained(result("webui-22.09/v1/refuse", BAD), "http://t")
    assert text.splitlines()[2] == "launch: fails"
