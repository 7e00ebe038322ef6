"""What is accepted quickly is what the library finds nothing wrong with, and the other way round.

The library is the oracle: for definitions, for the schema of an input, and for an input.
"""

import json
from typing import Any

import pytest
from definition.definitions import HEAD
from fuzz.definitions import definitions
from hypothesis import HealthCheck, example, given, seed, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from jsonschema_specifications import REGISTRY

from sagactl.definition import schema as shape
from sagactl.definition.acceptance import FOR_EDITORS, SILENT, WORDS, Manner, acceptance
from sagactl.source.node import plain
from sagactl.source.place import Source
from sagactl.source.reader import decode, read

many = settings(
    deadline=None, database=None, max_examples=600, suppress_health_check=list(HealthCheck)
)
DRAFT = json.loads((shape.Path(shape.__file__).with_name(shape.DRAFT_NAME)).read_text("utf-8"))
META = Draft202012Validator(Draft202012Validator.META_SCHEMA)


def accepts(schema: Any, value: Any) -> bool:
    return shape._accepts_input(schema, value)


@pytest.mark.parametrize("block", range(3))
def test_a_definition_is_accepted_if_and_only_if_the_library_finds_nothing_wrong(
    block: int,
) -> None:
    @seed(block)
    @many
    @given(definitions())
    def holds(text: str) -> None:
        source, _ = decode(text.encode("utf-8", "surrogatepass"), "x.yaml")
        node, _ = read(source) if source is not None else (None, [])
        if node is None:
            return
        value = plain(node)
        assert shape._accepts_definition()(value) == shape._own_validator(shape.NAME).is_valid(
            value
        )

    holds()


NAMES = st.sampled_from(["a", "b", "type", "#/$defs/a", "^a*$", "é"])
# A fraction that is whole is for the library to judge.
NUMBERS = st.one_of(st.integers(-3, 30), st.sampled_from([0.5, 1.5, -2.25]))
SCALARS = st.one_of(st.none(), st.booleans(), NUMBERS, NAMES, st.just("aab"))
VALUES = st.recursive(
    SCALARS,
    lambda below: st.one_of(st.lists(below, max_size=3), st.dictionaries(NAMES, below, max_size=3)),
    max_leaves=8,
)
TYPES = st.sampled_from(["array", "boolean", "integer", "null", "number", "object", "string"])
COUNTS = st.integers(0, 3)
SENSIBLE: dict[str, Any] = {
    "type": st.one_of(TYPES, st.lists(TYPES, min_size=1, max_size=3, unique=True)),
    "enum": st.lists(SCALARS, max_size=4),
    "const": SCALARS,
    "pattern": st.sampled_from(["^a*$", "a+b", "^[a-z]{2}", "(a|b)*$", "^(a+)+$"]),
    "required": st.lists(NAMES, max_size=2, unique=True),
    "dependentRequired": st.dictionaries(NAMES, st.lists(NAMES, max_size=2, unique=True)),
    "uniqueItems": st.booleans(),
    "multipleOf": st.sampled_from([1, 2, 0.5]),
    **dict.fromkeys(["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"], NUMBERS),
    **dict.fromkeys(["minLength", "maxLength", "minItems", "maxItems"], COUNTS),
    **dict.fromkeys(["minProperties", "maxProperties"], COUNTS),
    "title": st.just("a"),
    "x-sensitive": st.just(True),
    "default": SCALARS,
    "format": st.just("email"),
}


def fields(words: dict[str, Any]) -> Any:
    return st.lists(st.sampled_from(sorted(words)), max_size=4, unique=True).flatmap(
        lambda names: st.fixed_dictionaries({name: words[name] for name in names})
    )


def schemas(odd: bool) -> Any:
    """JSON Schemas; `odd`: here and there something stands that is none."""

    def around(below: Any) -> Any:
        below = st.one_of(below, VALUES) if odd else below
        inside = dict.fromkeys(["items", "additionalProperties", "propertyNames"], below)
        inside |= {"properties": st.dictionaries(NAMES, below, max_size=3)}
        inside |= {"allOf": st.lists(below, min_size=1, max_size=2)}
        inside |= {"$ref": st.just("#/$defs/a"), "$defs": st.fixed_dictionaries({"a": below})}
        if odd:
            inside |= dict.fromkeys(["if", "not", "contains", "$anchor", "dependencies"], below)
        return fields(SENSIBLE | inside)

    sensible = fields(SENSIBLE)
    leaves = st.one_of(st.booleans(), sensible, *([VALUES] if odd else []))
    return st.recursive(leaves, around, max_leaves=6)


@many
@given(schemas(odd=True))
@example({"type": "strng"})
@example({"properties": {"a": {"properties": {"b": 1}}}})
@example({"required": ["a", "a"]})
@example({"$defs": {"a": {"$ref": "#/$defs/a"}}})
def test_an_input_schema_is_accepted_if_and_only_if_it_is_one(schema: Any) -> None:
    assert shape._accepts_schema()(schema) == META.is_valid(schema)


@many
@given(schemas(odd=False), VALUES)
@example({"items": {"type": "integer"}}, [1, True])
@example({"$defs": {"a": {"items": {"$ref": "#/$defs/a"}}}, "$ref": "#/$defs/a"}, [[[]]])
@example({"enum": [1, False]}, True)
def test_an_input_is_accepted_if_and_only_if_it_fits(schema: Any, value: Any) -> None:
    if isinstance(schema, bool):
        return
    schema = {"$defs": {"a": True}, **schema}
    try:
        fits = not list(shape._input_validator(schema, value).iter_errors(value))
    except (shape._TooManySteps, RecursionError):
        fits = False
    said = accepts(schema, value)
    assert said <= fits
    # Lists of more than texts are compared by the library.
    assert said == fits or "uniqueItems" in json.dumps(schema)


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"type": "integer"}, 2.0),
        ({"enum": [[1]]}, [1]),
        ({"const": 1}, 1.0),
        ({"uniqueItems": True}, [1, 2]),
        ({"anyOf": [{"type": "string"}]}, "a"),
        ({"oneOf": [{"type": "string"}]}, "a"),
        ({"patternProperties": {"a": True}}, {}),
        ({"prefixItems": [True]}, []),
        ({"$ref": "#a", "$defs": {"a": {"$anchor": "a"}}}, 1),
        ({"nobody-knows-this": 1}, 1),
    ],
)
def test_what_is_not_known_here_is_left_to_the_library(schema: Any, value: Any) -> None:
    assert not accepts(schema, value)
    assert shape.check_input(schema, value) == []


def test_acceptance_takes_no_more_steps_than_the_library_may() -> None:
    defs: dict[str, Any] = {"d0": {"type": "integer"}}
    for n in range(1, 14):
        defs[f"d{n}"] = {"allOf": [{"$ref": f"#/$defs/d{n - 1}"}] * 2}
    schema = {"$defs": defs, "$ref": "#/$defs/d13"}
    assert [wrong.message for wrong in shape.check_input(schema, 1)] == [shape.TOO_LONG]


def test_every_word_of_our_own_schema_is_known() -> None:
    words = WORDS.keys() | SILENT | FOR_EDITORS
    for part in _parts(json.loads(shape.schema_text())):
        assert not part.keys() - words


def _parts(schema: Any) -> list[dict[str, Any]]:
    if not isinstance(schema, dict):
        return []
    inside = [schema[w] for w in ("items", "additionalProperties", "if", "then") if w in schema]
    inside += [s for w in ("properties", "$defs") for s in schema.get(w, {}).values()]
    return [schema, *(part for below in inside for part in _parts(below))]


def test_the_schema_of_schemas_is_the_official_one() -> None:
    root = "https://json-schema.org/draft/2020-12/"
    for name, text in DRAFT.items():
        assert text == REGISTRY.contents(root + (name or "schema"))
    assert [part["$ref"] for part in DRAFT[""]["allOf"]] == [name for name in DRAFT if name]


def test_a_schema_that_leads_nowhere_accepts_nothing() -> None:
    manner = Manner(lambda pattern: lambda text: True)
    assert not acceptance({"": {"$ref": "#/$defs/a"}}, manner)(1)
    assert not acceptance({"": {"$ref": "https://x.example/y"}}, manner)(1)


def test_a_sound_definition_is_accepted() -> None:
    text = HEAD + "  - {name: a, service: shop, action: PUT /a, compensation: none}\n"
    node, _ = read(Source("x.yaml", text))
    assert node is not None
    assert shape._accepts_definition()(plain(node))
