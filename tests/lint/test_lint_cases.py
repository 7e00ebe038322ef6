"""Every rule against its case: what it says of `bad.yaml`, and its silence about `good.yaml`.

`bad.out` holds one line per problem as `line:column: severity: message [code]`, then its hint and
the other places. UPDATE_GOLDENS=1 writes it anew.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from sagactl.definition.loader import load
from sagactl.definition.model import Saga
from sagactl.lint.linter import RULES, lint
from sagactl.lint.rule import Rule
from sagactl.source.place import Source
from sagactl.source.problem import Problem, Severity

ROOT = Path(__file__).parent.parent.parent
CASES = ROOT / "tests" / "cases" / "lint"
DEFINITIONS = sorted((ROOT / "definitions").rglob("*.yaml"))

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
        "unsaid-hold",
        "undo-needs-result",
    }


@each_rule
def test_a_rule_says_so_if_it_mends(rule: Rule) -> None:
    problems = lint(saga_of(CASES / rule.code / "bad.yaml"))
    mends = any(problem.fix is not None for problem in problems if problem.code == rule.code)
    assert mends is rule.is_fixable
