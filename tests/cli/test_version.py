"""The version report asked from a terminal."""

import json

import pytest
from click.testing import CliRunner, Result

from tests.cli.test_status import Den, elsewhere
from wsproxy.cli.version import command
from wsproxy.compat.zoo.answers import answers, den, rendered
from wsproxy.compat.zoo.keeper import request_head
from wsproxy.compat.zoo.table import ANIMALS
from wsproxy.core.version import Answer, Fault, GroupUnknown, Policy, Trouble, VersionReport, judge

GOOD = judge(Answer(200, b'{"api_version":"v2"}'))
DEAD = judge(Fault(Trouble.REFUSED, "connection refused"), "http://proxy:1")


def run(gateway: str, *more: str) -> Result:
    return CliRunner().invoke(command, ["gpu", "--gateway", gateway, *more])


def saying(report: VersionReport, policy: Policy = Policy.FALLBACK) -> Den:
    return answers(report.status(policy), json.dumps(report.body(policy)).encode())


def test_a_good_report():
    with elsewhere(saying(GOOD)) as gateway:
        result = run(gateway)
    assert (result.exit_code, result.stdout) == (0, "gpu: v2 (confirmed)\n")
    assert result.stderr == ""


@pytest.mark.parametrize("policy", Policy)
def test_a_degraded_report_warns_under_both_policies(policy):
    with elsewhere(saying(DEAD, policy)) as gateway:
        result = run(gateway)
    assert (result.exit_code, result.stdout) == (0, "gpu: v1 (address-refused)\n")
    assert "warning: The address http://proxy:1 gave no answer" in result.stderr


def test_json_is_the_report():
    with elsewhere(saying(DEAD)) as gateway:
        result = run(gateway, "--json")
    assert json.loads(result.stdout) == DEAD.document()


def test_an_unknown_group_is_exit_1():
    with elsewhere(saying(judge(GroupUnknown()))) as gateway:
        result = run(gateway)
    assert (result.exit_code, result.stdout) == (1, "gpu: v1 (group-not-found)\n")


def test_what_an_older_server_says_is_shown_too():
    with elsewhere(answers(200, b'{"wsproxy_version": "v1"}')) as gateway:
        result = run(gateway)
    assert (result.exit_code, result.stdout) == (0, "gpu: v1\n")


def test_what_is_asked():
    asked: list[bytes] = []

    async def visit(reader, writer):
        asked.append(await request_head(reader))
        writer.write(rendered(200, json.dumps(GOOD.document()).encode()))
        await writer.drain()

    with elsewhere(den(visit)) as gateway:
        CliRunner().invoke(command, ["a b/c", "--gateway", gateway, "--project", "p&q"])
    line = asked[0].split(b"\r\n")[0]
    assert line == b"GET /scaling-groups/a%20b%2Fc/wsproxy-version?group=p%26q HTTP/1.1"


@pytest.mark.parametrize("name", ["refuse", "close", "ssh", "tls-alert"])
def test_a_gateway_that_cannot_be_asked_is_exit_3(name):
    with elsewhere(ANIMALS[name]) as gateway:
        result = run(gateway)
    assert result.exit_code == 3 and result.stdout == ""
    assert "[gateway-unreachable]" in result.stderr
    assert f"wsproxy status {gateway}" in result.stderr


@pytest.mark.parametrize("name", ["html", "json-list", "500", "redirect", "healthy-v2"])
def test_something_that_is_no_gateway_is_exit_1(name):
    with elsewhere(ANIMALS[name]) as gateway:
        result = run(gateway)
    assert result.exit_code == 1 and result.stdout == ""
    assert "[gateway-not-a-wsproxy]" in result.stderr


def test_a_malformed_gateway_is_a_usage_error():
    result = run("user:secret@nowhere")
    assert result.exit_code == 2
    assert "[gateway-malformed]" in result.stderr and "secret" not in result.output
