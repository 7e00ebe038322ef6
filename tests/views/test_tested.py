"""Written tests as text, JSON and JUnit: whatever a file holds, nothing moves a cursor or breaks."""

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
import xmlschema

from sagactl.machine import tested
from sagactl.source.place import Place, Source
from sagactl.source.problem import Problem
from sagactl.views.junit import junit_document
from sagactl.views.tested_json import json_document
from sagactl.views.tested_junit import written_suites
from sagactl.views.tested_text import count_words, since, text_lines

SCHEMAS = Path(__file__).parent.parent / "cases" / "schemas"
NASTY = "50% ]]> <a> & \x1b[2J\nerror \u202e é"
SOURCE = Source("a/order.test.yaml", "tests:\n  - name: it\n    expect: {state: failed}\n")
PLACE = Place(SOURCE, 3, 21, 3, 27)


def mismatch(message: str) -> tested.Mismatch:
    return tested.Mismatch(PLACE, "state", '"failed"', '"completed"', message)


def a_test(name: str, *messages: str) -> tested.Tested:
    story = (tested.Happened(0.0, f"pay  {NASTY}"), tested.Happened(86_410.1684, "the end"))
    return tested.Tested(name, Place(SOURCE, 2, 11, 2, 13), tuple(map(mismatch, messages)), story)


FILES = (
    tested.TestedFile(SOURCE.name, "a/order.yaml", (a_test("it"), a_test(NASTY, "state: wrong", NASTY)), left_out=2, seconds=0.25),
    tested.TestedFile("b.test.yaml", "b.yaml", problems=(Problem("unknown-key", PLACE, NASTY),)),
    tested.TestedFile("c\x1b[2J.test.yaml", "", unread=(f"c: {NASTY}",)),
    tested.TestedFile("d.test.yaml", "d.yaml", left_out=1),
)  # fmt: skip


@pytest.mark.parametrize("colour", [False, True])
def test_the_text_tells_each_test_and_all_about_those_that_failed(colour: bool) -> None:
    lines = list(text_lines(FILES, colour=colour))
    assert "\x1b[2J" not in "".join(lines)
    assert "\u202e" not in "".join(lines)
    assert not any("\n" in line for line in lines)
    if colour:
        assert "  \x1b[32m✓\x1b[0m it" in lines
        return
    assert lines[:3] == ["a/order.test.yaml", "  ✓ it", f"  ✗ {lines[2][4:]}"]
    assert lines[3:6] == [
        "a/order.test.yaml:3:21: error: state: wrong [mismatch]",
        "      expect: {state: failed}",
        "                      ^~~~~~",
    ]
    assert "    24:00:10.168  the end" in lines
    assert not any("d.test.yaml" in line for line in lines)


def test_the_count_says_what_passed_and_what_did_not() -> None:
    assert (
        count_words(FILES)
        == "2 tests in 4 files: 1 passed, 1 failed, 2 files not understood, 3 left out"
    )
    assert count_words(FILES[:1]) == "2 tests in 1 file: 1 passed, 1 failed, 2 left out"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.0, "00:00.000"), (59.9996, "01:00.000"), (3599.0, "59:59.000"), (90_000.5, "25:00:00.500")],
)
def test_a_time_is_said_with_hours_where_there_are_any(seconds: float, text: str) -> None:
    assert since(tested.Happened(seconds, "")) == text


def test_junit_is_what_jenkins_reads() -> None:
    text = junit_document("sagactl test", written_suites(FILES))
    assert text.isascii()
    xmlschema.XMLSchema(SCHEMAS / "junit-10.xsd").validate(text)
    root = ElementTree.fromstring(text)
    for level in (root, *root):
        assert int(level.attrib["tests"]) == len(level.findall(".//testcase"))
        assert int(level.attrib["failures"]) == len(level.findall(".//failure"))
        assert int(level.attrib["errors"]) == len(level.findall(".//error"))
    (failure,) = root.findall(".//failure")
    assert failure.attrib["message"] == "state: wrong"
    assert "a/order.test.yaml:3:21" in (failure.text or "")
    assert "the end" in (failure.text or "")
    assert len(root.findall(".//error")) == 2


def test_json_says_all_there_is() -> None:
    document = json_document(FILES)
    assert json.loads(json.dumps(document)) == document
    first, second, third, _ = document
    assert [file["passed"] for file in document] == [False, False, False, True]
    assert first["tests"][1]["mismatches"][0] == {
        "path": "a/order.test.yaml", "line": 3, "column": 21, "end_line": 3, "end_column": 27,
        "what": "state", "expected": '"failed"', "came": '"completed"', "message": "state: wrong",
    }  # fmt: skip
    assert first["tests"][0]["story"][1] == {"after_s": 86_410.168, "text": "the end"}
    assert second["problems"][0]["code"] == "unknown-key"
    assert third["unread"]
