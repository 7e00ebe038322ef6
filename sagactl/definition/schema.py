"""The shape of a definition and of its input, told in our words.

`schema/saga.schema.json` is the one source of truth for shape; this is the only door to the library
that checks it. Nothing is ever fetched: a `$ref` leads inside the schema or nowhere.
"""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from sagactl.source.node import Json, Map, Node, Scalar, descend, plain
from sagactl.source.problem import Problem, nearest

NAME = "saga.schema.json"

WORDS = {
    "object": "a map",
    "array": "a list",
    "string": "a text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "null": "null",
}
# Keywords by which a schema could cost more time than any input is worth.
COSTLY_PATTERN = re.compile(r"[+*}]\)?[+*{]|\([^)]*[+*|][^)]*\)[+*{]")


@dataclass(frozen=True, slots=True)
class InputProblem:
    """What is wrong with an input; `path` leads to it."""

    path: tuple[str | int, ...]
    message: str


@cache
def schema_text() -> str:
    """The JSON Schema of definitions: beside this file in a wheel, in `schema/` in a checkout."""
    beside = Path(__file__).with_name(NAME)
    if not beside.exists():
        beside = Path(__file__).parents[2] / "schema" / NAME
    return beside.read_text(encoding="utf-8")


def check_shape(node: Node) -> list[Problem]:
    """Everything in a definition that the schema does not allow, each at its place."""
    errors = list(_validator(json.loads(schema_text())).iter_errors(plain(node)))
    return [problem for error in errors for problem in _problems(node, error)]


def check_input(schema: Json, value: Json) -> list[InputProblem]:
    """What an input has that its schema does not allow."""
    from jsonschema.exceptions import best_match

    found = []
    for error in _validator(schema).iter_errors(value):
        inner = best_match([error]) or error
        found.append(InputProblem(tuple(inner.absolute_path), _input_message(inner)))
    return found


def check_input_schema(node: Node) -> list[Problem]:
    """What keeps `input` from being a JSON Schema that can be checked safely."""
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import SchemaError

    problems = list(_unsafe(node))
    try:
        Draft202012Validator.check_schema(plain(node))
    except SchemaError as error:
        place = descend(node, tuple(error.absolute_path)).place
        key = error.absolute_path[-1] if error.absolute_path else "input"
        message = f'"{key}" is not JSON Schema: {_own_words(error)}'
        problems.append(Problem("input-schema", place, message))
    return problems


def _validator(schema: Json) -> Any:
    from jsonschema import Draft202012Validator
    from referencing import Registry

    # Without an explicit registry the library fetches remote references over the network.
    return Draft202012Validator(schema, registry=Registry())


def _unsafe(node: Node) -> Iterator[Problem]:
    if isinstance(node, Map):
        for entry in node.entries:
            value = entry.value
            text = value.value if isinstance(value, Scalar) else None
            if entry.name == "$ref" and isinstance(text, str) and not text.startswith("#"):
                message = f'"$ref" leads within the schema ("#/…"), never outside: "{text}"'
                yield Problem("remote-ref", value.place, message)
            elif entry.name in ("$ref", "$dynamicRef") and text == "#":
                yield Problem("recursive-ref", value.place, 'a "$ref" to "#" never ends')
            elif entry.name == "pattern" and isinstance(text, str) and COSTLY_PATTERN.search(text):
                message = (
                    f'the pattern "{text}" repeats a repetition: some texts would take for ever'
                )
                yield Problem("costly-pattern", value.place, message)
            yield from _unsafe(value)
    elif not isinstance(node, Scalar):
        for item in node.items:
            yield from _unsafe(item)


def _problems(root: Node, error: Any) -> Iterable[Problem]:
    path = tuple(error.absolute_path)
    node = descend(root, path)
    subject = _subject(root, path)
    match error.validator:
        case "additionalProperties":
            return [_unknown_key(node, name, error, subject) for name in _extra(node, error)]
        case "required":
            missing = str(error.message).split("'")[1]
            return [_missing_key(root, path, node, missing, subject)]
        case "propertyNames":
            return []
    if path and path[-1] == "compensation" and error.instance is None:
        hint = "write `compensation: none` where there is nothing to undo"
        message = "the compensation is empty"
        return [Problem("empty-compensation", _key_place(root, path), message, hint)]
    if "propertyNames" in error.absolute_schema_path:
        name = str(error.instance)
        key = node.key(name) if isinstance(node, Map) else None
        place = key.place if key is not None else node.place
        return [Problem("bad-name", place, f'"{name}" is no name here: {_wanted(error)}')]
    code = {"type": "wrong-type", "enum": "unknown-word", "pattern": "wrong-form"}
    message = f"{subject} {_own_words(error)}"
    return [Problem(code.get(error.validator, "wrong-value"), node.place, message)]


def _extra(node: Node, error: Any) -> list[str]:
    known = set(error.schema.get("properties", {}))
    return [e.name for e in node.entries if e.name not in known] if isinstance(node, Map) else []


def _unknown_key(node: Node, name: str, error: Any, subject: str) -> Problem:
    known = list(error.schema.get("properties", {}))
    close = nearest(name, known)
    meant = f'; did you mean "{close}"?' if close else f"; there are {', '.join(known)}"
    key = node.key(name) if isinstance(node, Map) else None
    place = key.place if key is not None else node.place
    return Problem("unknown-key", place, f'unknown key "{name}" in {subject}{meant}')


def _missing_key(
    root: Node, path: tuple[str | int, ...], node: Node, missing: str, subject: str
) -> Problem:
    place = _key_place(root, path) if path else node.place
    if isinstance(node, Map) and node.entries:
        place = node.entries[0].key.place
    return Problem("missing-key", place, f'{subject} needs "{missing}"')


def _key_place(root: Node, path: tuple[str | int, ...]) -> Any:
    above = descend(root, path[:-1])
    key = above.key(str(path[-1])) if isinstance(above, Map) else None
    return key.place if key is not None else descend(root, path).place


def _subject(root: Node, path: tuple[str | int, ...]) -> str:
    """The thing that a path leads to, as its author would call it."""
    if not path:
        return "a saga"
    if len(path) == 2 and path[0] == "steps":
        step = descend(root, path)
        name = step.get("name") if isinstance(step, Map) else None
        named = isinstance(name, Scalar) and isinstance(name.value, str)
        return f'step "{name.value}"' if named and isinstance(name, Scalar) else "a step"
    if len(path) == 2 and path[0] == "services":
        return f'service "{path[1]}"'
    if isinstance(path[-1], int):
        named = next((p for p in reversed(path) if isinstance(p, str)), "")
        return f'item {path[-1] + 1} of "{named}"'
    return f'"{path[-1]}"'


def _own_words(error: Any) -> str:
    value = error.instance
    match error.validator:
        case "type" | "pattern" | "anyOf":
            return f"must be {_wanted(error)}, not {_shown(value)}"
        case "enum" | "const":
            allowed = [str(word) for word in error.schema.get("enum", [error.validator_value])]
            close = nearest(str(value), allowed)
            meant = f'; did you mean "{close}"?' if close else ""
            return f"must be one of {', '.join(allowed)}, not {_shown(value)}{meant}"
        case "minItems":
            return f"must have at least {error.validator_value} items"
        case "minLength":
            return "must not be empty"
        case "uniqueItems":
            return "names something twice"
        case "minimum" | "maximum" | "exclusiveMinimum" | "exclusiveMaximum" | "multipleOf":
            words = {
                "minimum": "at least",
                "maximum": "at most",
                "exclusiveMinimum": "more than",
                "exclusiveMaximum": "less than",
                "multipleOf": "a multiple of",
            }[error.validator]
            return f"must be {words} {error.validator_value}, not {_shown(value)}"
    return f"is not allowed here: {_shown(value)}"


def _input_message(error: Any) -> str:
    match error.validator:
        case "required":
            return f'"{str(error.message).split(chr(39))[1]}" is missing'
        case "additionalProperties":
            known = list(error.schema.get("properties", {}))
            extra = [name for name in error.instance if name not in known]
            close = nearest(extra[0], known) if extra else None
            meant = f'; did you mean "{close}"?' if close else ""
            return f"unknown name {', '.join(extra)}{meant}"
    return _own_words(error)


def _wanted(error: Any) -> str:
    schema = error.schema if isinstance(error.schema, dict) else {}
    title, examples = schema.get("title"), schema.get("examples") or []
    kinds = schema.get("type", [])
    words = " or ".join(WORDS[kind] for kind in ([kinds] if isinstance(kinds, str) else kinds))
    if error.validator == "anyOf":
        return "a status such as 404 or 2xx"
    if title == "Name":
        return str(schema["description"]).rstrip(".").lower()
    if title in ("Duration", "Size"):
        return f"a {title.lower()} such as {examples[0]}"
    if error.validator == "pattern":
        return f"a text that matches {error.validator_value}"
    return words or "something else"


def _shown(value: Json) -> str:
    if value is None:
        return "empty"
    if isinstance(value, dict | list):
        return WORDS["object" if isinstance(value, dict) else "array"]
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 40 else f"{text[:37]}…"
