"""Where an expression must fail, whatever its values: what it is given is of a wrong kind.

Only what the definition says is held against the evaluation; where a value can be several things,
one that fits is enough.
"""

from collections.abc import Iterator

from sagactl.definition.expression import (
    Apply,
    Binary,
    Choice,
    Index,
    Literal,
    Macro,
    Member,
    Name,
    Tree,
    Unary,
    children,
)
from sagactl.definition.value import said
from sagactl.lint.kind import (
    ANY,
    BOOL,
    LIST,
    MAP,
    NULL,
    NUMBER,
    TEXT,
    Known,
    Scope,
    bound,
    known,
    said_kinds,
)

# What the operands of an operator can be, side by side.
_ALIKE = {
    "+": (NUMBER, TEXT, LIST), "-": (NUMBER,), "*": (NUMBER,), "/": (NUMBER,), "%": (NUMBER,),
    "<": (NUMBER, TEXT), "<=": (NUMBER, TEXT), ">": (NUMBER, TEXT), ">=": (NUMBER, TEXT),
    "&&": (BOOL,), "||": (BOOL,),
}  # fmt: skip
_TAKES = {
    "size": (TEXT, LIST, MAP), "string": (NUMBER, TEXT, BOOL), "int": (NUMBER, TEXT),
    "double": (NUMBER, TEXT), "fromJson": (TEXT,), "base64": (TEXT,), "urlencode": (TEXT,),
    "hash": (TEXT,), "contains": (TEXT,), "startsWith": (TEXT,), "endsWith": (TEXT,),
}  # fmt: skip


def mismatches(tree: Tree, scope: Scope) -> Iterator[tuple[Tree, str]]:
    """Each part of a tree that must fail, and why, in words."""
    match tree:
        case Name() | Literal():
            return
        case Binary(operator=operator, left=left, right=right) if operator in _ALIKE:
            yield from _unlike(tree, known(left, scope), known(right, scope))
        case Binary(operator="in", right=right):
            yield from _unfit(right, scope, (LIST, MAP), '"in" asks a list or a map')
        case Unary(operator="!", operand=operand):
            yield from _unfit(operand, scope, (BOOL,), '"!" takes true or false')
        case Unary(operand=operand):
            yield from _unfit(operand, scope, (NUMBER,), '"-" takes a number')
        case Choice(condition=condition) | Apply(name="cond", arguments=(condition, _, _)):
            yield from _unfit(condition, scope, (BOOL,), "a condition is true or false")
        case Member(target=target, name=name, optional=optional):
            fits = (MAP, NULL) if optional else (MAP,)
            yield from _unfit(target, scope, fits, f'only a map has a ".{name}"')
        case Index(target=target):
            yield from _unfit(target, scope, (LIST, MAP), "only a list or a map has an index")
        case Macro(target=target, name=name):
            yield from _unfit(target, scope, (LIST, MAP), f'"{name}" goes over a list or a map')
            yield from mismatches(target, scope)
            yield from mismatches(tree.body, bound(tree, scope))
            return
        case Apply(name="has", arguments=(Member() | Index() as path,)):
            # What has no such part has not got it: that is no failure.
            yield from mismatches(path.target, scope)
            return
        case Apply(name=name) if name in _TAKES:
            takes = f'"{name}" takes {_or(_TAKES[name])}'
            for operand in children(tree):
                yield from _unfit(operand, scope, _TAKES[name], takes)
    for below in children(tree):
        yield from mismatches(below, scope)


def unfit(found: Known | None, fits: tuple[str, ...]) -> str | None:
    """What a value is known to be, where nothing of it is what is wanted."""
    if found is None or not found.kinds or not found.kinds.isdisjoint(fits):
        return None
    return said_kinds(found.kinds)


def _unfit(
    tree: Tree, scope: Scope, fits: tuple[str, ...], takes: str
) -> Iterator[tuple[Tree, str]]:
    found = unfit(known(tree, scope), fits)
    if found is not None:
        yield tree, f'{takes}, and "{said(tree)}" is {found}'


def _unlike(tree: Binary, left: Known | None, right: Known | None) -> Iterator[tuple[Tree, str]]:
    fits = frozenset(_ALIKE[tree.operator])
    one = ANY if left is None else left.kinds
    other = ANY if right is None else right.kinds
    together = fits & one & other
    if tree.operator in ("&&", "||"):
        together = fits if fits & one and fits & other else frozenset()
    if not together:
        told = " and ".join("anything" if k is None else said_kinds(k.kinds) for k in (left, right))
        yield tree, f'"{tree.operator}" cannot take {told}'


def _or(kinds: tuple[str, ...]) -> str:
    return kinds[0] if len(kinds) == 1 else f"{', '.join(kinds[:-1])} or {kinds[-1]}"
