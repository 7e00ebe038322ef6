"""What must hold of lint for any text at all, and how much it may do for it."""

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any, TypeVar

from sagactl.cli.loading import check_text
from sagactl.definition.model import Saga
from sagactl.lint.catalogue import find_code
from sagactl.machine.plan import make_plan
from sagactl.machine.rollback import foresee
from sagactl.source.place import Place, lines_of
from sagactl.source.problem import Problem, Severity
from sagactl.views.carets import problem_lines

Result = TypeVar("Result")

# Calls of functions, Python's and C's. The most that is known is two thirds of it.
CALLS_AT_LEAST = 40_000
CALLS_PER_CHARACTER = 250


def counted(work: Callable[[], Result]) -> tuple[Result, int]:
    """What the work comes to, and how many calls it took: the same on every machine."""
    calls = 0

    def count(frame: FrameType, event: str, argument: Any) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    sys.setprofile(count)
    try:
        return work(), calls
    finally:
        sys.setprofile(None)


def judge(text: str) -> int:
    """Lint a text and hold what it says to what is promised; the calls that it took."""
    content = text.encode("utf-8", "surrogatepass")
    (saga, problems), calls = counted(lambda: check_text(content, "x.yaml"))
    assert calls <= CALLS_AT_LEAST + CALLS_PER_CHARACTER * len(text), calls
    errors = [problem for problem in problems if problem.severity is Severity.ERROR]
    assert saga is not None or errors
    for problem in problems:
        judge_problem(problem)
    assert [*problems] == sorted(problems, key=lambda p: (p.place.line, p.place.column))
    if saga is not None and not errors:
        judge_saga(saga)
    return calls


def judge_problem(problem: Problem) -> None:
    assert find_code(problem.code) is not None, problem.code
    assert problem.message, problem
    assert problem.message.isprintable(), problem
    assert "\n" not in (problem.hint or ""), problem
    for place in (problem.place, *(related.place for related in problem.related)):
        judge_place(place)
    for edit in problem.fix.edits if problem.fix else ():
        judge_place(edit.place)
    assert all(line.isprintable() for line in problem_lines(problem, colour=False))


def judge_place(place: Place) -> None:
    """A place stands inside its file. What is no text at all has no lines to stand in."""
    lines = lines_of(place.source.text)
    assert 1 <= place.line <= len(lines) or not place.source.text, place
    if place.source.text:
        assert 1 <= place.column <= len(lines[place.line - 1]) + 1, place
        assert (place.line, place.column) <= (place.end_line, place.end_column), place


def judge_saga(saga: Saga) -> None:
    """What lint lets through can be planned."""
    foresight = foresee(make_plan(saga))
    assert foresight.failures or all(step.request is None for step in saga.steps)
