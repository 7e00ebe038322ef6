"""YAML values with expressions in them, parsed once and evaluated for each request.

A text that is one lone `${{ … }}` has the type of its value; anything around it makes it a text.
`$${{` stands for a literal `${{`. A template never looks into what it evaluated: data is not code.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from sagactl.definition.evaluation import MAX_TEXT, evaluate_tree
from sagactl.definition.expression import (
    ExpressionFailed,
    Reference,
    Tree,
    tree_references,
)
from sagactl.definition.parser import ExpressionRejected, parse_expression
from sagactl.definition.value import Failure, as_text, kind
from sagactl.source.node import Json, List, Map, Node, Scalar
from sagactl.source.place import Place
from sagactl.source.problem import Problem
from sagactl.source.spot import place_within

OPEN = "${{"
CLOSE = "}}"
# The end of a hole without texts and braces in it.
_PLAIN_END = re.compile(r"[^'\"{}]*}}")


@dataclass(frozen=True, slots=True)
class Hole:
    """One `${{ … }}`: its tree, and where its text begins in the scalar's value."""

    tree: Tree
    scalar: Scalar
    offset: int


@dataclass(frozen=True, slots=True)
class Mixed:
    parts: tuple[str | Hole, ...]


@dataclass(frozen=True, slots=True)
class Fixed:
    value: Json


@dataclass(frozen=True, slots=True)
class Items:
    items: "tuple[Compiled, ...]"


@dataclass(frozen=True, slots=True)
class Fields:
    fields: "tuple[tuple[str, Compiled], ...]"


Compiled: TypeAlias = Hole | Mixed | Fixed | Items | Fields


@dataclass(frozen=True, slots=True)
class Template:
    """A YAML value and the expressions in it; `references` are all the names it reads."""

    node: Node = field(repr=False)
    references: tuple[Reference, ...]
    compiled: Compiled = field(repr=False, compare=False)

    @property
    def is_constant(self) -> bool:
        return _is_fixed(self.compiled)


def parse_template(node: Node, *, bare: bool = False) -> tuple[Template, list[Problem]]:
    """The template of a YAML value; `bare`: one expression, with or without `${{ }}` around it."""
    problems: list[Problem] = []
    if bare and isinstance(node, Scalar) and isinstance(node.value, str):
        compiled = _compile_bare(node, node.value, problems)
    else:
        compiled = _compile(node, problems)
    references = tuple(_references(compiled))
    return Template(node, references, compiled), problems


def parse_part(scalar: Scalar, start: int, end: int) -> tuple[Template, list[Problem]]:
    """The template of `value[start:end]` of a text; its places are those of the whole."""
    text = str(scalar.value)[start:end]
    problems: list[Problem] = []
    compiled = _compile_text(scalar, text, problems, start)
    node = Scalar(place_within(scalar, start, end), text, text)
    return Template(node, tuple(_references(compiled)), compiled), problems


def join_parts(scalar: Scalar, parts: list[str | Hole]) -> Template:
    """The template of a text that is put together from several; `scalar` is what it is shown as."""
    compiled = _joined_parts(parts)
    return Template(scalar, tuple(_references(compiled)), compiled)


def constant(value: Json, place: Place) -> Template:
    """A template that always gives `value`."""
    return Template(Scalar(place, None, ""), (), Fixed(value))


def evaluate(template: Template, scope: Mapping[str, Json]) -> Json:
    """The value; raises ExpressionFailed."""
    return _value(template.compiled, scope)


def evaluate_condition(template: Template, scope: Mapping[str, Json]) -> bool:
    """The value of a condition; raises ExpressionFailed unless it is exactly true or false."""
    value = _value(template.compiled, scope)
    if not isinstance(value, bool):
        raise ExpressionFailed(
            f"a condition is true or false, not {kind(value)}", template.node.place
        )
    return value


def evaluate_text(template: Template, scope: Mapping[str, Json]) -> str:
    """The value as text; null has none."""
    text = as_text(_value(template.compiled, scope))
    if text is None:
        raise ExpressionFailed("null has no text", template.node.place)
    return text


def header_text(template: Template, scope: Mapping[str, Json]) -> str:
    """The value as a header field's (RFC 9110, 5.5): visible ASCII, blanks within only."""
    text = evaluate_text(template, scope).strip(" \t")
    if any(not (" " <= char <= "~" or char == "\t") for char in text):
        # The value itself may be a secret, so the message does not show it.
        raise ExpressionFailed(
            "a header takes visible ASCII without line breaks", template.node.place
        )
    return text


def evaluate_holes(scalar: Scalar, compiled: Compiled) -> tuple[str | Hole, ...]:
    """The parts of a text template, in order: literal texts and holes."""
    match compiled:
        case Hole():
            return (compiled,)
        case Mixed():
            return compiled.parts
        case Fixed():
            return (as_text(compiled.value) or "",)
    raise ExpressionFailed("a text is wanted here", scalar.place)


def hole_value(hole: Hole, scope: Mapping[str, Json]) -> Json:
    """The value of one `${{ … }}`; raises ExpressionFailed with its place."""
    try:
        return evaluate_tree(hole.tree, scope)
    except Failure as failure:
        raise ExpressionFailed(failure.message, tree_place(hole, failure.tree)) from None


def holes(template: Template) -> Iterator[Hole]:
    """Every `${{ … }}` of a template, in order."""
    yield from _holes(template.compiled)


def hole_place(hole: Hole) -> Place:
    """Where the expression of a hole stands."""
    return tree_place(hole, hole.tree)


def tree_place(hole: Hole, tree: Tree) -> Place:
    """Where a part of the expression of a hole stands."""
    return place_within(hole.scalar, hole.offset + tree.start, hole.offset + tree.end)


def _value(compiled: Compiled, scope: Mapping[str, Json]) -> Json:
    match compiled:
        case Fixed():
            return compiled.value
        case Hole():
            return hole_value(compiled, scope)
        case Mixed():
            return _joined(compiled, scope)
        case Items():
            return [_value(item, scope) for item in compiled.items]
        case Fields():
            return {name: _value(item, scope) for name, item in compiled.fields}


def _joined(mixed: Mixed, scope: Mapping[str, Json]) -> str:
    texts: list[str] = []
    length = 0
    for part in mixed.parts:
        text = part if isinstance(part, str) else as_text(hole_value(part, scope))
        place = hole_place(part) if isinstance(part, Hole) else None
        if text is None:
            raise ExpressionFailed("null has no text", place)
        length += len(text)
        if length > MAX_TEXT:
            raise ExpressionFailed("it grows beyond a mebibyte", place)
        texts.append(text)
    return "".join(texts)


def _holes(compiled: Compiled) -> Iterator[Hole]:
    match compiled:
        case Hole():
            yield compiled
        case Mixed():
            yield from (part for part in compiled.parts if isinstance(part, Hole))
        case Items():
            for item in compiled.items:
                yield from _holes(item)
        case Fields():
            for _, item in compiled.fields:
                yield from _holes(item)


def _is_fixed(compiled: Compiled) -> bool:
    match compiled:
        case Fixed():
            return True
        case Items():
            return all(_is_fixed(item) for item in compiled.items)
        case Fields():
            return all(_is_fixed(item) for _, item in compiled.fields)
    return False


def _references(compiled: Compiled) -> Iterator[Reference]:
    for hole in _holes(compiled):
        for path, start, end, certain in tree_references(hole.tree):
            place = place_within(hole.scalar, hole.offset + start, hole.offset + end)
            yield Reference(path, place, certain)


def _compile_bare(scalar: Scalar, text: str, problems: list[Problem]) -> Compiled:
    if OPEN not in text:
        hole = _hole(scalar, text, 0, problems)
        return hole if hole is not None else Fixed(None)
    compiled = _compile_text(scalar, text, problems)
    if isinstance(compiled, Mixed) and not problems:
        # `${{ a }} && ${{ b }}` would be a text, and a block text ends in a line break.
        lone = [part for part in compiled.parts if isinstance(part, Hole) or part.strip()]
        if len(lone) == 1 and isinstance(lone[0], Hole):
            return lone[0]
        message = "a condition is one expression: all of it stands in one ${{ … }}"
        problems.append(Problem("expression-syntax", scalar.place, message))
    return compiled


def _compile(node: Node, problems: list[Problem]) -> Compiled:
    match node:
        case Scalar(value=str() as text):
            return _compile_text(node, text, problems)
        case Scalar():
            return Fixed(node.value)
        case List():
            items = tuple(_compile(item, problems) for item in node.items)
            return Fixed(_value(Items(items), {})) if all(map(_is_fixed, items)) else Items(items)
        case Map():
            for entry in node.entries:
                if OPEN in entry.name:
                    message = "an expression stands in a value, never in a key"
                    problems.append(Problem("expression-syntax", entry.key.place, message))
            fields = tuple((entry.name, _compile(entry.value, problems)) for entry in node.entries)
            return Fields(fields)


def _compile_text(scalar: Scalar, text: str, problems: list[Problem], offset: int = 0) -> Compiled:
    """`text` begins at `offset` in the scalar's value."""
    parts: list[str | Hole] = []
    at = 0
    while (opens := text.find(OPEN, at)) >= 0:
        if opens > 0 and text[opens - 1] == "$":
            parts.append(text[at : opens - 1] + OPEN)
            at = opens + len(OPEN)
            continue
        closes = _end_of_hole(text, opens + len(OPEN))
        if closes is None:
            place = place_within(scalar, offset + opens, offset + opens + len(OPEN))
            message = f'"{OPEN}" is not closed by "{CLOSE}"'
            problems.append(Problem("expression-syntax", place, message))
            return Fixed(text)
        if opens > at:
            parts.append(text[at:opens])
        inside = opens + len(OPEN)
        hole = _hole(scalar, text[inside:closes], offset + inside, problems)
        if hole is not None:
            parts.append(hole)
        at = closes + len(CLOSE)
    if at < len(text):
        parts.append(text[at:])
    return _joined_parts(parts)


def _joined_parts(parts: list[str | Hole]) -> Compiled:
    holes = [part for part in parts if isinstance(part, Hole)]
    if not holes:
        return Fixed("".join(part for part in parts if isinstance(part, str)))
    return holes[0] if len(parts) == 1 else Mixed(tuple(parts))


def _end_of_hole(text: str, at: int) -> int | None:
    """The offset of the `}}` that closes the hole: not in a quoted text, not a map's own braces."""
    if plain := _PLAIN_END.match(text, at):
        return plain.end() - len(CLOSE)
    depth = 0
    quote = ""
    while at < len(text):
        char = text[at]
        if quote:
            if char == "\\":
                at += 1
            elif char == quote:
                quote = ""
        elif char in "'\"":
            quote = char
        elif char == "{":
            depth += 1
        elif char == "}" and depth:
            depth -= 1
        elif text.startswith(CLOSE, at):
            return at
        at += 1
    return None


def _hole(scalar: Scalar, text: str, offset: int, problems: list[Problem]) -> Hole | None:
    try:
        return Hole(parse_expression(text), scalar, offset)
    except ExpressionRejected as error:
        place = place_within(scalar, offset + error.start, offset + error.end)
        problems.append(Problem(error.code, place, error.message))
        return None
