"""``docs/errors.md`` lists every code that the package can produce."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from scripts import codes, errors
from wsproxy.core.catalogue import CATALOGUE
from wsproxy.core.circuit import CloseReason
from wsproxy.core.codes import anchor
from wsproxy.core.failure import FailureKind
from wsproxy.core.findings import NOTICES
from wsproxy.core.version import ROWS

PACKAGE = Path(__file__).resolve().parents[2] / "wsproxy"
PAGE = errors.page()
CODE = re.compile(r"(?:appproxy/)?[a-z]+(?:-[a-z]+)*(?:-N)?")

SAYING = {"Fault": 0, "fail": 1, "error": 1, "Problem": 0, "found": 0}
"""Calls that make a code, and which argument it is."""

OTHERS = ("sim", "compat")
"""What other programs say, not ours."""


def ours() -> Iterator[ast.Module]:
    for path in sorted(PACKAGE.rglob("*.py")):
        if path.relative_to(PACKAGE).parts[0] not in OTHERS:
            yield ast.parse(path.read_text(encoding="utf-8"))


def texts(node: ast.expr) -> Iterator[str]:
    """The texts that an expression can be; what is filled in is a number, N."""
    match node:
        case ast.Constant(value=str(text)):
            yield text
        case ast.JoinedStr(values=values):
            parts = [str(part.value) if isinstance(part, ast.Constant) else "N" for part in values]
            yield "".join(parts)
        case ast.BoolOp(values=values):
            for value in values:
                yield from texts(value)
        case _:
            return


def said() -> set[str]:
    """Codes in calls of ``SAYING``, and in maps from kinds of failures."""
    found: set[str] = set()
    for module in ours():
        for node in ast.walk(module):
            match node:
                case ast.Call(
                    func=ast.Attribute(value=ast.Name(id=name), attr="get"), args=[_, default]
                ) if name.endswith("_KINDS"):
                    found.update(texts(default))
                case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name), args=args):
                    at = SAYING.get(name, len(args))
                    found.update(text for one in args[at : at + 1] for text in texts(one))
                case ast.AnnAssign(target=ast.Name(id=name), value=ast.Dict(values=values)):
                    if name.endswith("_KINDS"):
                        found.update(text for one in values for text in texts(one))
                case _:
                    pass
    return {code for code in found if CODE.fullmatch(code)}


def test_the_collector_sees_each_way_of_saying_a_code() -> None:
    seen = said()
    assert {"id-too-short", "status-N", "not-a-manager", "manager-answers-N"} <= seen
    assert {"gateway-tls", "address-unresolvable", "app-not-found", "clock-off"} <= seen
    assert {"gateway-refused", "address-refused", "manager-refused"} <= seen
    assert {"too-many-requests", "uri-too-long", "interrupted"} <= seen


def test_every_code_of_the_package_is_on_the_page() -> None:
    missing = [code for code in sorted(said()) if f"`{code}` |" not in PAGE]
    assert missing == []


def test_every_catalogue_is_on_the_page() -> None:
    reasons = [name + ("-N" if name.endswith("-answers") else "") for name in ROWS]
    kinds = [kind.value for kind in (*FailureKind, *CloseReason)]
    listed = [*CATALOGUE, *reasons, *NOTICES, *codes.COMMANDS, *codes.MESSAGES, *codes.V1, *kinds]
    assert [code for code in listed if f"`{code}` |" not in PAGE] == []


def test_every_number_of_upstreams_is_on_the_page() -> None:
    files = [
        path for path in PACKAGE.rglob("*.py") if path.relative_to(PACKAGE).parts[0] not in OTHERS
    ]
    numbers = {n for path in files for n in re.findall(r"\bE\d{5}\b", path.read_text())}
    assert numbers == set(codes.MESSAGES)


def test_no_row_is_for_a_code_that_nobody_says() -> None:
    unsaid = set(codes.COMMANDS) - said()
    assert unsaid <= {"session-not-found"}  # a manager's own, told by ``terminate``


def test_every_row_says_what_to_do_where_something_can_be_done() -> None:
    content = {"`address-not-set`", "`confirmed`", "`200`", "`404`"}
    for line in PAGE.splitlines():
        name = line.rpartition("</a>")[2].removeprefix("| ").partition(" |")[0]
        assert not line.endswith("| — |") or name in content | {"`client-gone`"}, line


def test_anchors_are_given_once_and_lead_to_their_code() -> None:
    anchors = re.findall(r'<a id="(.+?)"></a>`(.+?)` \|', PAGE)
    assert len({name for name, _ in anchors}) == len(anchors) > 80
    assert all(anchor(code) == name for name, code in anchors)
