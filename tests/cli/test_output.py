"""Results on stdout, the rest on stderr, plain when nobody looks."""

import json
from pathlib import Path

import click
import pytest

from wsproxy.cli import output


def test_results_are_plain_and_unwrapped_without_a_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    text = "x" * 200 + " [bold]not markup[/bold] :smile:"
    output.stdout().print(text, style="bold red")
    captured = capsys.readouterr()
    assert captured.out == text + "\n"
    assert captured.err == ""


def test_colours_on_a_terminal(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    with (tmp_path / "out").open("w+") as file:
        monkeypatch.setattr(file, "isatty", lambda: True, raising=False)
        monkeypatch.setattr("sys.stdout", file)
        output.stdout().print("x", style="red")
        file.seek(0)
        assert "\x1b[31m" in file.read()


def test_an_error_names_its_code_and_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(click.exceptions.Exit) as caught:
        output.fail("the address is wrong", "address-malformed", "Write http://…", exit_code=3)
    captured = capsys.readouterr()
    assert caught.value.exit_code == 3
    assert captured.out == ""
    assert captured.err == "error: the address is wrong [address-malformed]\n  Write http://…\n"


def test_an_error_without_a_code_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    output.error("it broke")
    output.warn("it may break")
    assert capsys.readouterr().err == "error: it broke\nwarning: it may break\n"


def test_json_prints_what_scripts_can_read(capsys: pytest.CaptureFixture[str]) -> None:
    output.print_json([{"path": Path("/x"), "name": "세션"}])
    out = capsys.readouterr().out
    assert json.loads(out) == [{"path": "/x", "name": "세션"}]
    assert "세션" in out


@pytest.mark.parametrize(
    ("document", "line"),
    [
        ({"title": "No.", "msg": "Because."}, "No. Because."),
        ({"title": "No.", "msg": "No."}, "No."),
        ({"message": "old shape"}, "old shape"),
        ({}, "unknown problem"),
    ],
)
def test_a_problem_in_one_line(document: dict[str, str], line: str) -> None:
    assert output.problem_line(document) == line
