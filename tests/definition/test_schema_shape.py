"""Every mistake of shape: all at once, each at its place, in words that say what is allowed."""

import pytest
from definition.definitions import (
    HEAD,
    loaded,
    marked,
    problem_of,
    problems_of,
    saga_of,
    with_step,
)

from sagactl.definition.schema import check_shape
from sagactl.source.place import Source
from sagactl.source.reader import read

STEP = "service: shop\naction: PUT /orders/1\ncompensation: none\n"


def test_an_unknown_key_is_told_at_the_key_with_the_nearest_word() -> None:
    problem = problem_of(with_step("service: shop\nacton: PUT /x\ncompensation: none"))
    assert problem.code == "unknown-key"
    assert problem.message == 'unknown key "acton" in step "pay"; did you mean "action"?'
    assert marked(problem) == "acton"


def test_a_key_that_belongs_elsewhere_is_sent_there() -> None:
    problem = problem_of(with_step(STEP + "retry: {max_attempts: 2}"))
    assert problem.message == 'unknown key "retry" in step "pay"'
    assert problem.hint is not None
    assert problem.hint.startswith('"retry" stands in an action, a lookup, a compensation')


def test_a_key_without_any_likeness_gets_the_list_of_keys() -> None:
    problem = problem_of(with_step(STEP + "zzz: 1"))
    assert problem.hint is not None
    assert "on_unknown" in problem.hint


@pytest.mark.parametrize("word", ["await", "wait_for"])
def test_a_word_of_the_language_that_is_not_carried_out_yet_is_said(word: str) -> None:
    problem = problem_of(with_step(STEP + f"{word}: 1"))
    assert problem.code == "not-yet"
    assert problem.message == f'"{word}" is not carried out by this version of sagactl'


def test_a_wait_is_one_problem_and_not_also_a_missing_request() -> None:
    problem = problem_of(with_step("action: {wait_for: approval}\ncompensation: none"))
    assert problem.code == "not-yet"


def test_a_missing_key_is_told_at_the_first_key_of_its_map() -> None:
    problem = problem_of(HEAD + "  - service: shop\n    action: PUT /x\n")
    assert (problem.code, problem.message) == ("missing-key", 'a step has no "name"')
    assert marked(problem) == "service"


def test_a_missing_key_of_a_named_map_is_told_at_its_name() -> None:
    problem = problem_of(with_step("service: shop\naction: {json: {}}"))
    assert problem.message == '"action" of step "pay" has no "request"'
    assert marked(problem) == "action"


def test_a_saga_without_steps_is_told_at_its_beginning() -> None:
    problem = problem_of("saga: order\n")
    assert problem.message == 'the saga has no "steps"'
    assert (problem.place.line, problem.place.column) == (1, 1)


def test_a_number_for_a_duration_is_told_what_a_duration_is() -> None:
    problem = problem_of(with_step(STEP + "timeout: 10"))
    assert problem.code == "wrong-type"
    assert problem.message == (
        '"timeout" must be a duration such as 200ms, 10s, 1h30m or 2d, not a whole number'
    )
    assert problem.hint == "write 10s for seconds"
    assert marked(problem) == "10"


@pytest.mark.parametrize(
    "text", ["10", "10 s", "1y", "s", "-1s", "1h 30m", "30m1h", "PT", "P", "PT5", "0s", "10s ", ""]
)
def test_what_is_no_duration_is_refused(text: str) -> None:
    assert marked(problem_of(with_step(STEP + f'timeout: "{text}"'))) in (f'"{text}"', "timeout")


def test_a_line_break_behind_a_name_is_not_overlooked() -> None:
    problem = problem_of(HEAD + '  - name: "pay\\n"\n    service: shop\n    action: PUT /x\n')
    assert problem.code == "wrong-form"


def test_a_wrong_word_gets_the_words_there_are_and_the_nearest() -> None:
    problem = problem_of(with_step(STEP + "on_unknown: finnish"))
    assert problem.code == "unknown-word"
    assert problem.message == (
        '"on_unknown" must be finish, compensate or hold, not "finnish"; did you mean "finish"?'
    )


def test_an_empty_compensation_is_an_error_that_says_none() -> None:
    problem = problem_of(with_step("service: shop\naction: PUT /x\ncompensation:"))
    assert problem.code == "empty-compensation"
    assert problem.hint == 'write "compensation: none" where there is nothing to undo'
    assert marked(problem) == "compensation"


@pytest.mark.parametrize("empty", ['""', "{}", "[]", "~"])
def test_an_empty_compensation_of_any_kind_is_an_error(empty: str) -> None:
    problem = problems_of(with_step(f"service: shop\naction: PUT /x\ncompensation: {empty}"))[0]
    assert problem.code in ("empty-compensation", "missing-key")


def test_a_version_that_yaml_reads_as_a_fraction_is_to_be_quoted() -> None:
    problem = problem_of("version: 1.10\n" + with_step(STEP))
    assert problem.message == '"version" must be a whole number or a text, not a fraction'
    assert problem.hint == "write it in quotes"


@pytest.mark.parametrize("status", [99, 600, 1000])
def test_a_status_out_of_range_is_said_itself(status: int) -> None:
    text = STEP.replace("PUT /orders/1", f"{{request: PUT /x, success: {status}}}")
    assert problem_of(with_step(text)).message.endswith(f", not {status}")


def test_true_is_no_number() -> None:
    text = STEP.replace("PUT /orders/1", "{request: PUT /x, retry: {max_attempts: true}}")
    problem = problem_of(with_step(text))
    assert problem.message == '"max_attempts" must be a whole number, not true'


def test_a_bound_is_said_with_the_number() -> None:
    text = STEP.replace("PUT /orders/1", "{request: PUT /x, retry: {max_attempts: 0}}")
    assert problem_of(with_step(text)).message == '"max_attempts" must be at least 1, not 0'


def test_a_bad_service_name_is_told_at_the_name() -> None:
    problem = problem_of(with_step(STEP, HEAD.replace("shop:", 'shop: {url: "http://s"}\n  Shop:')))
    assert problem.code == "bad-name"
    assert marked(problem) == "Shop"


def test_the_same_step_needed_twice_is_told_at_the_second() -> None:
    problem = problem_of(HEAD + "  - {name: a, action: PUT http://h/x, needs: [b, b]}\n")
    assert problem.message == '"needs" names "b" twice'
    assert problem.place.column == 50


def test_a_text_for_a_list_gets_the_list_to_write() -> None:
    problem = problem_of(with_step(STEP + "needs: reserve"))
    assert problem.hint == "write needs: [reserve]"


@pytest.mark.parametrize("status", ["99", "600", "ok", "1xx", "true", "20"])
def test_what_is_no_status_is_refused(status: str) -> None:
    text = STEP.replace("PUT /orders/1", f"{{request: PUT /x, success: [2xx, {status}]}}")
    assert problem_of(with_step(text)).message.startswith('item 2 of "success" must be a status')


@pytest.mark.parametrize("url", ["ftp://h", "shop.example", "//h"])
def test_a_service_is_at_an_http_url(url: str) -> None:
    head = HEAD.replace("https://shop.example", url)
    assert problem_of(with_step(STEP, head)).code == "wrong-form"


@pytest.mark.parametrize("text", ["5", "[]", "null", "hello"])
def test_what_is_no_map_at_all_is_one_problem(text: str) -> None:
    saga, problems = loaded(text)
    assert saga is None
    assert len(problems) == 1
    assert problems[0].message.startswith("a definition ")


def test_all_mistakes_of_all_kinds_are_told_in_the_order_of_the_text() -> None:
    text = """\
    saga: order
    timeout: 5
    services:
      shop: {url: "http://s", max_reply: 1 MB!}
    steps:
      - name: a
        service: shpo
        action: PUT /x
        needs: [zzz]
      - name: b
        service: shop
        acton: PUT /y
        action: {request: "PUT /z/${{ foo( }}", timeout: soon}
    """
    codes = [(p.place.line, p.code) for p in problems_of(text)]
    assert codes == [
        (2, "wrong-type"),
        (4, "wrong-form"),
        (7, "unknown-service"),
        (9, "unknown-step"),
        (12, "unknown-key"),
        (13, "expression-syntax"),
        (13, "wrong-form"),
    ]


def test_what_follows_from_a_missing_key_is_not_told() -> None:
    text = HEAD.replace('url: "https://shop.example", ', "") + (
        "  - {name: a, service: shop, action: PUT /x, needs: [zzz]}\n"
    )
    assert [p.code for p in problems_of(text)] == ["missing-key"]


def test_messages_begin_small_and_end_without_a_full_stop() -> None:
    text = """\
    saga: Order
    id:
    services: {s: {}}
    defaults: {retry: {}, nothing: 1}
    steps:
      - {name: 5, action: 5, on_unknown: 5, pivot: 5, needs: 5, lookup: {x: 1}}
      - 5
    """
    problems = problems_of(text)
    assert len(problems) == 13, [p.message for p in problems]
    for problem in problems:
        assert not problem.message.endswith(".")
        assert problem.message[0].islower() or problem.message[0] == '"'


def test_user_areas_take_any_key() -> None:
    action = "{request: PUT /x, json: {acton: {Any: [1]}}, headers: {X-Any: 1}, query: {any: [1]}}"
    saga_of(with_step(STEP.replace("PUT /orders/1", action) + "example: {any: thing}"))


def test_check_shape_alone_says_what_is_wrong_with_the_input_schema_too() -> None:
    node, _ = read(Source("x.yaml", "saga: x\ninput: {type: objct}\nsteps: []\n"))
    assert node is not None
    assert {p.code for p in check_shape(node)} == {"wrong-value", "input-schema"}
