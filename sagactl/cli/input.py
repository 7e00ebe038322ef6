"""A run's input: from `-i k=v`, a file, or the definition's own example."""

import sys
from pathlib import Path

from sagactl.cli.refusal import Refused
from sagactl.definition.model import Saga
from sagactl.definition.schema import check_input, with_defaults
from sagactl.source.json_text import JsonRejected, parse_json
from sagactl.source.node import Json


def gather_input(saga: Saga, pairs: list[str], file: str | None) -> Json:
    """The input as given, with the schema's defaults; Refused where it does not fit the schema."""
    value = _from_file(file) if file is not None else {}
    if pairs:
        if not isinstance(value, dict):
            raise Refused("-i adds to an object, but the input file holds something else")
        value = {**value, **dict(_pair(saga, pair) for pair in pairs)}
    return fitting_input(saga, value)


def fitting_input(saga: Saga, value: Json) -> Json:
    """An input with the schema's defaults; Refused where it does not fit the schema."""
    value = with_defaults(saga.input_schema, value)
    if saga.input_schema is not None:
        wrong = check_input(saga.input_schema, value)
        if wrong:
            raise Refused(*(f"input {path_words(p.path)}{p.message}" for p in wrong))
    return value


def example_input(saga: Saga) -> Json | None:
    """The first of the input schema's `examples`, or None."""
    schema = saga.input_schema
    examples = schema.get("examples") if isinstance(schema, dict) else None
    return examples[0] if isinstance(examples, list) and examples else None


def _from_file(name: str) -> Json:
    try:
        text = sys.stdin.read() if name == "-" else Path(name).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Refused(f"{name}: cannot be read: {error}") from None
    try:
        return parse_json(text)
    except JsonRejected as error:
        raise Refused(f"{name}: not JSON: {error}") from None


def _pair(saga: Saga, pair: str) -> tuple[str, Json]:
    name, equals, text = pair.partition("=")
    if not equals or not name:
        raise Refused(f'-i takes name=value, not "{pair}"')
    types = _types(saga.input_schema, name)
    if "string" in types:
        return name, text
    try:
        return name, parse_json(text)
    except JsonRejected as error:
        if types:
            wanted = " or ".join(types)
            raise Refused(f'-i {name}: "{text}" is not JSON for {wanted}: {error}') from None
        return name, text


def _types(schema: Json, name: str) -> list[str]:
    properties = schema.get("properties") if isinstance(schema, dict) else None
    declared = properties.get(name) if isinstance(properties, dict) else None
    kind = declared.get("type") if isinstance(declared, dict) else None
    return [kind] if isinstance(kind, str) else list(kind or [])


def path_words(path: tuple[str | int, ...]) -> str:
    """Where in the input it is, with a colon behind it; nothing for the whole."""
    if not path:
        return ""
    text = "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in path)
    return f'"{text.removeprefix(".")}": '
