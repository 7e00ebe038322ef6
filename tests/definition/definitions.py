"""Small definitions for tests, and what loading them says."""

from textwrap import dedent

from sagactl.definition.loader import load
from sagactl.definition.model import Saga, Step
from sagactl.source.place import Source
from sagactl.source.problem import Problem, Severity

HEAD = """\
saga: order
services:
  shop: {url: "https://shop.example", idempotency: key}
steps:
"""


def loaded(text: str) -> tuple[Saga | None, list[Problem]]:
    return load(Source("order.yaml", dedent(text)))


def saga_of(text: str) -> Saga:
    saga, problems = loaded(text)
    errors = [p.message for p in problems if p.severity is Severity.ERROR]
    assert saga is not None, errors
    assert not errors
    return saga


def problems_of(text: str) -> list[Problem]:
    saga, problems = loaded(text)
    assert saga is None, "there is an error in it"
    return problems


def problem_of(text: str) -> Problem:
    """The only problem of a text."""
    problems = problems_of(text)
    assert len(problems) == 1, [p.message for p in problems]
    return problems[0]


def marked(problem: Problem) -> str:
    """The part of the source that a problem points at."""
    place = problem.place
    line = place.source.text.splitlines()[place.line - 1]
    end = place.end_column if place.end_line == place.line else len(line) + 1
    return line[place.column - 1 : end - 1]


def with_step(rest: str, head: str = HEAD) -> str:
    """A saga of one step, `rest` being its keys."""
    lines = [f"    {line}" for line in dedent(rest).strip().splitlines()]
    return head + "  - name: pay\n" + "\n".join(lines) + "\n"


def step_of(rest: str, head: str = HEAD) -> Step:
    return saga_of(with_step(rest, head)).steps[0]
