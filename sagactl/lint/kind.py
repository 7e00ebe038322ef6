"""What an expression can be worth, as far as the definition says it: kinds, and a schema below.

The input is held against its schema before anything is sent, so what the schema says of it is sure.
Replies, results and env are not known; None stands for "anything". Nothing here is a guess: what
might be several things is all of them.
"""

from collections.abc import Mapping as Names
from dataclasses import dataclass

from sagactl.definition.expression import (
    Apply,
    Binary,
    Choice,
    Index,
    Literal,
    Macro,
    Mapping,
    Member,
    Name,
    Sequence,
    Tree,
    Unary,
)
from sagactl.definition.model import Saga
from sagactl.definition.template import Hole
from sagactl.lint.name import resolved
from sagactl.lint.spot import Spot
from sagactl.source.node import Json

TEXT, NUMBER, BOOL, NULL, LIST, MAP = (
    "a text",
    "a number",
    "true or false",
    "null",
    "a list",
    "a map",
)
ANY = frozenset((TEXT, NUMBER, BOOL, NULL, LIST, MAP))
_SCHEMA_KINDS = {
    "string": TEXT, "number": NUMBER, "integer": NUMBER, "boolean": BOOL, "null": NULL,
    "array": LIST, "object": MAP,
}  # fmt: skip
_GIVES = {
    "size": NUMBER, "string": TEXT, "int": NUMBER, "double": NUMBER, "json": TEXT, "base64": TEXT,
    "urlencode": TEXT, "hash": TEXT, "has": BOOL, "contains": BOOL, "startsWith": BOOL,
    "endsWith": BOOL, "map": LIST, "filter": LIST, "exists": BOOL, "all": BOOL,
}  # fmt: skip
_FIXED = {
    ("saga", "id"): TEXT, ("saga", "name"): TEXT, ("saga", "started_at"): TEXT,
    ("step", "name"): TEXT, ("step", "attempt"): NUMBER, ("step", "idempotency_key"): TEXT,
    ("step", "action_key"): TEXT, ("response", "status"): NUMBER,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Known:
    """The kinds a value can be of; `schema` is what the input's schema says of it."""

    kinds: frozenset[str]
    schema: Json = None


@dataclass(frozen=True, slots=True)
class Scope:
    """What is known of names: the input's schema, and what names of its own a place has."""

    root: Json
    names: Names[str, Known | None]

    def bind(self, name: str, known: Known | None) -> "Scope":
        """The scope within, where a name is bound."""
        return Scope(self.root, {**self.names, name: known})


_OF_ANY_STEP: Names[str, Known | None] = {"index": Known(frozenset((NUMBER,)))}


def scope_of(saga: Saga, spot: Spot) -> Scope:
    """What is known of names at a spot."""
    scope = Scope(saga.input_schema, _OF_ANY_STEP)
    step = spot.step
    if step is None or step.for_each is None:
        return scope
    items = step.for_each.items
    if isinstance(items.compiled, Hole):
        return scope.bind("item", element(known(items.compiled.tree, scope), scope))
    return scope


def known(tree: Tree, scope: Scope) -> Known | None:
    """What a tree can be worth, None where that is not known."""
    match tree:
        case Literal():
            return Known(frozenset((kind_of(tree.value),)))
        case Name(name="input"):
            return _of_schema(scope.root, scope) if "input" not in scope.names else None
        case Name():
            return scope.names.get(tree.name)
        case Member():
            return _member(tree, scope)
        case Index(index=Literal(value=str() as name)):
            return _below(known(tree.target, scope), name, scope)
        case Index():
            return element(known(tree.target, scope), scope)
        case Unary(operator="!"):
            return _one(BOOL)
        case Unary():
            return _one(NUMBER)
        case Binary():
            return _binary(tree, scope)
        case Choice():
            return _either(known(tree.yes, scope), known(tree.no, scope))
        case Sequence():
            return _one(LIST)
        case Mapping():
            return _one(MAP)
        case Apply(name="cond", arguments=(_, yes, no)):
            return _either(known(yes, scope), known(no, scope))
        case Apply() | Macro():
            return _one(_GIVES[tree.name]) if tree.name in _GIVES else None
    return None


def element(of: Known | None, scope: Scope) -> Known | None:
    """What an element of a list can be; in a map, a macro goes over the keys."""
    if of is None or of.kinds != {LIST} or not isinstance(of.schema, dict):
        return None
    if "prefixItems" in of.schema:
        return None
    return _of_schema(of.schema.get("items"), scope)


def bound(tree: Macro, scope: Scope) -> Scope:
    """The scope of a macro's body."""
    return scope.bind(tree.variable, element(known(tree.target, scope), scope))


def kind_of(value: Json) -> str:
    """The kind of a bare value."""
    match value:
        case None:
            return NULL
        case bool():
            return BOOL
        case int() | float():
            return NUMBER
        case str():
            return TEXT
        case list():
            return LIST
    return MAP


def said_kinds(kinds: frozenset[str]) -> str:
    """Kinds as a message says them."""
    return " or ".join(sorted(kinds))


def _one(kind: str) -> Known:
    return Known(frozenset((kind,)))


def _either(one: Known | None, other: Known | None) -> Known | None:
    if one is None or other is None:
        return None
    return Known(one.kinds | other.kinds)


def _binary(tree: Binary, scope: Scope) -> Known | None:
    if tree.operator not in ("+", "-", "*", "/", "%"):
        return _one(BOOL)
    if tree.operator != "+":
        return _one(NUMBER)
    left, right = known(tree.left, scope), known(tree.right, scope)
    if left is None or right is None or left.kinds != right.kinds or len(left.kinds) != 1:
        return None
    return Known(left.kinds)


def _member(tree: Member, scope: Scope) -> Known | None:
    if isinstance(tree.target, Name) and tree.target.name not in scope.names:
        root = tree.target.name
        if root in ("env", "secrets"):
            return _one(TEXT)
        if (root, tree.name) in _FIXED:
            return _one(_FIXED[root, tree.name])
    match tree:
        case Member(name="status", target=Member(target=Name(name="steps"))):
            return _one(TEXT) if "steps" not in scope.names else None
    found = _below(known(tree.target, scope), tree.name, scope)
    if found is not None and tree.optional:
        return Known(found.kinds | {NULL}, found.schema)
    return found


def _below(above: Known | None, name: str, scope: Scope) -> Known | None:
    if above is None or not isinstance(above.schema, dict):
        return None
    properties = above.schema.get("properties")
    if not isinstance(properties, dict) or name not in properties:
        return None
    return _of_schema(properties[name], scope)


def _of_schema(written: Json, scope: Scope) -> Known | None:
    schema = resolved(scope.root, written)
    if not isinstance(schema, dict):
        return None
    types = schema.get("type")
    if isinstance(types, str):
        types = [types]
    if isinstance(types, list):
        return Known(frozenset(_SCHEMA_KINDS[t] for t in types if t in _SCHEMA_KINDS), schema)
    values = [schema["const"]] if "const" in schema else schema.get("enum")
    if isinstance(values, list) and values:
        return Known(frozenset(map(kind_of, values)), schema)
    return Known(ANY, schema) if "properties" in schema else None
