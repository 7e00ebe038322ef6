"""Every rule against its case: what it says of `bad.yaml`, and its silence about `good.yaml`.

`bad.out` holds one line per problem as `line:column: severity: message [code]`, then its hint, the
other places and the title of its fix. `fixed.yaml` is `bad.yaml` with all fixes of the rule made; it
stands there where the rule has fixes. UPDATE_GOLDENS=1 writes them anew.
"""

import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from sagactl.definition.loader import load
from sagactl.definition.model import Saga
from sagactl.lint.linter import RULES, lint
from sagactl.lint.rule import Rule
from sagactl.source.place import Source
from sagactl.source.problem import Edit, Problem, Severity

ROOT = Path(__file__).parent.parent.parent
CASES = ROOT / "tests" / "cases" / "lint"
FILES = (ROOT / "definitions").rglob("*.yaml")
DEFINITIONS = sorted(file for file in FILES if not file.match("*.test.yaml"))

each_rule = pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)


def saga_of(path: Path) -> Saga:
    def beside(name: str) -> Source:
        return Source(name, path.with_name(name).read_text(encoding="utf-8"))

    saga, problems = load(beside(path.name), beside)
    assert saga is not None, problems
    assert problems == []
    return saga


def told(problems: list[Problem]) -> str:
    return "".join(f"{line}\n" for problem in problems for line in lines(problem))


def lines(problem: Problem) -> Iterator[str]:
    place = problem.place
    yield f"{place.line}:{place.column}: {problem.severity}: {problem.message} [{problem.code}]"
    if problem.hint is not None:
        yield f"  hint: {problem.hint}"
    for related in problem.related:
        yield f"  {related.place.line}:{related.place.column}: {related.message}"
    if problem.fix is not None:
        yield f"  fix: {problem.fix.title}"


def edited(text: str, edits: Iterable[Edit]) -> str:
    """The text after all edits, the last one first so that the places of the others hold."""
    lines = text.split("\n")
    for edit in sorted(edits, key=lambda e: (e.place.line, e.place.column), reverse=True):
        place = edit.place
        before = lines[place.line - 1][: place.column - 1]
        after = lines[place.end_line - 1][place.end_column - 1 :]
        lines[place.line - 1 : place.end_line] = (before + edit.text + after).split("\n")
    return "\n".join(lines)


def lint_text(text: str, beside: Path) -> list[Problem]:
    """What lint says of a text that stands in place of a file."""
    saga, problems = load(
        Source(beside.name, text),
        lambda name: Source(name, beside.with_name(name).read_text(encoding="utf-8")),
    )
    assert saga is not None, problems
    assert problems == []
    return lint(saga)


@each_rule
def test_a_bad_definition_is_told_what_is_wrong(rule: Rule) -> None:
    golden = CASES / rule.code / "bad.out"
    said = told(lint(saga_of(CASES / rule.code / "bad.yaml")))
    if os.environ.get("UPDATE_GOLDENS"):
        golden.write_text(said, encoding="utf-8")
    assert said == golden.read_text(encoding="utf-8")
    assert f"[{rule.code}]" in said


@each_rule
def test_a_good_definition_is_told_nothing(rule: Rule) -> None:
    assert told(lint(saga_of(CASES / rule.code / "good.yaml"))) == ""


@each_rule
def test_all_fixes_of_a_rule_leave_nothing_to_mend(rule: Rule) -> None:
    path, golden = CASES / rule.code / "bad.yaml", CASES / rule.code / "fixed.yaml"
    text = path.read_text(encoding="utf-8")
    own = [problem for problem in lint(saga_of(path)) if problem.code == rule.code]
    edits = [edit for problem in own if problem.fix is not None for edit in problem.fix.edits]
    assert golden.exists() == bool(edits) or os.environ.get("UPDATE_GOLDENS")
    if not edits:
        return
    fixed = edited(text, edits)
    if os.environ.get("UPDATE_GOLDENS"):
        golden.write_text(fixed, encoding="utf-8")
    assert fixed == golden.read_text(encoding="utf-8")
    left = [problem for problem in lint_text(fixed, path) if problem.code == rule.code]
    assert not [problem for problem in left if problem.fix is not None]


@each_rule
def test_each_fix_alone_mends_its_problem_and_makes_no_other(rule: Rule) -> None:
    path = CASES / rule.code / "bad.yaml"
    text = path.read_text(encoding="utf-8")
    before = lint(saga_of(path))
    for problem in before:
        if problem.code != rule.code or problem.fix is None:
            continue
        assert problem.fix.title
        after = lint_text(edited(text, problem.fix.edits), path)
        missing = Counter((p.code, p.message) for p in before)
        missing.subtract(Counter((p.code, p.message) for p in after))
        assert missing[problem.code, problem.message] == 1
        assert min(missing.values()) >= 0, missing


@pytest.mark.parametrize("path", DEFINITIONS, ids=lambda path: path.name)
def test_the_definitions_we_ship_are_told_nothing(path: Path) -> None:
    assert told(lint(saga_of(path))) == ""


def test_there_are_definitions_to_lint() -> None:
    assert DEFINITIONS


def test_every_rule_has_a_case_and_every_case_a_rule() -> None:
    cases = {folder.name for folder in CASES.iterdir() if folder.is_dir()}
    assert cases == {rule.code for rule in RULES}


def test_every_rules_file_stands_in_the_list_of_rules() -> None:
    files = {path.stem for path in (ROOT / "sagactl" / "lint" / "rules").glob("[!_]*.py")}
    assert files == {rule.code.replace("-", "_") for rule in RULES}
    assert len({rule.code for rule in RULES}) == len(RULES)
    assert len({rule.number for rule in RULES}) == len(RULES)
    assert all(re.fullmatch(r"SG[1-9]\d\d", rule.number) for rule in RULES)


@each_rule
def test_a_rules_file_is_its_manual_entry(rule: Rule) -> None:
    path = ROOT / "sagactl" / "lint" / "rules" / f"{rule.code.replace('-', '_')}.py"
    text = path.read_text(encoding="utf-8")
    title, blank, *manual = text.splitlines()
    assert title.startswith(f'"""{rule.code}: ')
    assert blank == ""
    assert manual
    assert 20 <= len(text.splitlines()) <= 80


@each_rule
def test_messages_keep_their_form(rule: Rule) -> None:
    """Lower case, no full stop, the thing in quotes; errors and warnings as the rule says."""
    own = [
        problem
        for problem in lint(saga_of(CASES / rule.code / "bad.yaml"))
        if problem.code == rule.code
    ]
    for problem in own:
        assert problem.severity is rule.severity
        for text in (problem.message, problem.hint or "", rule.summary):
            assert not text.endswith(".")
            assert text[:1] == text[:1].lower()
        assert '"' in problem.message


def test_what_keeps_a_saga_from_working_is_an_error_and_the_rest_a_warning() -> None:
    assert {rule.code for rule in RULES if rule.severity is Severity.ERROR} == {
        "unknown-name",
        "not-before",
        "maybe-skipped",
        "secret-misplaced",
        "pivot-place",
        "unreachable-step",
        "unsaid-hold",
        "child-past-pivot",
        "undo-needs-result",
        "broken-document",
        "unknown-operation",
        "missing-value",
        "wrong-type-sent",
        "unknown-field",
        "unknown-reply-field",
        "wrong-content",
        "chosen-host",
        "type-mismatch",
    }


@each_rule
def test_a_rule_says_so_if_it_mends(rule: Rule) -> None:
    problems = lint(saga_of(CASES / rule.code / "bad.yaml"))
    mends = any(problem.fix is not None for problem in problems if problem.code == rule.code)
    assert mends is rule.is_fixable
