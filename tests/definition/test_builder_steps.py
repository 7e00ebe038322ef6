"""Steps and how they hang together; and what is wrong with them although their shape is right."""

import pytest
from definition.definitions import (
    HEAD,
    marked,
    problem_of,
    problems_of,
    saga_of,
    step_of,
    with_step,
)

from sagactl.definition.loader import DefinitionRejected, load, rebuild
from sagactl.definition.model import OnUnknown
from sagactl.definition.template import evaluate
from sagactl.source.place import Source

STEP = "service: shop\naction: PUT /orders/1\ncompensation: none\n"


def flow(*steps: str) -> str:
    """Steps given as `name` or `name: needs`."""
    lines = []
    for step in steps:
        name, colon, needs = step.partition(":")
        written = f", needs: [{needs.strip()}]" if colon else ""
        lines.append(f"  - {{name: {name}, action: PUT http://h/{name}{written}}}\n")
    return "saga: flow\nsteps:\n" + "".join(lines)


def needs_of(text: str) -> list[tuple[str, ...]]:
    return [step.needs for step in saga_of(text).steps]


def test_a_step_needs_the_one_above_and_the_first_needs_nothing() -> None:
    assert needs_of(flow("a", "b", "c")) == [(), ("a",), ("b",)]


def test_needs_makes_branches_and_joins() -> None:
    assert needs_of(flow("a", "b:", "c: a, b", "d")) == [(), (), ("a", "b"), ("c",)]


def test_a_step_may_need_one_that_stands_below() -> None:
    assert needs_of(flow("a: b", "b:")) == [("b",), ()]


def test_an_unknown_step_is_told_with_the_nearest() -> None:
    problem = problem_of(flow("charge", "ship: chrage"))
    assert problem.code == "unknown-step"
    assert problem.message == (
        'step "ship" needs "chrage", which no step is called; did you mean "charge"?'
    )
    assert marked(problem) == "chrage"


def test_a_step_that_needs_itself_is_told_once() -> None:
    problem = problem_of(flow("a: a"))
    assert (problem.code, problem.message) == ("needs-itself", 'step "a" needs itself')


def test_a_cycle_is_printed_as_a_circle_with_every_edge() -> None:
    problem = problem_of(flow("in:", "a: in, c", "b", "c"))
    assert problem.code == "needs-cycle"
    assert problem.message == "these steps need one another: a → c → b → a"
    assert (problem.place.line, marked(problem)) == (4, "c")
    assert [related.message for related in problem.related] == ['"c" needs "b"', '"b" needs "a"']


def test_two_steps_of_one_name_are_told_with_the_first() -> None:
    problem = problem_of(flow("a", "b", "a"))
    assert (problem.code, problem.message) == ("duplicate-step", 'two steps are called "a"')
    assert problem.place.line == 5
    assert problem.related[0].place.line == 3


def test_an_unknown_service_is_told_with_the_nearest() -> None:
    problem = problem_of(with_step(STEP.replace("shop", "shpo")))
    assert problem.code == "unknown-service"
    assert problem.message == 'no service is called "shpo"; did you mean "shop"?'
    assert marked(problem) == "shpo"


def test_a_path_without_a_service_is_told() -> None:
    problem = problem_of(with_step("action: PUT /x\ncompensation: none"))
    assert problem.code == "no-service"
    assert marked(problem) == "PUT /x"


def test_a_whole_url_beside_a_service_of_its_own_is_a_contradiction() -> None:
    problem = problem_of(with_step("action: {request: PUT http://h/x, service: shop}"))
    assert (problem.code, marked(problem)) == ("service-and-url", "shop")


@pytest.mark.parametrize("bodies", ["json: {}, form: {a: 1}", "body: x, json: {}"])
def test_a_request_has_one_body(bodies: str) -> None:
    problem = problem_of(with_step(f"service: shop\naction: {{request: PUT /x, {bodies}}}"))
    assert problem.code == "two-bodies"
    assert len(problem.related) == 1


def test_three_bodies_are_two_too_many() -> None:
    text = "service: shop\naction: {request: PUT /x, json: 1, form: {}, body: x}"
    assert [p.code for p in problems_of(with_step(text))] == ["two-bodies", "two-bodies"]


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_a_lookup_only_reads(method: str) -> None:
    problem = problem_of(with_step(STEP + f"lookup: {method} /x"))
    assert problem.code == "lookup-not-a-read"


def test_an_expression_that_does_not_parse_is_told_where_it_stands() -> None:
    text = STEP.replace("PUT /orders/1", "{request: PUT /x, json: {a: '${{ input. }}'}}")
    problem = problem_of(with_step(text))
    assert problem.code == "expression-syntax"
    assert problem.place.line == 7
    assert problem.place.column == 53


def test_what_a_service_says_wrongly_is_told_once_however_often_it_is_called() -> None:
    head = HEAD.replace("idempotency: key", "headers: {X-A: '${{ foo( }}'}")
    text = (
        with_step(STEP + "lookup: GET /x", head) + "  - {name: b, service: shop, action: GET /}\n"
    )
    assert len(problems_of(text)) == 1


@pytest.mark.parametrize("name", ["Saga-Step", "traceparent", "Content-Length", "host"])
def test_headers_that_every_request_has_are_not_the_authors(name: str) -> None:
    text = STEP.replace("PUT /orders/1", f"{{request: PUT /x, headers: {{{name}: x}}}}")
    assert problem_of(with_step(text)).code == "reserved-header"


def test_the_key_of_a_request_is_not_a_header_like_others() -> None:
    text = STEP.replace("PUT /orders/1", "{request: PUT /x, headers: {idempotency-key: x}}")
    problem = problem_of(with_step(text))
    assert problem.code == "reserved-header"
    assert problem.hint == "idempotency: {header: …} names the key's header"


def test_one_header_in_two_cases_stands_twice() -> None:
    text = STEP.replace("PUT /orders/1", "{request: PUT /x, headers: {X-A: 1, x-a: 2}}")
    assert problem_of(with_step(text)).code == "duplicate-key"


def test_one_status_cannot_mean_two_things() -> None:
    text = STEP.replace(
        "PUT /orders/1", "{request: PUT /x, outcomes: {rejected: [500], unknown: [5xx]}}"
    )
    problem = problem_of(with_step(text))
    assert problem.code == "contradicting-outcomes"
    assert problem.message == 'the status 500 is "rejected" already, and "unknown" here'


@pytest.mark.parametrize("key", ["timeout", "budget", "settle"])
def test_nobody_waits_longer_than_a_century(key: str) -> None:
    problem = problem_of(with_step(STEP + f"{key}: 999999999d"))
    assert problem.message.endswith("longer than a century")


def test_settle_is_the_time_the_action_is_waited_for() -> None:
    slow = STEP.replace("PUT /orders/1", "{request: PUT /x, timeout: 7s}")
    assert step_of(slow).settle_s == 7
    assert step_of(slow + "settle: 2s").settle_s == 2
    assert step_of(slow + "settle: 0s").settle_s == 0
    assert step_of(slow + "lookup: {request: GET /x, settle: 3s}").settle_s == 3


def test_settle_is_said_once() -> None:
    text = STEP + "settle: 2s\nlookup: {request: GET /x, settle: 3s}"
    problem = problem_of(with_step(text))
    assert (problem.code, marked(problem)) == ("settle-twice", "3s")


def test_a_lookup_without_a_result_reads_what_the_action_would_have() -> None:
    action = "{request: PUT /x, result: {id: '${{ response.body.id }}'}}"
    step = step_of(STEP.replace("PUT /orders/1", action) + "lookup: GET /x")
    assert step.lookup is not None
    assert step.lookup.request.result is step.action.result
    assert step.lookup.found is None


def test_a_lookup_may_say_what_it_found_and_what_to_keep() -> None:
    lookup = (
        "{request: GET /x, found: '${{ response.body.n > 0 }}', result: '${{ response.body }}'}"
    )
    step = step_of(STEP + f"lookup: {lookup}")
    assert step.lookup is not None
    assert step.lookup.found is not None
    scope = {"response": {"body": {"n": 1}}}
    assert evaluate(step.lookup.found, scope) is True
    assert step.lookup.request.result is not None
    assert evaluate(step.lookup.request.result, scope) == {"n": 1}


def test_compensation_none_is_not_the_same_as_none_written() -> None:
    assert step_of(STEP).compensation_none is True
    silent = step_of(STEP.replace("compensation: none\n", ""))
    assert (silent.compensation, silent.compensation_none) == (None, False)


def test_a_condition_needs_no_braces() -> None:
    for when in ("input.vip", "${{ input.vip }}"):
        built = step_of(STEP + f"when: {when}\n").when
        assert built is not None
        assert evaluate(built, {"input": {"vip": True}}) is True


def test_every_word_of_a_step_reaches_the_model() -> None:
    step = step_of(
        STEP + "description: Pay.\npivot: true\non_unknown: hold\nbudget: 2h\ntimeout: 5m\n"
        "example: {id: 1}\n"
    )
    assert step.pivot is True
    assert step.on_unknown is OnUnknown.HOLD
    assert (step.budget_s, step.timeout_s) == (7200, 300)
    assert step.example is not None
    assert evaluate(step.example, {}) == {"id": 1}
    assert step.place.line == 5


def test_every_word_of_a_request_reaches_the_model() -> None:
    action = (
        "{request: PATCH /x, query: {q: 1}, form: {f: 2}, fail_when: response.body.no,"
        " result: {r: 3}}"
    )
    request = step_of(STEP.replace("PUT /orders/1", action)).action
    assert request.method == "PATCH"
    assert request.query is not None
    assert request.form is not None
    assert request.fail_when is not None
    assert request.result is not None
    assert [evaluate(t, {}) for t in (request.query, request.form, request.result)] == [
        {"q": 1},
        {"f": 2},
        {"r": 3},
    ]
    assert evaluate(request.fail_when, {"response": {"body": {"no": False}}}) is False
    text = step_of(STEP.replace("PUT /orders/1", "{request: GET /x, body: hello}")).action
    assert text.body is not None
    assert evaluate(text.body, {}) == "hello"


def test_every_word_of_a_saga_reaches_the_model() -> None:
    text = (
        "version: 2026-a\nid: o-${{ input.n }}\ndescription: D.\ntimeout: 1h\n"
        "input: {type: object}\noutput: {n: '${{ input.n }}'}\n$schema: x.json\n"
    ) + with_step(STEP)
    saga = saga_of(text)
    assert (saga.name, saga.version, saga.description, saga.timeout_s) == (
        "order", "2026-a", "D.", 3600,
    )  # fmt: skip
    assert saga.input_schema == {"type": "object"}
    assert saga.id is not None
    assert saga.output is not None
    assert evaluate(saga.id, {"input": {"n": 7}}) == "o-7"
    assert evaluate(saga.output, {"input": {"n": 7}}) == {"n": 7}
    assert saga.source.name == "order.yaml"
    assert saga.place.line == 8


def test_problems_of_reading_and_of_building_are_told_together() -> None:
    text = "saga: a\nversion: 012\nsteps:\n  - {name: a, action: GET http://h/, needs: [zz]}\n"
    assert [p.code for p in problems_of(text)] == ["yaml-trap", "unknown-step"]


def test_a_definition_kept_with_a_run_is_built_again() -> None:
    source = Source("order.yaml", with_step(STEP))
    saga, _ = load(source)
    assert saga is not None
    assert [step.name for step in rebuild(source).steps] == [step.name for step in saga.steps]


@pytest.mark.parametrize("text", ["", "saga: [", with_step(STEP + "needs: [zz]"), "a: 1\na: 2\n"])
def test_a_kept_definition_that_does_not_build_is_rejected_with_its_problems(text: str) -> None:
    with pytest.raises(DefinitionRejected) as rejected:
        rebuild(Source("order.yaml", text))
    assert rejected.value.problems
