"""The language between `${{` and `}}`: its trees, and the names that a tree reads.

A strict subset of CEL (github.com/google/cel-spec), chosen because GitHub Actions and Kubernetes
readers know it. It differs from CEL in these ways and no others:

- Whole numbers and fractions mix in arithmetic: `150 * 1.5` is 225.0.
- What JSON cannot hold is an error: `1.0 / 0` is not infinity, a map's keys are texts.
- `&&`, `||`, `exists` and `all` go from left to right and do not forgive an error on the way.
- `string()` writes a fraction as JSON does: `string(2.0)` is "2.0".
- `has()` takes an index too, and is false where the value before the last dot is no map.
- `x.?y` gives null where there is no `y`; `cond()`, `json()`, `fromJson()`, `base64()`,
  `urlencode()` and `hash()` are additions.

Deliberately absent: the clock, chance and the process (a resume would give other values), times
and durations, and anything that loops without a bound.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

from sagactl.source.node import Json
from sagactl.source.place import Place


class ExpressionFailed(Exception):
    """An expression that could not be evaluated; `place` is where it stands, if that is known."""

    def __init__(self, message: str, place: Place | None) -> None:
        super().__init__(message)
        self.message = message
        self.place = place


@dataclass(frozen=True, slots=True)
class Reference:
    """A name that an expression reads.

    `path` begins with the root and ends before the first part that is not known beforehand.
    `certain` is False where the expression may be evaluated without reading it.
    """

    path: tuple[str | int, ...]
    place: Place
    certain: bool


@dataclass(frozen=True, slots=True)
class Literal:
    start: int
    end: int
    value: Json


@dataclass(frozen=True, slots=True)
class Name:
    start: int
    end: int
    name: str


@dataclass(frozen=True, slots=True)
class Member:
    start: int
    end: int
    target: "Tree"
    name: str
    optional: bool


@dataclass(frozen=True, slots=True)
class Index:
    start: int
    end: int
    target: "Tree"
    index: "Tree"


@dataclass(frozen=True, slots=True)
class Unary:
    start: int
    end: int
    operator: str
    operand: "Tree"


@dataclass(frozen=True, slots=True)
class Binary:
    start: int
    end: int
    operator: str
    left: "Tree"
    right: "Tree"


@dataclass(frozen=True, slots=True)
class Choice:
    start: int
    end: int
    condition: "Tree"
    yes: "Tree"
    no: "Tree"


@dataclass(frozen=True, slots=True)
class Sequence:
    start: int
    end: int
    items: "tuple[Tree, ...]"


@dataclass(frozen=True, slots=True)
class Mapping:
    start: int
    end: int
    entries: "tuple[tuple[Tree, Tree], ...]"


@dataclass(frozen=True, slots=True)
class Apply:
    """A function, or a method on `target`."""

    start: int
    end: int
    name: str
    target: "Tree | None"
    arguments: "tuple[Tree, ...]"


@dataclass(frozen=True, slots=True)
class Macro:
    """`target.map(variable, body)` and its kin."""

    start: int
    end: int
    name: str
    target: "Tree"
    variable: str
    body: "Tree"


Tree: TypeAlias = (
    Literal | Name | Member | Index | Unary | Binary | Choice | Sequence | Mapping | Apply | Macro
)


def children(tree: Tree) -> "tuple[Tree, ...]":
    """The trees right below a tree, in the order in which they are written."""
    match tree:
        case Member():
            return (tree.target,)
        case Unary():
            return (tree.operand,)
        case Index():
            return tree.target, tree.index
        case Binary():
            return tree.left, tree.right
        case Choice():
            return tree.condition, tree.yes, tree.no
        case Sequence():
            return tree.items
        case Mapping():
            return tuple(part for entry in tree.entries for part in entry)
        case Apply():
            return tree.arguments if tree.target is None else (tree.target, *tree.arguments)
        case Macro():
            return tree.target, tree.body
    return ()


def tree_references(
    tree: Tree, bound: frozenset[str] = frozenset(), *, certain: bool = True
) -> Iterator[tuple[tuple[str | int, ...], int, int, bool]]:
    """Every name that the tree reads, as (path, start, end, certain)."""
    path = static_path(tree)
    if path is not None:
        if path[0] not in bound:
            yield path, tree.start, tree.end, certain and not _is_optional(tree)
        return
    match tree:
        case Member():
            yield from tree_references(tree.target, bound, certain=certain)
        case Index():
            yield from tree_references(tree.target, bound, certain=certain)
            yield from tree_references(tree.index, bound, certain=certain)
        case Unary():
            yield from tree_references(tree.operand, bound, certain=certain)
        case Binary():
            lazy = tree.operator in ("&&", "||")
            yield from tree_references(tree.left, bound, certain=certain)
            yield from tree_references(tree.right, bound, certain=certain and not lazy)
        case Choice():
            yield from tree_references(tree.condition, bound, certain=certain)
            yield from tree_references(tree.yes, bound, certain=False)
            yield from tree_references(tree.no, bound, certain=False)
        case Sequence():
            for item in tree.items:
                yield from tree_references(item, bound, certain=certain)
        case Mapping():
            for key, value in tree.entries:
                yield from tree_references(key, bound, certain=certain)
                yield from tree_references(value, bound, certain=certain)
        case Apply():
            if tree.target is not None:
                yield from tree_references(tree.target, bound, certain=certain)
            for position, argument in enumerate(tree.arguments):
                sure = tree.name != "has" and (tree.name != "cond" or position == 0)
                yield from tree_references(argument, bound, certain=certain and sure)
        case Macro():
            yield from tree_references(tree.target, bound, certain=certain)
            yield from tree_references(tree.body, bound | {tree.variable}, certain=False)


def static_path(tree: Tree) -> tuple[str | int, ...] | None:
    """The path of a name that is written out; None where a part of it is computed."""
    match tree:
        case Name():
            return (tree.name,)
        case Member():
            above = static_path(tree.target)
            return None if above is None else (*above, tree.name)
        case Index(index=Literal(value=str() | int() as key)) if not isinstance(key, bool):
            above = static_path(tree.target)
            return None if above is None else (*above, key)
    return None


def _is_optional(tree: Tree) -> bool:
    match tree:
        case Member():
            return tree.optional or _is_optional(tree.target)
        case Index():
            return _is_optional(tree.target)
    return False
