import pytest

from wsproxy.core.findings import NOTICES, Level, found


@pytest.mark.parametrize("code", NOTICES)
def test_a_kind_of_finding_says_what_and_what_to_do(code):
    finding = found(code)
    assert finding.text.endswith(".") and finding.mend.endswith(".")
    assert finding.document() == {
        "level": finding.level.value,
        "code": code,
        "text": NOTICES[code].meaning,
        "mend": NOTICES[code].mend,
        "see": f"docs/errors.md#{code}",
    }


def test_a_finding_may_be_more_exact_than_its_kind():
    finding = found("slash-at-end", "Said.", "Do.")
    assert (finding.level, finding.text, finding.mend) == (Level.NOTE, "Said.", "Do.")
