import subprocess
import sys

import pytest

from benchmarks.process import ROOT


@pytest.mark.slow
def test_a_request_runs_without_sockets_and_is_counted() -> None:
    """The harness holds on to insides of the data plane: whoever changes them hears of it here."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.profile", "--count", "100", "--lines", "60"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert "µs of Python a request: answer without Connection" in done.stdout
    assert "100 requests" in done.stdout
    assert "quick.py" in done.stdout and "exchange.py" not in done.stdout, "the short way is taken"
