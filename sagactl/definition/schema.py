"""The shape of a definition and of its input: what JSON Schema says, in our words.

`schema/saga.schema.json` is the one source of truth for shape, `saga-test.schema.json` beside it
that of files of tests; this is the only door to the library that checks them. Nothing is ever
fetched: a `$ref` leads inside the schema or nowhere. Whatever an input holds, the check ends:
patterns take a bounded time, and references are counted.

What `acceptance` is sure of needs no library; it is asked first, and the library for what is wrong.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, partial
from itertools import islice
from pathlib import Path
from typing import Any

from sagactl.definition.acceptance import Check, Manner, acceptance
from sagactl.definition.input_schema import are_different, is_multiple, unsafe
from sagactl.definition.input_words import input_message, unknown_type, unsendable
from sagactl.definition.shape import Fault, Mistake, faults
from sagactl.source.node import Json, List, Map, Node, descend, plain
from sagactl.source.place import Place
from sagactl.source.problem import MAX_PROBLEMS, Problem, Severity

NAME = "saga.schema.json"
TEST_NAME = "saga-test.schema.json"
# The schema of schemas (json-schema.org), with its parts by the names it calls them.
DRAFT_NAME = "draft-2020-12.json"
# References followed for each value of an input: far more than a schema in its senses needs.
STEPS_PER_VALUE = 50
STEPS_AT_LEAST = 2000
# The same for what patterns cost, in steps of their own and beyond what any text may cost.
PATTERNS_PER_VALUE = 1000
TOO_LONG = "would take too long to hold against its schema"


@dataclass(frozen=True, slots=True)
class InputProblem:
    """What is wrong with an input; `path` leads to it."""

    path: tuple[str | int, ...]
    message: str


@cache
def schema_text(name: str = NAME) -> str:
    """The JSON Schema of definitions, or of files of tests.

    It lies beside this file in a wheel, and in `schema/` in a checkout.
    """
    beside = Path(__file__).with_name(name)
    if not beside.exists():
        beside = Path(__file__).parents[2] / "schema" / name
    return beside.read_text(encoding="utf-8")


def check_shape(node: Node) -> list[Problem]:
    """Everything in a definition that the schema does not allow, each at its place."""
    return [fault.problem for fault in shape_faults(node)]


def shape_faults(node: Node) -> list[Fault]:
    """The same, each with the path to what is wrong; `input` apart, which has its own check."""
    value = plain(node)
    found = [] if _accepts_definition()(value) else faults_by(NAME, node)
    if len(found) > MAX_PROBLEMS:
        return found
    schema = node.get("input") if isinstance(node, Map) else None
    if isinstance(schema, Map):
        problems = check_input_schema(plain(schema), schema)
        found.extend(Fault(("input",), problem, is_apart=True) for problem in problems)
    return found


def faults_by(name: str, node: Node) -> list[Fault]:
    """Everything in a text that one of our own schemas does not allow."""
    validator = _own_validator(name)
    # Two keywords can mind the same thing (a number is no text, and none of the words either).
    once: dict[tuple[Place, str], Fault] = {}
    for error in validator.iter_errors(plain(node)):
        for fault in faults(node, _mistake(error), validator.schema):
            once.setdefault((fault.problem.place, fault.problem.message), fault)
            if len(once) > MAX_PROBLEMS:
                return [*once.values()]
    return [*once.values()]


def check_input(schema: Json, value: Json) -> list[InputProblem]:
    """What an input has that its schema does not allow; values themselves are never told."""
    strange = unsendable(value)
    if strange is not None:
        return [InputProblem(*strange)]
    if _accepts_input(schema, value):
        return []
    found: dict[InputProblem, None] = {}
    try:
        for error in _input_validator(schema, value).iter_errors(value):
            inner = _deepest(error)
            found[InputProblem(tuple(inner.absolute_path), input_message(_mistake(inner)))] = None
    except (_TooManySteps, RecursionError):
        found[InputProblem((), TOO_LONG)] = None
    return list(found)


def check_defaults(schema: Mapping[str, Json], value: Json) -> list[InputProblem]:
    """The same of what a schema names as defaults: nothing need be there besides."""
    loose = {word: said for word, said in schema.items() if word not in ("required", "$id")}
    if unsendable(value) is None and _accepts_input(schema, value, loose):
        return []
    return [wrong for wrong in check_input(schema, value) if wrong.path]


def with_defaults(schema: Json, value: Json) -> Json:
    """An input with every `default` that its schema names, where it says nothing itself."""
    properties = schema.get("properties") if isinstance(schema, dict) else None
    if not isinstance(value, dict) or not isinstance(properties, dict):
        return value
    filled = dict(value)
    for name, declared in properties.items():
        if not isinstance(declared, dict):
            continue
        if name in filled:
            filled[name] = with_defaults(declared, filled[name])
        elif "default" in declared:
            filled[name] = declared["default"]
    return filled


def check_input_schema(schema: Json, node: Map) -> list[Problem]:
    """What keeps `schema`, written at `node`, from being a JSON Schema that is safe to check."""
    problems = [] if _accepts_schema()(schema) else _schema_problems(schema, node)
    if len(problems) > MAX_PROBLEMS:
        return problems
    problems.extend(islice(unsafe(node), MAX_PROBLEMS + 1))
    if not any(problem.severity is Severity.ERROR for problem in problems):
        problems.extend(_examples(schema, node))
    return problems


def _schema_problems(schema: Json, node: Map) -> list[Problem]:
    from jsonschema import Draft202012Validator

    problems: list[Problem] = []
    for error in Draft202012Validator(Draft202012Validator.META_SCHEMA).iter_errors(schema):
        if len(problems) > MAX_PROBLEMS:
            break
        inner = _deepest(error)
        path = tuple(inner.absolute_path)
        thing = f'"{path[-1]}"' if path else '"input"'
        said = unknown_type(inner.instance) if path[-1:] == ("type",) else None
        said = said or input_message(_mistake(inner))
        message = f"{thing} is not JSON Schema: it {said}"
        problems.append(Problem("input-schema", descend(node, path).place, message))
    return problems


def _examples(schema: Json, node: Map) -> Iterator[Problem]:
    """Examples that their own schema refuses: the sandbox would refuse them too."""
    examples = node.get("examples")
    filled = {
        name: declared["default"]
        for name, declared in schema.get("properties", {}).items()
        if isinstance(declared, dict) and "default" in declared
    }
    for item in examples.items if isinstance(examples, List) else ():
        value = plain(item)
        given = {**filled, **value} if isinstance(value, dict) else value
        for wrong in check_input(schema, given):
            said = f'"{wrong.path[-1]}" {wrong.message}' if wrong.path else wrong.message
            message = f"this example does not fit the schema: {said}"
            place = descend(item, wrong.path).place
            yield Problem("example-misfit", place, message, severity=Severity.WARNING)
            if wrong.message == TOO_LONG:
                return  # so would the others


@cache
def _accepts_definition() -> Check:
    return acceptance({"": json.loads(schema_text())}, Manner(_our_pattern))


@cache
def _accepts_schema() -> Check:
    text = Path(__file__).with_name(DRAFT_NAME).read_text(encoding="utf-8")
    return acceptance(json.loads(text), Manner(lambda pattern: re.compile(pattern).search))


def _accepts_input(schema: Json, value: Json, start: Json = None) -> bool:
    steps = _Steps()
    steps.fill(_size(value))
    manner = Manner(lambda pattern: partial(steps.match, pattern), steps.take, decides=False)
    try:
        return acceptance({"": schema}, manner, start)(value)
    except _TooManySteps:
        return False  # which is for the library to find out, too


def _mistake(error: Any) -> Mistake:
    return Mistake(
        path=tuple(error.absolute_path),
        schema_path=tuple(error.absolute_schema_path),
        keyword=str(error.validator),
        wanted=error.validator_value,
        schema=error.schema if isinstance(error.schema, dict) else {},
        value=error.instance,
    )


def _deepest(error: Any) -> Any:
    """The mistake that says most: where no form of several fits, that of the one closest to it."""
    from jsonschema.exceptions import best_match

    return best_match([error])


@cache
def _own_validator(name: str) -> Any:
    from jsonschema import Draft202012Validator
    from referencing import Registry

    types = Draft202012Validator.TYPE_CHECKER.redefine(
        # `version: 1.10` is the fraction 1.1 to YAML: no fraction is a whole number here.
        "integer", lambda _, value: isinstance(value, int) and not isinstance(value, bool)
    )  # fmt: skip
    kind = _extended({"pattern": _keyword(_fits_our_pattern)}, type_checker=types)
    return kind(json.loads(schema_text(name)), registry=Registry())


def _extended(keywords: Mapping[str, Any], **more: Any) -> Any:
    from jsonschema import Draft202012Validator, validators

    extend: Any = validators.extend
    return extend(Draft202012Validator, keywords, **more)


def _fits_our_pattern(pattern: str, value: Json) -> bool:
    return not isinstance(value, str) or _our_pattern(pattern)(value) is not None


def _our_pattern(pattern: str) -> Callable[[str], re.Match[str] | None]:
    # Python's `$` lets a line break through.
    return re.compile(re.sub(r"\$\Z", r"\\Z", pattern)).search


class _TooManySteps(Exception):
    """It would take longer than an input of this size is worth."""


class _Steps:
    """What is left of the steps that a check may take, and that its patterns may beyond FUEL."""

    def __init__(self) -> None:
        self.left = 0
        self.for_patterns = 0

    def fill(self, size: int) -> None:
        self.left = STEPS_AT_LEAST + STEPS_PER_VALUE * size
        self.for_patterns = PATTERNS_PER_VALUE * size

    def take(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise _TooManySteps

    def match(self, pattern: str, text: str) -> bool:
        # What reads patterns is not imported where there are none.
        from sagactl.definition.pattern import FUEL, PatternTooCostly, matched
        from sagactl.definition.pattern_text import PatternRejected

        try:
            found, left = matched(pattern, text, FUEL + self.for_patterns)
        except PatternTooCostly:
            raise _TooManySteps from None
        except PatternRejected:
            return False  # refused when the definition was checked
        self.for_patterns = left - FUEL
        return found


def _input_validator(schema: Json, value: Json) -> Any:
    from referencing import Registry

    kind, steps = _input_kind()
    steps.fill(_size(value))
    # Without a registry of its own the library fetches remote references over the network.
    return kind(schema, registry=Registry())


@cache
def _input_kind() -> tuple[Any, _Steps]:
    """The kind of validator that checks inputs: making one takes longer than using it."""
    from jsonschema import Draft202012Validator

    steps = _Steps()
    usual = Draft202012Validator.VALIDATORS
    counted = ("$ref", "allOf", "anyOf", "oneOf", "not", "if")
    kind = _extended(
        {
            **{name: _counted(usual[name], steps) for name in counted},
            "pattern": _keyword(lambda p, v: not isinstance(v, str) or steps.match(p, v)),
            "uniqueItems": _keyword(
                lambda on, v: not on or not isinstance(v, list) or are_different(v)
            ),
            "multipleOf": _keyword(lambda of, v: not _is_number(v) or is_multiple(v, of)),
            "properties": _properties,
            "patternProperties": partial(_pattern_properties, steps),
            "additionalProperties": partial(_additional_properties, steps),
        },
    )
    return kind, steps


def _keyword(holds: Callable[[Any, Json], bool]) -> Any:
    from jsonschema import ValidationError

    def check(validator: Any, wanted: Any, value: Json, schema: Json) -> Iterator[Any]:
        if not holds(wanted, value):
            yield ValidationError("")

    return check


def _counted(usual: Any, steps: _Steps) -> Any:
    def check(validator: Any, wanted: Any, value: Json, schema: Json) -> Iterator[Any]:
        steps.take()
        yield from usual(validator, wanted, value, schema) or ()

    return check


def _properties(
    validator: Any, properties: Mapping[str, Json], value: Json, schema: Json
) -> Iterator[Any]:
    for name, below in properties.items() if isinstance(value, dict) else ():
        if name in value:
            yield from _below(validator, value, name, below)


def _below(validator: Any, value: Mapping[str, Json], name: str, schema: Json) -> Iterator[Any]:
    # The library forgets the path of what a `false` forbids.
    said = {"not": {}} if schema is False else schema
    yield from validator.descend(value[name], said, path=name)


def _pattern_properties(
    steps: _Steps, validator: Any, patterns: Mapping[str, Json], value: Json, schema: Json
) -> Iterator[Any]:
    for pattern, below in patterns.items() if isinstance(value, dict) else ():
        for name in value:
            if steps.match(pattern, name):
                yield from _below(validator, value, name, below)


def _additional_properties(
    steps: _Steps, validator: Any, allowed: Json, value: Json, schema: Mapping[str, Json]
) -> Iterator[Any]:
    from jsonschema import ValidationError

    if not isinstance(value, dict):
        return
    patterns = schema.get("patternProperties", {})
    known = schema.get("properties", {})
    others = [n for n in value if n not in known and not any(steps.match(p, n) for p in patterns)]
    if allowed is False and others:
        yield ValidationError("")
    elif isinstance(allowed, dict):
        for name in others:
            yield from _below(validator, value, name, allowed)


def _is_number(value: Json) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _size(value: Json) -> int:
    match value:
        case list():
            return 1 + sum(map(_size, value))
        case dict():
            return 1 + sum(map(_size, value.values()))
    return 1
