import sys

from benchmarks.install import run


def test_what_goes_well_says_nothing(capsys) -> None:
    assert run(sys.executable, "-c", "print('done')")
    assert capsys.readouterr().err == ""


def test_what_fails_is_shown_and_the_rest_goes_on(capsys) -> None:
    assert not run(sys.executable, "-c", "raise SystemExit('no such package')")
    assert "no such package" in capsys.readouterr().err


def test_what_never_ends_is_ended(capsys) -> None:
    assert not run(sys.executable, "-c", "import time; time.sleep(600)", limit=0.5)
    assert "nothing came of it in 0.5 s" in capsys.readouterr().err
