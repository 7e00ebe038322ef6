"""What a run's input may be checked against: JSON Schema, less what is dangerous or never true.

A definition's `input` comes from its author and a run's input from anybody, so nothing in it may
fetch, loop, or take a time that nothing bounds. Keywords that the library judges in ways that
surprise people (fractions, true and 1, patterns) are judged here. Deliberately absent: `format`,
which JSON Schema itself takes for a remark.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass

from sagactl.source.node import Json, List, Map, Node, Scalar, plain
from sagactl.source.place import Place
from sagactl.source.problem import Problem, Severity, nearest

DRAFT = "https://json-schema.org/draft/2020-12/schema"
# Where schemas stand inside a schema: under names, alone, or in a list.
BY_NAME = ("properties", "patternProperties", "$defs", "dependentSchemas")
ALONE = (
    "items", "additionalProperties", "contains", "propertyNames", "not", "if", "then", "else",
    "unevaluatedItems", "unevaluatedProperties",
)  # fmt: skip
LISTED = ("allOf", "anyOf", "oneOf", "prefixItems")
# Of these, the ones that judge the very same value, and so can lead in a circle.
IN_PLACE = ("allOf", "anyOf", "oneOf", "not", "if", "then", "else", "dependentSchemas")
REMARKS = (
    "$schema", "$id", "$comment", "title", "description", "default", "examples", "deprecated",
    "readOnly", "writeOnly", "format", "contentEncoding", "contentMediaType", "contentSchema",
)  # fmt: skip
RULES = (
    "type", "enum", "const", "multipleOf", "maximum", "exclusiveMaximum", "minimum",
    "exclusiveMinimum", "maxLength", "minLength", "pattern", "maxItems", "minItems", "uniqueItems",
    "maxContains", "minContains", "maxProperties", "minProperties", "required",
    "dependentRequired", "$ref",
)  # fmt: skip
SENSITIVE = "x-sensitive"
KNOWN = (*BY_NAME, *ALONE, *LISTED, *REMARKS, *RULES, SENSITIVE)
REFUSED = ("$dynamicRef", "$dynamicAnchor", "$anchor", "$recursiveRef", "$vocabulary")


@dataclass(frozen=True, slots=True)
class _Part:
    """A schema inside the schema, and whether it judges the same value as the one around it."""

    node: Node
    is_in_place: bool


def unsafe(root: Map) -> Iterator[Problem]:
    """Everything in an input schema that would not be safe, or not mean what it seems to."""
    has_patterns = _has_patterns(root)
    parts = [root]
    while parts:
        part = parts.pop()
        yield from _unsafe_keys(part, root, has_patterns=has_patterns)
        parts.extend(p.node for p in _parts(part) if isinstance(p.node, Map))
    yield from _circles(root)


def _parts(schema: Map) -> Iterator[_Part]:
    for entry in schema:
        name, value = entry.name, entry.value
        inside: tuple[Node, ...] = ()
        if name in BY_NAME and isinstance(value, Map):
            inside = tuple(below.value for below in value)
        elif name in ALONE:
            inside = (value,)
        elif name in LISTED and isinstance(value, List):
            inside = value.items
        for node in inside:
            yield _Part(node, name in IN_PLACE)


def _unsafe_keys(schema: Map, root: Map, *, has_patterns: bool) -> Iterator[Problem]:
    for entry in schema:
        place, value = entry.key.place, entry.value
        match entry.name:
            case "$ref":
                yield from _bad_reference(value, root)
            case "pattern":
                yield from _bad_pattern(str(plain(value)), value.place)
            case "patternProperties" if isinstance(value, Map):
                for below in value:
                    yield from _bad_pattern(below.name, below.key.place)
            case "unevaluatedProperties" if has_patterns:
                message = '"unevaluatedProperties" and "patternProperties" cannot be used together'
                yield Problem("unsafe-schema", place, message, "additionalProperties")
            case "$schema" if plain(value) not in (DRAFT, DRAFT + "#"):
                message = f'the input is checked by draft 2020-12: "$schema" is "{DRAFT}" or absent'
                yield Problem("input-schema", value.place, message)
            case "$id" if schema is not root:
                yield Problem("unsafe-schema", place, '"$id" stands at the top of a schema only')
            case "x-sensitive" if not isinstance(plain(value), bool):
                message = f'"{SENSITIVE}" must be true or false'
                yield Problem("wrong-type", value.place, message)
            case name if name in REFUSED:
                message = f'"{name}" is not read here; "$ref" with "#/$defs/…" is'
                yield Problem("unsafe-schema", place, message)
            case name if name not in KNOWN:
                yield from _unknown_keyword(name, place)


def _unknown_keyword(name: str, place: Place) -> Iterator[Problem]:
    close = nearest(name, KNOWN)
    if close is None and name.startswith("x-"):
        return
    meant = f'; did you mean "{close}"?' if close else ""
    message = f'"{name}" is no keyword of JSON Schema, so it checks nothing{meant}'
    hint = None if close else 'what the input has stands below "properties"'
    yield Problem("unknown-keyword", place, message, hint, Severity.WARNING)


def _has_patterns(root: Map) -> bool:
    parts = [root]
    while parts:
        part = parts.pop()
        if part.get("patternProperties") is not None:
            return True
        parts.extend(p.node for p in _parts(part) if isinstance(p.node, Map))
    return False


def _bad_pattern(pattern: str, place: Place) -> Iterator[Problem]:
    # What reads patterns is not imported where there are none.
    from sagactl.definition.pattern_text import PatternRejected, parse_pattern

    try:
        parse_pattern(pattern)
    except PatternRejected as error:
        yield Problem("bad-pattern", place, f'the pattern "{pattern}" cannot be used: {error}')


def _bad_reference(value: Node, root: Map) -> Iterator[Problem]:
    reference = plain(value)
    if not isinstance(reference, str):
        return  # the schema of schemas says so
    if not (reference == "#" or reference.startswith("#/")):
        message = f'"$ref" leads within the schema ("#/$defs/…"), never outside: "{reference}"'
        yield Problem("remote-ref", value.place, message)
    elif not isinstance(_referred(reference, root), Map | Scalar):
        message = f'"$ref" leads nowhere: there is no "{reference}"'
        definitions = root.get("$defs")
        names = [f"#/$defs/{e.name}" for e in definitions] if isinstance(definitions, Map) else []
        close = nearest(reference, names)
        hint = f'did you mean "{close}"?' if close else None
        yield Problem("unknown-ref", value.place, message, hint)


def _referred(reference: str, root: Map) -> Node | None:
    node: Node | None = root
    for part in reference.split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        if isinstance(node, Map):
            node = node.get(name)
        elif isinstance(node, List) and name.isdecimal() and int(name) < len(node.items):
            node = node.items[int(name)]
        else:
            return None
    return node


def _circles(root: Map) -> Iterator[Problem]:
    """References that come back to where they are without going into the value."""
    done: set[int] = set()
    for start in _references(root):
        if id(start) in done:
            continue
        walk = [(start, _judging_the_same(start, root))]
        on_the_way = {id(start)}
        while walk:
            node, below = walk[-1]
            following = next(below, None)
            if following is None:
                walk.pop()
                on_the_way.discard(id(node))
                done.add(id(node))
            elif id(following) in on_the_way:
                place = next(key.place for n, _ in reversed(walk) if (key := n.key("$ref")))
                yield Problem("recursive-ref", place, 'this "$ref" leads back to itself for ever')
            elif isinstance(following, Map) and id(following) not in done:
                walk.append((following, _judging_the_same(following, root)))
                on_the_way.add(id(following))


def _references(root: Map) -> Iterator[Map]:
    parts = [root]
    while parts:
        part = parts.pop()
        if part.get("$ref") is not None:
            yield part
        parts.extend(p.node for p in _parts(part) if isinstance(p.node, Map))


def _judging_the_same(schema: Map, root: Map) -> Iterator[Node]:
    yield from (part.node for part in _parts(schema) if part.is_in_place)
    reference = schema.get("$ref")
    if isinstance(reference, Scalar) and str(reference.value).startswith("#"):
        referred = _referred(str(reference.value), root)
        if referred is not None:
            yield referred


def is_multiple(value: int | float, of: int | float) -> bool:
    """Whether a number is a multiple as its digits say: 19.99 is one of 0.01, which floats deny."""
    from fractions import Fraction

    return (Fraction(str(value)) / Fraction(str(of))).denominator == 1


def are_different(items: list[Json]) -> bool:
    """Whether no two items are equal, in time that grows with the list and not with its square."""
    seen = {_canonical(item) for item in items}
    return len(seen) == len(items)


def _canonical(value: Json) -> str:
    # 1 and 1.0 are one number in JSON, true and 1 are not.
    match value:
        case float() if value.is_integer():
            return str(int(value))
        case list():
            return f"[{','.join(map(_canonical, value))}]"
        case dict():
            pairs = sorted((json.dumps(name), _canonical(item)) for name, item in value.items())
            return f"{{{','.join(map(':'.join, pairs))}}}"
    return json.dumps(value)
