"""Inputs against their schema, and schemas against what is safe to check."""

from typing import Any

import pytest
from definition.definitions import HEAD, loaded, marked, saga_of, with_step

from sagactl.definition.schema import check_input
from sagactl.source.problem import Problem, Severity

STEP = "service: shop\naction: PUT /orders/1\ncompensation: none\n"
OBJECT: dict[str, Any] = {
    "type": "object",
    "required": ["order_id", "amount"],
    "additionalProperties": False,
    "properties": {
        "order_id": {"type": "string", "minLength": 1},
        "amount": {"type": "integer", "exclusiveMinimum": 0},
        "size": {"enum": ["small", "large"]},
        "lines": {"type": "array", "items": {"type": "object", "required": ["sku"]}},
    },
}
GOOD = {"order_id": "1", "amount": 5}


def told(value: object, schema: object = OBJECT) -> list[tuple[tuple[str | int, ...], str]]:
    return [(problem.path, problem.message) for problem in check_input(schema, value)]


def schema_problems(text: str) -> list[Problem]:
    """What loading says about an input schema, given as one line of YAML."""
    return loaded(f"input: {text}\n" + with_step(STEP))[1]


def test_an_input_that_fits_has_no_problems() -> None:
    assert told(GOOD) == []


def test_what_is_missing_is_named_in_one_problem() -> None:
    assert told({}) == [((), 'has no "order_id" and "amount"')]


def test_a_wrong_type_is_told_with_its_path_and_both_types() -> None:
    assert told({**GOOD, "amount": "5"}) == [(("amount",), "must be a whole number, not a text")]


def test_a_mistake_deep_inside_has_the_whole_path() -> None:
    assert told({**GOOD, "lines": [{"sku": 1}, {}]}) == [(("lines", 1), 'has no "sku"')]


def test_an_unknown_name_gets_the_nearest_known_one() -> None:
    assert told({**GOOD, "linse": []}) == [
        ((), 'has "linse", which its schema does not know; did you mean "lines"?')
    ]


def test_a_wrong_word_gets_the_words_there_are() -> None:
    assert told({**GOOD, "size": "smal"}) == [
        (("size",), 'must be "small" or "large"; did you mean "small"?')
    ]


def test_a_bound_is_said() -> None:
    assert told({**GOOD, "amount": 0}) == [(("amount",), "must be more than 0")]
    assert told({**GOOD, "order_id": ""}) == [
        (("order_id",), "must have at least 1 characters, not 0")
    ]


def test_every_mistake_is_told() -> None:
    assert len(told({"order_id": 1, "amount": -1, "size": 3, "x": 0})) == 4


def test_no_value_is_ever_shown() -> None:
    schema = {"properties": {"a": {"pattern": "^x$", "maxLength": 3, "const": 1, "enum": ["q"]}}}
    for _, message in told({"a": "hunter2"}, schema):
        assert "hunter2" not in message
    assert len(told({"a": "hunter2"}, schema)) == 4


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"type": "integer"}, True),
        ({"type": "number"}, False),
        ({"const": 1}, True),
        ({"enum": [0]}, False),
        ({"enum": [[1]]}, [True]),
        ({"type": "boolean"}, 1),
    ],
)
def test_true_and_1_are_two_things(schema: object, value: object) -> None:
    assert len(told(value, schema)) == 1


def test_a_whole_number_may_be_written_with_a_point() -> None:
    assert told(1.0, {"type": "integer"}) == []
    assert told(1.5, {"type": "integer"}) != []


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {"a": [float("-inf")]}])
def test_what_json_cannot_hold_is_refused_before_any_bound(value: object) -> None:
    problems = told(value, {"minimum": 0, "maximum": 10})
    assert [message for _, message in problems] == ["is no number that JSON knows"]


def test_money_with_cents_is_a_multiple_of_a_cent() -> None:
    for value in (19.99, 0.07, 1.1, 1e15, 3):
        assert told(value, {"multipleOf": 0.01}) == []
    assert told(19.999, {"multipleOf": 0.01}) == [((), "must be a multiple of 0.01")]
    assert told(10**300, {"multipleOf": 0.01}) == []


def test_equal_items_are_found_whatever_their_order_of_names() -> None:
    assert told([{"a": 1, "b": 2}, {"b": 2, "a": 1.0}], {"uniqueItems": True}) != []
    assert told([1, True, "1", [1], {"1": 1}], {"uniqueItems": True}) == []


def test_of_several_forms_the_nearest_says_what_is_wrong() -> None:
    schema = {
        "anyOf": [
            {"type": "object", "required": ["card"]},
            {"type": "object", "required": ["iban"], "properties": {"iban": {"type": "string"}}},
        ]
    }
    assert told({"iban": 5}, schema)[0][0] in ((), ("iban",))
    assert told({"card": "1"}, schema) == []


def test_pattern_properties_and_what_is_left_over() -> None:
    schema = {
        "patternProperties": {"^x-": {"type": "string"}},
        "properties": {"a": {}},
        "additionalProperties": {"type": "integer"},
    }
    assert told({"x-a": "1", "a": None, "b": 2}, schema) == []
    assert [path for path, _ in told({"x-a": 1, "b": "2"}, schema)] == [("x-a",), ("b",)]


def test_a_schema_may_describe_a_tree() -> None:
    tree = {
        "type": "object",
        "required": ["name"],
        "properties": {"name": {"type": "string"}, "parts": {"items": {"$ref": "#"}}},
    }
    value: dict[str, Any] = {"name": "root"}
    for _ in range(50):
        value = {"name": "node", "parts": [value]}
    assert told(value, tree) == []
    assert told({"name": "a", "parts": [{}]}, tree) == [(("parts", 0), 'has no "name"')]


def test_a_false_schema_allows_nothing() -> None:
    assert told({"a": 1}, {"properties": {"a": False}}) == [(("a",), "is not allowed at all")]


def test_a_schema_that_is_none_is_told_at_its_place() -> None:
    (problem,) = schema_problems("{type: objct}")
    assert problem.code == "input-schema"
    assert problem.message.endswith('not "objct"; did you mean "object"?')
    assert marked(problem) == "objct"


def test_every_mistake_of_a_schema_is_told() -> None:
    problems = schema_problems("{type: object, required: a, minProperties: -1, properties: []}")
    assert [marked(problem) for problem in problems] == ["a", "-1", "[]"]


@pytest.mark.parametrize(
    ("schema", "code", "place"),
    [
        ("{properties: {a: {$ref: 'https://h/x'}}}", "remote-ref", "'https://h/x'"),
        ("{properties: {a: {$ref: 'other.json'}}}", "remote-ref", "'other.json'"),
        ("{allOf: [{$ref: 'file:///etc/passwd'}]}", "remote-ref", "'file:///etc/passwd'"),
        ("{properties: {a: {$ref: '#/$defs/b'}}}", "unknown-ref", "'#/$defs/b'"),
        ("{$ref: '#'}", "recursive-ref", "$ref"),
        ("{$defs: {a: {anyOf: [{$ref: '#/$defs/a'}]}}}", "recursive-ref", "$ref"),
        ("{properties: {a: {$dynamicRef: '#a'}}}", "unsafe-schema", "$dynamicRef"),
        ("{properties: {a: {$id: 'http://x/y'}}}", "unsafe-schema", "$id"),
        ("{properties: {a: {pattern: '(a'}}}", "bad-pattern", "'(a'"),
        ("{patternProperties: {'(a)\\1': {}}}", "bad-pattern", "'(a)\\1'"),
        ("{$schema: 'http://json-schema.org/draft-07/schema#'}", "input-schema",
         "'http://json-schema.org/draft-07/schema#'"),
        ("{properties: {a: {x-sensitive: 1}}}", "wrong-type", "1"),
        ("{patternProperties: {a: {}}, unevaluatedProperties: false}", "unsafe-schema",
         "unevaluatedProperties"),
    ],
)  # fmt: skip
def test_what_is_not_safe_is_an_error_at_its_place(schema: str, code: str, place: str) -> None:
    problems = [p for p in schema_problems(schema) if p.severity is Severity.ERROR]
    assert [(p.code, marked(p)) for p in problems] == [(code, place)]


@pytest.mark.parametrize(
    "schema",
    [
        "{properties: {$ref: {type: string}, pattern: {type: string}}}",
        "{examples: [{$ref: 'http://h/x'}]}",
        "{default: {$ref: 'http://h/x'}, enum: [{$ref: 5}], const: {pattern: '('}}",
        "{properties: {a: {$ref: '#/$defs/a~1b'}}, $defs: {a/b: true}}",
        "{properties: {a: {items: {$ref: '#'}}}}",
        "{$schema: 'https://json-schema.org/draft/2020-12/schema'}",
        "{x-owner: billing, properties: {a: {x-sensitive: true}}}",
    ],
)
def test_what_only_looks_unsafe_is_allowed(schema: str) -> None:
    assert [p.code for p in schema_problems(schema) if p.code != "example-misfit"] == []


def test_a_keyword_that_checks_nothing_is_a_warning() -> None:
    (problem,) = schema_problems("{properties: {a: {minLenght: 1}}}")
    assert problem.severity is Severity.WARNING
    assert problem.message.endswith('so it checks nothing; did you mean "minLength"?')


def test_a_slip_in_the_word_that_masks_is_told() -> None:
    (problem,) = schema_problems("{properties: {a: {x-sensitiv: true}}}")
    assert 'did you mean "x-sensitive"?' in problem.message


def test_an_example_that_does_not_fit_is_a_warning_at_the_value() -> None:
    (problem,) = schema_problems("{properties: {a: {type: string}}, examples: [{a: 5}]}")
    assert (problem.code, problem.severity) == ("example-misfit", Severity.WARNING)
    assert marked(problem) == "5"


def test_an_example_may_leave_out_what_has_a_default() -> None:
    text = "{required: [a], properties: {a: {default: 1}}, examples: [{}]}"
    assert schema_problems(text) == []


def test_a_warning_does_not_stop_a_saga() -> None:
    saga = saga_of("input: {requird: [a]}\n" + with_step(STEP))
    assert saga.input_schema == {"requird": ["a"]}


def test_a_saga_without_an_input_has_no_schema() -> None:
    assert saga_of(with_step(STEP)).input_schema is None
    assert HEAD.startswith("saga:")
