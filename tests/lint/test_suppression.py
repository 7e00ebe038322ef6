"""Suppressions: where they hold, what they cannot do, and that none of them outlives its problem."""

import pytest

from sagactl.definition.loader import load
from sagactl.definition.model import Saga
from sagactl.lint.judgement import Settings, judged
from sagactl.lint.linter import RULES, lint
from sagactl.source.place import Source
from sagactl.source.problem import Problem, Severity

# Line 5 has no-compensation; the POST in line 6 unsaid-idempotency, and with it unsaid-hold.
SAGA = """\
saga: a
services:
  s: {url: "http://s"}
steps:
  - name: one
    action: PUT http://s/one
  - name: two
    action: PUT http://s/two
    compensation: none
"""


def saga_of(text: str) -> Saga:
    saga, problems = load(Source("saga.yaml", text))
    assert saga is not None, problems
    return saga


def told(text: str, settings: Settings | None = None) -> list[tuple[int, str]]:
    return [(p.place.line, p.code) for p in problems_of(text, settings)]


def problems_of(text: str, settings: Settings | None = None) -> list[Problem]:
    given = settings or Settings()
    return lint(saga_of(text), lambda source, problems: judged(source, problems, given))


def test_without_a_suppression_both_are_told() -> None:
    assert told(SAGA) == [(3, "unused-service"), (5, "no-compensation")]


@pytest.mark.parametrize("name", ["no-compensation", "SG202", "sg202", "No-Compensation"])
def test_a_comment_at_the_end_of_the_line_suppresses_by_code_and_by_number(name: str) -> None:
    number = next(rule.number for rule in RULES if rule.code == "no-compensation")
    name = number if name.upper() == "SG202" else name
    text = SAGA.replace("name: one", f"name: one # sagactl: ignore[{name}] it is a read")
    assert told(text) == [(3, "unused-service")]


def test_a_comment_on_the_line_above_suppresses_too() -> None:
    text = SAGA.replace("  - name: one", "  # sagactl: ignore[no-compensation]\n  - name: one")
    assert told(text) == [(3, "unused-service")]


def test_comments_above_one_another_mean_the_same_line() -> None:
    above = "  # sagactl: ignore[no-compensation]\n  # it is a read\n"
    assert told(SAGA.replace("  - name: one", above + "  - name: one")) == [(3, "unused-service")]


def test_a_blank_line_between_suppresses_nothing() -> None:
    above = "  # sagactl: ignore[no-compensation]\n\n"
    found = told(SAGA.replace("  - name: one", above + "  - name: one"))
    assert found == [(3, "unused-service"), (5, "unused-suppression"), (7, "no-compensation")]


def test_several_codes_stand_in_one_comment() -> None:
    text = SAGA.replace(
        '{url: "http://s"}', '{url: "http://s"} # sagactl: ignore[unused-service, no-compensation]'
    )
    assert told(text) == [(3, "unused-suppression"), (5, "no-compensation")]


def test_a_text_that_looks_like_a_comment_suppresses_nothing() -> None:
    text = SAGA.replace("saga: a", "saga: a\ndescription: |\n  # sagactl: ignore[unused-service]")
    assert told(text) == [(5, "unused-service"), (7, "no-compensation")]
    quoted = SAGA.replace('"http://s"', '"http://s # sagactl: ignore[unused-service]"')
    assert (3, "unused-service") in told(quoted)


def test_a_suppression_that_is_not_needed_is_told_with_the_fix() -> None:
    text = SAGA.replace("name: two", "name: two # sagactl: ignore[no-compensation]")
    problem = problems_of(text)[-1]
    assert (problem.place.line, problem.code) == (7, "unused-suppression")
    assert problem.severity is Severity.WARNING
    assert problem.fix is not None
    [edit] = problem.fix.edits
    assert (edit.place.column, edit.place.end_column, edit.text) == (14, 49, "")


def test_a_reason_is_not_taken_out() -> None:
    text = SAGA.replace("name: two", "name: two # sagactl: ignore[no-compensation] for a reason")
    assert problems_of(text)[-1].fix is None


@pytest.mark.parametrize(
    ("comment", "said"),
    [
        ("ignore[no-compensatoin]", 'did you mean "no-compensation"?'),
        ("ignore[unknown-key]", "is a mistake of shape"),
        ("ignore[SG030]", "is a mistake of shape"),
        ("ignore", "names codes in brackets"),
        ("ignore[]", "names codes in brackets"),
        ("ignore[no-compensation", "names codes in brackets"),
    ],
)
def test_a_suppression_that_can_have_no_effect_is_told(comment: str, said: str) -> None:
    problems = problems_of(SAGA.replace("name: two", f"name: two # sagactl: {comment}"))
    assert [p.code for p in problems][-1] == "bad-suppression"
    assert said in problems[-1].message
    assert (5, "no-compensation") in [(p.place.line, p.code) for p in problems]


def test_a_mistake_of_shape_is_told_in_spite_of_a_suppression() -> None:
    text = SAGA.replace("compensation: none", "compensatoin: none # sagactl: ignore[unknown-key]")
    source = Source("saga.yaml", text)
    saga, problems = load(source)
    assert saga is None
    said = [p.code for p in judged(source, problems, Settings(), is_whole=False)]
    assert said == ["unknown-key", "bad-suppression"]


def test_what_reading_told_as_a_warning_can_be_suppressed() -> None:
    text = SAGA + "input: {typo: 1} # sagactl: ignore[unknown-keyword]\n"
    source = Source("saga.yaml", text)
    saga, warnings = load(source)
    assert saga is not None
    assert [p.code for p in warnings] == ["unknown-keyword"]
    found = lint(saga, lambda s, problems: judged(s, problems, Settings()), warnings)
    assert {p.code for p in found} == {"unused-service", "no-compensation"}


def test_settings_turn_off_and_change_what_is_no_mistake_of_shape() -> None:
    off = Settings({"no-compensation": None, "unused-service": Severity.ERROR})
    assert [(p.code, p.severity) for p in problems_of(SAGA, off)] == [("unused-service", "error")]
    shape = Settings({"unknown-key": None})
    source = Source("saga.yaml", SAGA.replace("services", "servcies"))
    _, problems = load(source)
    assert "unknown-key" in [p.code for p in judged(source, problems, shape, is_whole=False)]


def test_a_suppression_of_what_is_off_is_not_unused() -> None:
    text = SAGA.replace("name: two", "name: two # sagactl: ignore[no-compensation]")
    assert told(text, Settings({"no-compensation": None})) == [(3, "unused-service")]


def test_a_sub_saga_keeps_its_own_suppressions() -> None:
    child = "saga: c\nsteps:\n  - name: x\n    action: PUT http://s/${{ inptu.a }}\n"
    parent = "saga: p\nsteps:\n  - {name: one, action: {saga: child.yaml}}\n"

    def codes(text: str) -> list[str]:
        saga, problems = load(Source("p.yaml", parent), lambda name: Source(name, text))
        assert saga is not None, problems
        found = lint(saga, lambda source, problems: judged(source, problems, Settings()))
        return [problem.code for problem in found]

    assert codes(child) == ["broken-saga"]
    assert codes(child.replace("}}", "}} # sagactl: ignore[unknown-name]")) == []
