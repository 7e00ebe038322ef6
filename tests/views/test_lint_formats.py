"""Every format against what its readers published: schemas of others, and their own parsers."""

import json
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import jsonschema
import pytest
import xmlschema

from sagactl.definition.loader import load
from sagactl.lint.catalogue import CATALOGUE, find_code
from sagactl.lint.judgement import Settings, judged
from sagactl.lint.linter import lint
from sagactl.source.place import Place, Source
from sagactl.source.problem import Problem, Severity
from sagactl.views.lint_github import github_lines
from sagactl.views.lint_gitlab import gitlab_document
from sagactl.views.lint_json import json_document
from sagactl.views.lint_junit import junit_text
from sagactl.views.lint_report import Report, fingerprints
from sagactl.views.lint_sarif import sarif_document

SCHEMAS = Path(__file__).parent.parent / "cases" / "schemas"
CASES = Path(__file__).parent.parent / "cases" / "lint"

SHAPE = """\
saga: ä😀
steps:
  - {name: "😀", acton: PUT http://h/a}
  - {name: b, needs: [c], action: PUT http://h/b, action: x}
"""
# What docs.gitlab.com/ci/testing/code_quality says a report must and may hold.
GITLAB = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["description", "check_name", "fingerprint", "severity", "location"],
        "properties": {
            "description": {"type": "string", "minLength": 1},
            "check_name": {"type": "string", "minLength": 1},
            "fingerprint": {"type": "string", "pattern": "^[0-9a-f]{32,}$"},
            "severity": {"enum": ["info", "minor", "major", "critical", "blocker"]},
            "location": {
                "type": "object",
                "required": ["path", "lines"],
                "properties": {
                    "path": {"type": "string", "pattern": r"^(?!\./|/)"},
                    "lines": {
                        "type": "object",
                        "required": ["begin"],
                        "properties": {"begin": {"type": "integer", "minimum": 1}},
                    },
                },
            },
        },
    },
}


def found(name: str, text: str) -> list[Problem]:
    saga, problems = load(Source(name, text), lambda name: "there is none")
    if saga is None:
        return problems
    return lint(saga, lambda source, all_: judged(source, all_, Settings()), problems)


def everything(root: str) -> Report:
    """Every rule's bad case, a mistake of shape, a file without any, and one that cannot be read."""
    texts = {
        "shape ö.yaml": SHAPE,
        "clean.yaml": (CASES / "unused-input" / "good.yaml").read_text(),
    }
    for path in sorted(CASES.glob("*/bad.yaml")):
        texts[f"rules/{path.parent.name}.yaml"] = path.read_text()
    problems = [p for name, text in texts.items() for p in found(f"{root}/{name}", text)]
    names = tuple(f"{root}/{name}" for name in texts)
    return Report(names, tuple(problems), ("gone.yaml: cannot be read",), root)


@pytest.fixture
def report(tmp_path: Path) -> Report:
    return everything(str(tmp_path))


def sarif_run(report: Report) -> Any:
    document = sarif_document(report)
    schema = json.loads((SCHEMAS / "sarif-2.1.0.json").read_text(encoding="utf-8"))
    jsonschema.Draft4Validator(schema).validate(document)
    return document["runs"][0]


def test_sarif_is_what_its_schema_says(report: Report) -> None:
    run = sarif_run(report)
    assert len(run["results"]) == len(report.problems) > 20
    assert run["columnKind"] == "unicodeCodePoints"
    assert any("fixes" in result for result in run["results"])
    assert any("relatedLocations" in result for result in run["results"])
    assert run["invocations"][0]["executionSuccessful"] is False


def test_sarif_lists_every_code_as_a_rule_and_refers_to_it(report: Report) -> None:
    run = sarif_run(report)
    rules = run["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == [code.number for code in CATALOGUE]
    for rule in rules:
        assert rule["help"]["markdown"].startswith("**`")
        assert rule["defaultConfiguration"]["level"] in ("error", "warning")
    for result, problem in zip(run["results"], report.problems, strict=True):
        code = find_code(problem.code)
        assert code is not None
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"] == code.number


def test_sarif_speaks_of_files_below_the_root(report: Report) -> None:
    run = sarif_run(report)
    assert run["originalUriBaseIds"]["SRCROOT"]["uri"] == f"file://{report.root}/"
    uris = {
        result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
        for result in run["results"]
    }
    assert "shape%20%C3%B6.yaml" in uris
    assert {"rules/unused-input.yaml"} < uris
    outside = Report(("/elsewhere/a.yaml",), (), (), report.root)
    location = sarif_run(outside)["artifacts"][0]["location"]
    assert location == {"uri": "file:///elsewhere/a.yaml"}


def test_a_region_counts_code_points_and_a_fix_replaces_that_very_text(report: Report) -> None:
    run = sarif_run(report)
    [result] = [r for r in run["results"] if r["ruleId"] == "SG030"]
    region = result["locations"][0]["physicalLocation"]["region"]
    line = SHAPE.splitlines()[region["startLine"] - 1]
    assert line[region["startColumn"] - 1 : region["endColumn"] - 1] == "acton"
    [change] = result["fixes"][0]["artifactChanges"]
    [replacement] = change["replacements"]
    assert replacement == {"deletedRegion": region, "insertedContent": {"text": "action"}}


def test_a_fingerprint_is_its_own_and_stays_when_lines_move(tmp_path: Path) -> None:
    text = (CASES / "no-compensation" / "bad.yaml").read_text()
    name = str(tmp_path / "a.yaml")

    def prints(text: str) -> list[str]:
        return fingerprints(Report((name,), tuple(found(name, text)), (), str(tmp_path)))

    before = prints(text)
    assert len(set(before)) == len(before) > 0
    assert prints("# moved\n\n" + text) == before
    twice = tuple(found(name, text)) * 2
    assert len(set(fingerprints(Report((name,), twice, (), str(tmp_path))))) == 2 * len(before)


def test_gitlab_gets_what_it_documents(report: Report) -> None:
    document = gitlab_document(report)
    jsonschema.Draft202012Validator(GITLAB).validate(document)
    prints = [entry["fingerprint"] for entry in document]
    assert len(set(prints)) == len(prints) == len(report.problems)
    assert {entry["severity"] for entry in document} == {"major", "minor"}


@pytest.mark.parametrize("is_strict", [False, True])
def test_junit_is_what_jenkins_reads(report: Report, is_strict: bool) -> None:
    report = Report(report.files, report.problems, report.unread, report.root, is_strict)
    text = junit_text(report)
    xmlschema.XMLSchema(SCHEMAS / "junit-10.xsd").validate(text)
    root = ElementTree.fromstring(text)
    failures = root.findall(".//failure")
    assert len(failures) == sum(map(report.fails, report.problems)) == int(root.attrib["failures"])
    assert len(root.findall(".//testcase")) == int(root.attrib["tests"])
    assert len(root.findall(".//error")) == int(root.attrib["errors"]) == 1
    clean = next(suite for suite in root if suite.attrib["name"] == "clean.yaml")
    assert [len(case) for case in clean.findall("testcase")] == [0]
    for suite in root:
        assert len(suite.findall("testcase")) == int(suite.attrib["tests"])


NASTY = "50%\r\n::error::x, y: ]]> <a> & \x1b[2J \ud800 é"


def nasty() -> Report:
    source = Source("a,b:c%\n\x1b[2J.yaml", "x: 1\n")
    place = Place(source, 1, 1, 1, 2)
    return Report((source.name,), (Problem("unknown-key", place, NASTY, NASTY),), (), "/r", True)


def unescaped(text: str) -> str:
    """As the runner reads a value (actions/toolkit, command.ts, the other way round)."""
    for escaped, char in (("%0D", "\r"), ("%0A", "\n"), ("%3A", ":"), ("%2C", ","), ("%25", "%")):
        text = text.replace(escaped, char)
    return text


def test_a_github_command_cannot_be_broken_out_of() -> None:
    [line] = github_lines(nasty())
    assert line.isprintable()
    said = re.fullmatch(r"::error ([^:]*)::(.*)", line)
    assert said is not None
    properties = dict(part.split("=", 1) for part in said[1].split(","))
    assert unescaped(properties["file"]).endswith("a,b:c%\n\\x1b[2J.yaml")
    assert (properties["line"], properties["col"], properties["endColumn"]) == ("1", "1", "1")
    assert unescaped(said[2]).startswith("50%")


@pytest.mark.parametrize(("count", "notices"), [(10, 0), (11, 1)])
def test_it_is_said_that_not_all_are_shown(count: int, notices: int) -> None:
    source = Source("a.yaml", "a: b\n")
    problem = Problem("c", Place(source, 1, 1, 1, 2), "m")
    lines = github_lines(Report(("a.yaml",), (problem,) * count, (), "/r"))
    told = [line for line in lines if line.startswith("::notice")]
    assert (len(told), len(lines)) == (notices, count + notices)
    assert all(f"::{count} errors and 0 warnings were found" in line for line in told)


def test_columns_are_left_out_where_a_problem_has_several_lines() -> None:
    source = Source("a.yaml", "a:\n  b\n")
    problem = Problem("c", Place(source, 1, 1, 2, 3), "m", severity=Severity.WARNING)
    [line] = github_lines(Report(("a.yaml",), (problem,), (), "/r"))
    assert line.startswith("::warning file=")
    assert ",line=1,endLine=2,title=" in line


def test_xml_takes_whatever_a_message_holds() -> None:
    text = junit_text(nasty())
    assert text.isascii()
    [failure] = ElementTree.fromstring(text).findall(".//failure")
    assert "::error::x, y: ]]> <a> &" in failure.attrib["message"]
    assert "é" in failure.attrib["message"]


def test_json_says_all_there_is_and_keeps_its_keys(report: Report) -> None:
    document = json_document(report)
    assert [entry["code"] for entry in document] == [p.code for p in report.problems]
    keys = [
        "path", "line", "column", "end_line", "end_column", "severity", "code", "number", "message",
        "hint", "related", "fix",
    ]  # fmt: skip
    assert all(list(entry) == keys for entry in document)
    [slip] = [entry for entry in document if entry["code"] == "unknown-key"]
    assert slip["fix"]["title"] == 'write "action"'
    assert slip["fix"]["edits"][0]["text"] == "action"
    assert json.loads(json.dumps(document)) == document
