"""What type a value will have, where the definition or a document says so beforehand.

Types are JSON Schema's. None means that nobody said; then nothing is concluded.
"""

from functools import lru_cache

from sagactl.definition.expression import (
    Apply,
    Binary,
    Choice,
    Literal,
    Macro,
    Mapping,
    Sequence,
    Tree,
    Unary,
    static_path,
)
from sagactl.definition.model import Request, Saga, Step
from sagactl.definition.openapi.form import Absent, look_up, types_of
from sagactl.definition.openapi.page import Page, Pages, Piece
from sagactl.definition.template import Compiled, Fields, Fixed, Hole, Items, Mixed
from sagactl.lint.documented import Known, call_of, success_replies
from sagactl.lint.spot import Phase
from sagactl.source.node import Json, Scalar
from sagactl.source.place import Source

Types = frozenset[str]
Path = tuple[str | int, ...]

TEXT: Types = frozenset(("string",))
WHOLE: Types = frozenset(("integer",))
TRUTH: Types = frozenset(("boolean",))
FUNCTIONS: dict[str, Types] = {
    "size": WHOLE, "int": WHOLE, "double": frozenset(("number",)), "string": TEXT, "json": TEXT,
    "base64": TEXT, "urlencode": TEXT, "hash": TEXT, "has": TRUTH, "contains": TRUTH,
    "startsWith": TRUTH, "endsWith": TRUTH,
}  # fmt: skip
MACROS = {
    "exists": TRUTH, "all": TRUTH, "map": frozenset(("array",)), "filter": frozenset(("array",)),
}  # fmt: skip
NAMES: dict[Path, Types] = {
    ("saga", "id"): TEXT, ("saga", "name"): TEXT, ("saga", "started_at"): TEXT,
    ("step", "name"): TEXT, ("step", "attempt"): WHOLE, ("step", "idempotency_key"): TEXT,
    ("step", "action_key"): TEXT, ("index",): WHOLE, ("response", "status"): WHOLE,
}  # fmt: skip
COMPARISONS = ("==", "!=", "<", "<=", ">", ">=", "in", "&&", "||")
MAX_DEPTH = 8


def compiled_types(
    saga: Saga, step: Step | None, compiled: Compiled, depth: int = MAX_DEPTH
) -> Types | None:
    """The types that a template may give, written at a step."""
    match compiled:
        case Fixed(value):
            return frozenset((type_name(value),))
        case Mixed():
            return TEXT
        case Items():
            return frozenset(("array",))
        case Fields():
            return frozenset(("object",))
        case Hole():
            return _tree_types(saga, step, compiled.tree, depth)


def type_name(value: Json) -> str:
    """The type of a JSON value, the narrowest there is."""
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int():
            return "integer"
        case float():
            return "integer" if value.is_integer() else "number"
        case str():
            return "string"
        case list():
            return "array"
    return "object"


def _tree_types(saga: Saga, step: Step | None, tree: Tree, depth: int) -> Types | None:
    match tree:
        case Literal(value=value):
            return frozenset((type_name(value),))
        case Unary(operator="!"):
            return TRUTH
        case Binary(operator=operator) if operator in COMPARISONS:
            return TRUTH
        case Choice(yes=yes, no=no):
            one, other = (_tree_types(saga, step, side, depth) for side in (yes, no))
            return None if one is None or other is None else one | other
        case Sequence():
            return frozenset(("array",))
        case Mapping():
            return frozenset(("object",))
        case Apply(name=name):
            return FUNCTIONS.get(name)
        case Macro(name=name):
            return MACROS.get(name)
    path = static_path(tree)
    return None if path is None else path_types(saga, step, path, depth)


def path_types(saga: Saga, step: Step | None, path: Path, depth: int = MAX_DEPTH) -> Types | None:
    """The types of what a name stands for."""
    if depth == 0:
        return None
    if path in NAMES:
        return NAMES[path]
    match path:
        case ("env" | "secrets", str()):
            return TEXT
        case ("input", *below):
            return _input_types(saga, tuple(below))
        case ("item", *below) if step is not None and step.for_each is not None:
            items = step.for_each.items.compiled
            above = static_path(items.tree) if isinstance(items, Hole) else None
            return None if above is None else path_types(saga, None, (*above, 0, *below), depth - 1)
        case ("result", *below) if step is not None:
            return _result_types(saga, step, tuple(below), depth)
        case ("steps", str(name), "result", *below):
            other = next((one for one in saga.steps if one.name == name), None)
            if other is None or other.for_each is not None:
                return None
            return _result_types(saga, other, tuple(below), depth)
    return None


def _input_types(saga: Saga, below: Path) -> Types | None:
    if not isinstance(saga.input_schema, dict):
        return None
    found = look_up(_input_piece(saga), below, is_3_0=False)
    if found is None or isinstance(found, Absent):
        return None
    return types_of(found, is_3_0=False)


def _input_piece(saga: Saga) -> Piece:
    page = Page(saga.source, Scalar(saga.place, None, ""), saga.input_schema)
    return Piece(_no_pages(saga.source), page, (), saga.input_schema)


@lru_cache(maxsize=1)
def _no_pages(source: Source) -> Pages:
    return Pages(lambda name: "an input has no other files", ())


def _result_types(saga: Saga, step: Step, below: Path, depth: int) -> Types | None:
    """The types of what stands at a path in a step's result."""
    request = step.request
    if request is None:
        return None
    if request.result is None:
        return _reply_types(step, request, below)
    compiled, rest = within(request.result.compiled, below)
    if compiled is None:
        return None
    if not rest:
        path = static_path(compiled.tree) if isinstance(compiled, Hole) else None
        if path is not None and path[:2] == ("response", "body"):
            return _reply_types(step, request, path[2:])
        return compiled_types(saga, step, compiled, depth - 1)
    path = static_path(compiled.tree) if isinstance(compiled, Hole) else None
    if path is None:
        return None
    if path[:2] == ("response", "body"):
        return _reply_types(step, request, (*path[2:], *rest))
    return path_types(saga, step, (*path, *rest), depth - 1)


def within(compiled: Compiled, below: Path) -> tuple[Compiled | None, Path]:
    """What stands at a path in a written value, or above it, and what is left of the path."""
    for at, part in enumerate(below):
        match compiled:
            case Fields(fields):
                found = dict(fields).get(str(part))
                if found is None:
                    return None, ()
                compiled = found
            case Items(items) if isinstance(part, int) and part < len(items):
                compiled = items[part]
            case _:
                return compiled, below[at:]
    return compiled, ()


def _reply_types(step: Step, request: Request, below: Path) -> Types | None:
    """The types of what stands at a path in the body of a reply that counts as applied."""
    service = request.service
    if service is None or service.document is None:
        return None
    call = call_of(step, Phase.ACTION, request, service.document)
    if call.operation is None or not call.found.is_sure:
        return None
    is_3_0, all_types = service.document.is_3_0, frozenset[str]()
    for reply in success_replies(Known(call, call.operation)):
        schema = reply.json.schema if reply.json is not None else None
        found = None if schema is None else look_up(schema, below, is_3_0=is_3_0)
        if found is None or isinstance(found, Absent):
            return None
        types = types_of(found, is_3_0=is_3_0)
        if types is None:
            return None
        all_types |= types
    return all_types or None
