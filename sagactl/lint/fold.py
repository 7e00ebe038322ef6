"""What a condition is worth whatever the run brings, as far as the definition says it.

Three answers: true, false, and None for "it depends". What may fail on the way is left out of
account: a condition that fails is told elsewhere, or in the run.
"""

from sagactl.definition.evaluation import evaluate_tree
from sagactl.definition.expression import (
    Apply,
    Binary,
    Choice,
    Literal,
    Tree,
    Unary,
    children,
    tree_references,
)
from sagactl.definition.value import Failure, same
from sagactl.lint.kind import Known, Scope, known
from sagactl.source.node import Json


def folded(tree: Tree, scope: Scope) -> bool | None:
    """The value that a condition has in every run, None where it has no such one."""
    if not any(True for _ in tree_references(tree)):
        return _worth(tree)
    match tree:
        case Unary(operator="!", operand=operand):
            inner = folded(operand, scope)
            return None if inner is None else not inner
        case Binary(operator="&&" | "||" as operator, left=left, right=right):
            # One side that is false decides an `&&`, one that is true an `||`.
            decides = operator == "||"
            sides = folded(left, scope), folded(right, scope)
            if decides in sides:
                return decides
            return None if None in sides else not decides
        case Binary(operator="==" | "!=" as operator):
            equal = _are_equal(tree, scope)
            return None if equal is None else equal == (operator == "==")
        case (
            Choice(condition=condition, yes=yes, no=no)
            | Apply(name="cond", arguments=(condition, yes, no))
        ):
            chosen = folded(condition, scope)
            return None if chosen is None else folded(yes if chosen else no, scope)
    return None


def inner_conditions(tree: Tree) -> "list[Tree]":
    """The conditions that stand inside a tree: what `?:` and `cond()` ask."""
    found: list[Tree] = []
    match tree:
        case Choice(condition=condition) | Apply(name="cond", arguments=(condition, _, _)):
            found.append(condition)
    for below in children(tree):
        found += inner_conditions(below)
    return found


def _worth(tree: Tree) -> bool | None:
    try:
        value = evaluate_tree(tree, {})
    except Failure:
        return None  # a name that a macro binds, or a mistake that is told elsewhere
    return value if isinstance(value, bool) else None


def _are_equal(tree: Binary, scope: Scope) -> bool | None:
    if _bare(tree.left) == _bare(tree.right):
        return True
    left, right = known(tree.left, scope), known(tree.right, scope)
    if left is None or right is None:
        pass
    elif left.kinds and right.kinds and left.kinds.isdisjoint(right.kinds):
        return False
    for one, other in ((left, tree.right), (right, tree.left)):
        if one is not None and isinstance(other, Literal) and _excludes(one, other.value):
            return False
    return None


def _excludes(what: Known, value: Json) -> bool:
    """Whether the schema lists the values there can be, and this one is not among them."""
    if not isinstance(what.schema, dict):
        return False
    listed = [what.schema["const"]] if "const" in what.schema else what.schema.get("enum")
    if not isinstance(listed, list) or (value is None and "null" in what.kinds):
        return False
    return not any(same(value, item) for item in listed)


def _bare(tree: Tree) -> tuple[object, ...]:
    """A tree without the places of its parts, so that equal ones are equal."""
    own = [
        (name, repr(value))
        for name in ("value", "name", "optional", "operator", "variable")
        if (value := getattr(tree, name, None)) is not None
    ]
    return type(tree).__name__, tuple(own), tuple(_bare(below) for below in children(tree))
