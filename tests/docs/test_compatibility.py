"""The pages of who works with whom are current: every cell is played again."""

import pytest

from scripts import compat
from wsproxy.compat.reports.markdown import markdown


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_every_cell_of_this_gateway_works_and_its_page_is_current():
    """All of it: every client, v1 and v2, every address."""
    run = compat.run(before=False)
    wrong = [f"{result.cell.name}: {'; '.join(result.verdict.said)}" for result in run.bad]
    assert wrong == []
    made = compat.GATEWAY + markdown(run)
    assert compat.difference("compatibility.md", made) == "", "run `make compat`"


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_the_page_of_the_proxies_before_it_is_current():
    made = compat.proxies_before()
    found = compat.difference("compatibility-upstream.md", made)
    assert found == "", f"run `make compat`\n{found}"
