"""A plain schema has a specimen that fits it, the same each time; where none is found, that is told."""

from random import Random
from typing import Any

import pytest
from conftest import Cli

from sagactl.definition.schema import check_input
from sagactl.rehearsal.proof.specimen import specimen, specimens

FORMS = ["date", "date-time", "time", "email", "uri", "uuid", None]


def plain(chance: Random, depth: int = 0) -> dict[str, Any]:
    """A schema as people write them: types, bounds, enums, and objects of such."""
    kinds = ["string", "integer", "number", "boolean", "null", "enum", "const"]
    kind = chance.choice([*kinds, "object", "array", "object"] if depth < 3 else kinds)
    match kind:
        case "string":
            return _text(chance)
        case "integer" | "number":
            return _number(chance, kind)
        case "enum":
            return {"enum": chance.sample(["a", 1, None, False, [2], {"b": 3}], 2)}
        case "const":
            return {"const": chance.choice(["a", 0, None, [], {}])}
        case "array":
            bounds = [{}, {"minItems": 0}, {"minItems": 3}, {"maxItems": 1}, {"maxItems": 0}]
            return {"type": "array", "items": plain(chance, depth + 1), **chance.choice(bounds)}
        case "object":
            names = "abcd"[: chance.randint(0, 4)]
            return {
                "type": "object",
                "properties": {name: plain(chance, depth + 1) for name in names},
                "required": chance.sample(names, chance.randint(0, len(names))),
                **chance.choice([{}, {"additionalProperties": False}]),
            }
    return {"type": kind}


def _text(chance: Random) -> dict[str, Any]:
    form = chance.choice(FORMS)
    if form is not None:
        return {"type": "string", "format": form}
    least = chance.choice([0, 1, 9])
    return {"type": "string", "minLength": least, "maxLength": least + chance.choice([0, 3, 50])}


def _number(chance: Random, kind: str) -> dict[str, Any]:
    low = chance.choice([-7, 0, 3])
    schema: dict[str, Any] = {"type": kind}
    schema |= chance.choice([{}, {"minimum": low}, {"exclusiveMinimum": low}])
    schema |= chance.choice([{}, {"maximum": low + 8}, {"exclusiveMaximum": low + 8}])
    schema |= chance.choice([{}, {}, {"multipleOf": 5}])
    return schema


@pytest.mark.parametrize("number", range(300))
def test_a_plain_schema_has_a_specimen_that_fits(number: int) -> None:
    schema = plain(Random(number))
    fitting = [value for value in specimens(schema) if not check_input(schema, value)]
    assert fitting, (schema, list(specimens(schema)))
    assert list(specimens(schema)) == list(specimens(schema))


KNOTTY: list[Any] = [
    {"type": "string", "pattern": "^[A-Z]{3}-[0-9]{4}$"},
    {"type": "array", "items": {"type": "string"}, "minItems": 3, "uniqueItems": True},
    {"anyOf": [{"type": "integer", "minimum": 7}, {"type": "string"}]},
    {"type": "object", "minProperties": 2},
    {"allOf": [{"type": "object", "required": ["a"]}, {"properties": {"a": {"type": "integer"}}}]},
    {"$defs": {"a/b": {"type": "integer", "minimum": 3}}, "$ref": "#/$defs/a~1b"},
    True,
    {},
]


@pytest.mark.parametrize("schema", KNOTTY, ids=str)
def test_what_is_knotty_is_grown(schema: Any) -> None:
    assert any(not check_input(schema, value) for value in specimens(schema))


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"const": 7, "default": 8}, 7),
        ({"type": "string", "default": "d", "examples": ["e"]}, "d"),
        ({"type": "string", "examples": ["e", "f"], "enum": ["f", "e"]}, "e"),
        ({"enum": [None, 1]}, None),
        ({"type": ["integer", "null"]}, 1),
        ({"type": "integer", "exclusiveMinimum": 0}, 1),
        ({"type": "integer", "minimum": 3, "multipleOf": 5}, 5),
        ({"type": "number", "maximum": -2}, -2),
        ({"type": "string", "minLength": 7}, "valuexx"),
        ({"type": "string", "maxLength": 2}, "va"),
        ({"type": "string", "format": "date"}, "2026-01-31"),
        ({"items": {"type": "boolean"}}, [True]),
        ({"type": "array", "minItems": 2, "items": {"type": "null"}}, [None, None]),
        ({"required": ["a"]}, {"a": "a"}),
        ({"properties": {"a": {"type": "integer"}}}, {"a": 1}),
        (
            {
                "properties": {
                    "a": {"properties": {"b": {}, "c": {"default": 1}}, "required": ["d"]}
                }
            },
            {"a": {"c": 1, "d": "d"}},
        ),
        ({"allOf": [{"required": ["a"]}, {"properties": {"a": {"const": 2}}}]}, {"a": 2}),
        ({"$ref": "#/$defs/n", "$defs": {"n": {"type": "null"}}}, None),
        ({"$ref": "#/$defs/none"}, "value"),
        ({"$ref": "#"}, "value"),
        (True, {}),
        (False, None),
    ],
    ids=str,
)
def test_a_specimen_is_what_the_schema_says_most_plainly(schema: Any, value: Any) -> None:
    assert specimen(schema) == value


def test_a_schema_within_itself_has_an_end() -> None:
    schema = {"type": "object", "properties": {"a": {"$ref": "#"}}, "required": ["a"]}
    assert str(specimen(schema)).count("'a'") == 13
    assert [value for value in specimens(schema) if not check_input(schema, value)] == []


NONE_FITS = """
saga: none
input:
  type: object
  required: [a]
  properties: {a: {not: {}}}
services: {s: {url: http://s}}
steps:
  - {name: one, service: s, action: PUT /ones, compensation: none}
"""


def test_where_no_input_is_found_that_is_told_with_its_place(cli: Cli) -> None:
    cli.write("none.yaml", NONE_FITS)
    told = cli("test", "none.yaml")
    assert (told.status, told.out) == (2, "")
    assert told.err == (
        "sagactl: none.yaml:2:7: no input was found that its schema accepts: "
        'give "input" an example, as in examples: [{…}]\n'
    )
