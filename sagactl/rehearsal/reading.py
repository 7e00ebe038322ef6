"""What expressions wish of a reply: every path that they read, and what ought to stand there.

A comparison with something known says more than a bare read, and a condition has a side that it
ought to come out on. It is a reading and no proof: arithmetic between two parts of one reply, for
one, is not solved here.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields
from typing import TypeAlias

from sagactl.definition import expression as x
from sagactl.definition.evaluation import evaluate_tree
from sagactl.definition.parser import METHODS
from sagactl.definition.template import Compiled, Fields, Hole, Items, Mixed, Template
from sagactl.definition.value import Failure, is_number
from sagactl.rehearsal.shape import Exactly, Never, Path, Read, Sized, Unlike, Wanted, Wish
from sagactl.source.node import Json

# Where a path that an expression reads leads to in the reply; None: it does not.
Root: TypeAlias = Callable[[Path], Path | None]

_NEGATED = {"==": "!=", "!=": "==", "<": ">=", ">=": "<", ">": "<=", "<=": ">"}
_MIRRORED = {"==": "==", "!=": "!=", "<": ">", ">": "<", "<=": ">=", ">=": "<="}
# Values for two parts of one reply that are compared with each other.
_PAIRS = {"==": (1, 1), "<=": (1, 1), ">=": (1, 1), "!=": (1, 2), "<": (1, 2), ">": (2, 1)}
_CONVERSIONS = ("int", "double", "string")


def holes(compiled: Compiled) -> Iterator[Hole]:
    """Every expression of a template."""
    match compiled:
        case Hole():
            yield compiled
        case Mixed():
            yield from (part for part in compiled.parts if isinstance(part, Hole))
        case Items():
            for item in compiled.items:
                yield from holes(item)
        case Fields():
            for _, item in compiled.fields:
                yield from holes(item)


def literals(template: Template) -> Iterator[Json]:
    """Every literal value that a template's expressions mention."""
    for hole in holes(template.compiled):
        yield from _literals(hole.tree)


def source_of(template: Template | None, path: Path) -> Path | None:
    """Where in the reply the value at `path` of a result comes from, if it is taken as it is.

    Without a template the result is the reply's whole body.
    """
    if template is None:
        return ("body", *path)
    compiled = template.compiled
    for position, part in enumerate(path):
        match compiled:
            case Hole():
                above = response_path(compiled.tree)
                return None if above is None else (*above, *path[position:])
            case Fields():
                compiled = dict(compiled.fields).get(str(part), Mixed(()))
            case Items() if isinstance(part, int) and part < len(compiled.items):
                compiled = compiled.items[part]
            case _:
                return None
    return response_path(compiled.tree) if isinstance(compiled, Hole) else None


def response_path(tree: x.Tree) -> Path | None:
    """The path below `response` that a tree is, if it is nothing more."""
    path = static_path(tree)
    return path[1:] if path is not None and path[0] == "response" else None


def static_path(tree: x.Tree) -> Path | None:
    """The path that a tree is, if it is nothing more."""
    if not isinstance(tree, x.Name | x.Member | x.Index):
        return None
    found = list(x.tree_references(tree))
    # An index that is itself an expression ends the path early, or is read beside it.
    path, _, end, _ = found[0] if found else ((), 0, -1, False)
    return path if len(found) == 1 and end == tree.end else None


def _literals(part: object) -> Iterator[Json]:
    if isinstance(part, x.Literal):
        yield part.value
    elif isinstance(part, x.Tree):
        for field in fields(part):
            yield from _literals(getattr(part, field.name))
    elif isinstance(part, tuple):
        for item in part:
            yield from _literals(item)


class Reading:
    """Finds what expressions wish of a reply.

    `root` says which paths lead into the reply, `names` are the values known otherwise. `other`
    takes the second way wherever one of two would do.
    """

    def __init__(self, root: Root, names: Mapping[str, Json], *, other: bool = False) -> None:
        self._root = root
        self._names = names
        self._other = other

    def condition(self, template: Template | None, *, want: bool) -> Iterator[Wish]:
        """What it takes for a condition to come out as wanted."""
        if template is not None:
            for hole in holes(template.compiled):
                yield from self._wishes(hole.tree, want, {})

    def value(self, template: Template | None) -> Iterator[Wish]:
        """What it takes for a template to have a value at all."""
        if template is not None:
            for hole in holes(template.compiled):
                yield from self._wishes(hole.tree, None, {})

    def _wishes(self, tree: x.Tree, want: bool | None, bound: Mapping[str, Path]) -> Iterator[Wish]:
        path = self._path(tree, bound)
        if path is not None:
            yield Wish(path, Read() if want is None else Exactly(want))
            return
        match tree:
            case x.Unary(operator="!"):
                yield from self._wishes(tree.operand, None if want is None else not want, bound)
            case x.Binary(operator="&&" | "||"):
                yield from self._logic(tree, want, bound)
            case x.Binary():
                yield from self._comparison(tree, want, bound)
            case x.Choice():
                yield from self._choice(tree.condition, tree.yes, tree.no, want, bound)
            case x.Apply(name="cond", arguments=(condition, yes, no)):
                yield from self._choice(condition, yes, no, want, bound)
            case x.Apply():
                yield from self._apply(tree, want, bound)
            case x.Macro():
                yield from self._macro(tree, want, bound)
            case x.Member() | x.Index():
                yield from self._wishes(tree.target, None, bound)
                if isinstance(tree, x.Index):
                    yield from self._wishes(tree.index, None, bound)
            case x.Sequence():
                for item in tree.items:
                    yield from self._wishes(item, None, bound)
            case x.Mapping():
                for _, item in tree.entries:
                    yield from self._wishes(item, None, bound)
            case x.Unary():
                yield from self._number(tree.operand, bound)

    def _logic(
        self, tree: x.Binary, want: bool | None, bound: Mapping[str, Path]
    ) -> Iterator[Wish]:
        both = want is None or want is (tree.operator == "&&")
        if both or not self._other:
            yield from self._wishes(tree.left, want, bound)
        if both or self._other:
            if not both:  # the left side is evaluated first, and must not end it
                yield from self._wishes(tree.left, not want, bound)
            yield from self._wishes(tree.right, want, bound)

    def _choice(
        self,
        condition: x.Tree,
        yes: x.Tree,
        no: x.Tree,
        want: bool | None,
        bound: Mapping[str, Path],
    ) -> Iterator[Wish]:
        yield from self._wishes(condition, not self._other, bound)
        yield from self._wishes(no if self._other else yes, want, bound)

    def _comparison(
        self, tree: x.Binary, want: bool | None, bound: Mapping[str, Path]
    ) -> Iterator[Wish]:
        operator = tree.operator
        if operator in ("+", "-", "*", "/", "%"):
            yield from self._number(tree.left, bound)
            yield from self._number(tree.right, bound)
            return
        left, right = self._path(tree.left, bound), self._path(tree.right, bound)
        if left is not None and right is not None and operator in _PAIRS and want is not None:
            one, two = _PAIRS[operator if want else _NEGATED[operator]]
            yield Wish(left, Exactly(one))
            yield Wish(right, Exactly(two))
            return
        for asked, other, mirrored in (
            (tree.left, tree.right, False),
            (tree.right, tree.left, True),
        ):
            known = self._known(other)
            if known is None or want is None:
                yield from self._wishes(asked, None, bound)
                continue
            if operator == "in":
                yield from self._membership(asked, known[0], want, bound, holds_it=mirrored)
                continue
            turned = _MIRRORED[operator] if mirrored else operator
            yield from self._compared(asked, turned if want else _NEGATED[turned], known[0], bound)

    def _compared(
        self, asked: x.Tree, operator: str, known: Json, bound: Mapping[str, Path]
    ) -> Iterator[Wish]:
        match asked:
            case x.Apply(name="size"):
                target = asked.target if asked.target is not None else asked.arguments[0]
                if isinstance(known, int):
                    yield from self._sized(target, _count(operator, known), bound)
                return
            case x.Apply(name=name, arguments=(inner,)) if name in _CONVERSIONS:
                yield from self._compared(inner, operator, known, bound)
                return
        path = self._path(asked, bound)
        wanted = _wanted(operator, known)
        if path is not None and wanted is not None:
            yield Wish(path, wanted)
        else:
            yield from self._wishes(asked, None, bound)

    def _membership(
        self,
        asked: x.Tree,
        known: Json,
        want: bool,
        bound: Mapping[str, Path],
        *,
        holds_it: bool,
    ) -> Iterator[Wish]:
        """`asked in known`, or where the reply `holds_it`, `known in asked`."""
        path = self._path(asked, bound)
        if path is None:
            yield from self._wishes(asked, None, bound)
        elif holds_it:
            yield Wish((*path, 0), Exactly(known)) if want else Wish(path, Exactly([]))
        elif want and isinstance(known, list | dict) and known:
            yield Wish(path, Exactly(next(iter(known))))
        else:
            yield Wish(path, Read())

    def _sized(self, target: x.Tree, count: int, bound: Mapping[str, Path]) -> Iterator[Wish]:
        if isinstance(target, x.Macro):
            yield from self._sized(target.target, count, bound)
            if count > 0:
                yield from self._macro(target, True, bound)
            return
        path = self._path(target, bound)
        if path is not None:
            yield Wish(path, Sized(max(count, 0)))

    def _apply(self, tree: x.Apply, want: bool | None, bound: Mapping[str, Path]) -> Iterator[Wish]:
        if tree.name == "has" and want is False:
            path = self._path(tree.arguments[0], bound)
            if path is not None:
                yield Wish(path, Never())
            return
        path = None if tree.target is None else self._path(tree.target, bound)
        known = self._known(tree.arguments[0]) if tree.arguments else None
        if tree.name in METHODS and path is not None and known is not None:
            yield Wish(path, Exactly(known[0]) if want else Read())
            return
        operands = tree.arguments if tree.target is None else (tree.target, *tree.arguments)
        for operand in operands:
            yield from self._wishes(operand, None, bound)

    def _macro(self, tree: x.Macro, want: bool | None, bound: Mapping[str, Path]) -> Iterator[Wish]:
        path = self._path(tree.target, bound)
        if path is None:
            yield from self._wishes(tree.target, None, bound)
            return
        if tree.name == "exists" and want is False:
            yield Wish(path, Exactly([]))
            return
        yield Wish((*path, 0), Read())
        inner = {**bound, tree.variable: (*path, 0)}
        yield from self._wishes(tree.body, None if tree.name == "map" else want, inner)

    def _number(self, tree: x.Tree, bound: Mapping[str, Path]) -> Iterator[Wish]:
        path = self._path(tree, bound)
        if path is None:
            yield from self._wishes(tree, None, bound)
        else:
            yield Wish(path, Exactly(1))

    def _path(self, tree: x.Tree, bound: Mapping[str, Path]) -> Path | None:
        path = static_path(tree)
        if path is None:
            return None
        if path[0] in bound:
            return (*bound[str(path[0])], *path[1:])
        return self._root(path)

    def _known(self, tree: x.Tree) -> tuple[Json] | None:
        try:
            return (evaluate_tree(tree, self._names),)
        except Failure:
            return None


def _count(operator: str, known: int) -> int:
    return known + {">": 1, "!=": 1, "<": -1}.get(operator, 0)


def _wanted(operator: str, known: Json) -> Wanted | None:
    match operator:
        case "==" | "<=" | ">=":
            return Exactly(known)
        case "!=":
            return Unlike(known)
        case ">" if is_number(known):
            return Exactly(known + 1)
        case "<" if is_number(known):
            return Exactly(known - 1)
        case ">" if isinstance(known, str):
            return Exactly(known + "-")
        case "<" if isinstance(known, str) and known:
            return Exactly("")
    return None
