"""Steps that are no single request: sleeps, `for_each`, sub-sagas; and what is wrong with them."""

from textwrap import dedent

import pytest
from definition.definitions import HEAD, problem_of, saga_of

from sagactl.definition.loader import DefinitionRejected, beside, load, rebuild, texts_of
from sagactl.definition.model import Saga, Sleep, SubSaga
from sagactl.definition.policy import names_under
from sagactl.source.place import Source
from sagactl.source.problem import Problem

FILES = {
    "sagas/parent.yaml": """\
        saga: parent
        steps:
          - {name: pay, action: {saga: ../sagas/child.yaml, input: {n: 1}}}
        """,
    "sagas/child.yaml": """\
        saga: child
        services: {bank: {url: "${{ env.BANK_URL }}", idempotency: key}}
        steps:
          - {name: charge, service: bank, action: POST /c, compensation: DELETE /c}
        """,
    "pivot.yaml": """\
        saga: pivot
        steps:
          - {name: ship, action: PUT http://x/s, pivot: true}
        """,
    "circle.yaml": """\
        saga: circle
        steps:
          - {name: again, action: {saga: circle.yaml}}
        """,
    "broken.yaml": "saga: broken\nsteps: [{name: a, action: PUT /x}]\n",
}


def fetch(name: str) -> Source | str:
    return Source(name, dedent(FILES[name])) if name in FILES else "No such file or directory"


def load_file(name: str) -> tuple[Saga | None, list[Problem]]:
    return load(Source(name, dedent(FILES[name])), fetch)


def with_action(action: str, *more: str) -> tuple[Saga | None, list[Problem]]:
    lines = "".join(f"    {line}\n" for line in more)
    text = f"{HEAD}  - name: a\n    action: {action}\n{lines}"
    return load(Source("order.yaml", text), fetch)


def told(action: str, *more: str) -> Problem:
    saga, problems = with_action(action, *more)
    assert saga is None
    assert len(problems) == 1, [p.message for p in problems]
    return problems[0]


def test_a_sleep_has_a_duration() -> None:
    saga = saga_of(HEAD + "  - {name: a, action: {sleep: 24h}}\n")
    assert isinstance(saga.steps[0].action, Sleep)
    assert saga.steps[0].request is None
    wrong = problem_of(HEAD + "  - {name: a, action: {sleep: soon}}\n")
    assert (wrong.code, wrong.place.line) == ("wrong-form", 5)
    assert "24h" in wrong.message


@pytest.mark.parametrize(
    "more",
    ["compensation: DELETE http://x/a", "lookup: GET http://x/a", "timeout: 5s", "settle: 5s",
     "on_unknown: hold", "pivot: true", "example: {}"],
)  # fmt: skip
def test_what_speaks_of_a_request_has_no_meaning_beside_a_sleep(more: str) -> None:
    problem = told("{sleep: 1h}", more)
    assert problem.code == "out-of-place"
    assert problem.place.line == 7


def test_nothing_to_undo_may_be_said_of_a_sleep() -> None:
    saga, problems = with_action("{sleep: 1h}", "compensation: none")
    assert (saga is not None, problems) == (True, [])


def test_an_action_is_one_thing() -> None:
    assert told("{sleep: 1h, request: PUT http://x/a}").code == "two-actions"
    assert told("{sleep: 1h, saga: sagas/child.yaml}").code == "two-actions"
    problem = told("{sleep: 1h, json: {a: 1}}")
    assert (problem.code, problem.message) == (
        "out-of-place",
        '"json" has no meaning beside a sleep',
    )
    assert told("{json: {a: 1}}").code == "missing-key"


def test_for_each_takes_a_list_or_an_expression() -> None:
    saga, _ = with_action("PUT http://x/a", "for_each: ${{ input.items }}", "max_parallel: 3")
    assert saga is not None
    each = saga.steps[0].for_each
    assert each is not None
    assert each.max_parallel == 3
    saga, _ = with_action("PUT http://x/a", "for_each: [1, 2]")
    assert saga is not None
    assert saga.steps[0].for_each is not None
    assert saga.steps[0].for_each.max_parallel == 1
    assert told("PUT http://x/a", "for_each: all").code == "wrong-type"
    assert told("PUT http://x/a", "max_parallel: 2").code == "out-of-place"
    assert told("PUT http://x/a", "for_each: [1]", "max_parallel: 0").code == "wrong-value"


def test_a_point_of_no_return_is_one() -> None:
    assert told("PUT http://x/a", "for_each: [1]", "pivot: true").code == "out-of-place"
    assert told("{saga: pivot.yaml}", "for_each: [1]").code == "out-of-place"
    saga, _ = with_action("{saga: pivot.yaml}")
    assert saga is not None
    assert saga.steps[0].pivot, "a child's pivot is its parent's"


def test_a_sub_saga_is_found_beside_its_parent() -> None:
    saga, problems = load_file("sagas/parent.yaml")
    assert problems == []
    assert saga is not None
    action = saga.steps[0].action
    assert isinstance(action, SubSaga)
    assert action.saga.source.name == "sagas/child.yaml"
    assert [one.name for one in saga.family()] == ["parent", "child"]
    assert list(names_under(saga, "env")) == ["BANK_URL"], "what it needs is asked for at the start"
    assert beside("a/b.yaml", "/c.yaml") == "/c.yaml"
    assert beside("b.yaml", "./c.yaml") == "c.yaml"


def test_a_sub_saga_that_is_not_there_or_broken_is_told_at_its_name() -> None:
    problem = told("{saga: nowhere.yaml}")
    assert (problem.code, problem.place.line, problem.place.column) == ("unreadable-saga", 6, 20)
    assert "nowhere.yaml" in problem.message
    assert "No such file" in problem.message
    problem = told("{saga: broken.yaml}")
    assert problem.code == "broken-saga"
    assert str(problem.related[0].place).startswith("broken.yaml:2:")
    problem = load_file("circle.yaml")[1][0]
    assert problem.code == "saga-cycle"
    assert "circle.yaml → circle.yaml" in problem.message


def test_its_own_compensations_undo_a_sub_saga() -> None:
    problem = told("{saga: sagas/child.yaml}", "compensation: DELETE http://x/a")
    assert (problem.code, problem.hint) == ("out-of-place", "its own compensations undo it")


def test_a_run_keeps_the_texts_of_its_sub_sagas() -> None:
    saga, _ = load_file("sagas/parent.yaml")
    assert saga is not None
    texts = texts_of(saga)
    assert texts == {"sagas/child.yaml": dedent(FILES["sagas/child.yaml"])}
    again = rebuild(saga.source, texts)
    assert again.steps[0].child is not None
    assert again.steps[0].child.steps[0].name == "charge"
    with pytest.raises(DefinitionRejected):
        rebuild(saga.source, {})
