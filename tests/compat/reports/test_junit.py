"""The JUnit XML of a run."""

from xml.etree import ElementTree as ET

from tests.support.results import MIXED
from wsproxy.compat.reports.junit import junit


def test_a_suite_for_each_client_and_a_case_for_each_cell():
    root = ET.fromstring(junit(MIXED))
    assert root.tag == "testsuites"
    assert (root.get("tests"), root.get("failures"), root.get("errors")) == ("6", "1", "1")
    suites = {suite.get("name"): suite for suite in root}
    assert list(suites) == ["webui-22.09", "webui-20.09"]
    cases = suites["webui-22.09"].findall("testcase")
    assert [(case.get("classname"), case.get("name")) for case in cases] == [
        ("webui-22.09.v1", "healthy"),
        ("webui-22.09.v1", "refuse"),
        ("webui-22.09.v2", "healthy"),
        ("webui-22.09.v2", "refuse"),
    ]
    assert cases[0].get("time") == "1.250"


def test_what_fails_and_what_was_not_played():
    root = ET.fromstring(junit(MIXED))
    [failure] = root.iter("failure")
    assert failure.get("message") == "launch, deletion"
    assert failure.text == 'launch: <b>"&??[31m]]>; not deleted: why'
    [error] = root.iter("error")
    assert error.get("message") == "not played: out of time"
    [told] = root.iter("system-out")
    assert told.text == "launch: start-service was answered 500"
