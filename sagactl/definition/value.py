"""JSON values as expressions see them: what they are, when two are the same, how they read."""

import json

from sagactl.definition.expression import Index, Literal, Member, Name, Tree
from sagactl.source.node import Json


class Failure(Exception):
    """An evaluation that failed at a node; the template knows the node's place."""

    def __init__(self, message: str, tree: Tree) -> None:
        super().__init__(message)
        self.message = message
        self.tree = tree


# How much one unit of fuel pays for where a whole value is gone through.
ITEMS_PER_UNIT = 8
CHARACTERS_PER_UNIT = 64
MAX_DEPTH = 128


class TooDeep(Exception):
    """A value nested deeper than anything that reads or writes JSON should meet."""


def weight(value: Json, most: int) -> int:
    """What it costs to go through a value, in units of fuel; anything above `most` is only that.

    An expression can build a value that holds the same list a million times over, so it is never
    gone through further than there is fuel for.
    """
    units, items, characters = 0, 0, 0
    left: list[tuple[Json, int]] = [(value, 0)]
    while left and units <= most:
        here, depth = left.pop()
        if isinstance(here, str):
            characters += len(here)
        elif isinstance(here, list | dict):
            if depth >= MAX_DEPTH:
                raise TooDeep
            items += len(here)
            if isinstance(here, dict):
                characters += sum(map(len, here))
            if items // ITEMS_PER_UNIT <= most:
                below = here.values() if isinstance(here, dict) else here
                left.extend((item, depth + 1) for item in below)
        units = items // ITEMS_PER_UNIT + characters // CHARACTERS_PER_UNIT
    return units


def same(left: Json, right: Json) -> bool:
    """Equality of JSON values: numbers by value, but true is not 1."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    return bool(left == right)


def is_number(value: Json) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def kind(value: Json) -> str:
    """What a value is, in words."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case int():
            return "a whole number"
        case float():
            return "a fraction"
        case str():
            return "a text"
        case list():
            return "a list"
    return "a map"


def said(tree: Tree) -> str:
    """The path of a tree, as it would be written."""
    match tree:
        case Name():
            return tree.name
        case Member():
            return f"{said(tree.target)}.{tree.name}"
        case Index(index=Literal(value=value)):
            return f"{said(tree.target)}[{value!r}]"
        case Index():
            return f"{said(tree.target)}[…]"
    return "it"


def as_text(value: Json) -> str | None:
    """A value within a text; None for null, which has no text."""
    match value:
        case None:
            return None
        case str():
            return value
        case bool():
            return "true" if value else "false"
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
