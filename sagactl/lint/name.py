"""Which names there are: at a spot, below a root, in the input's schema, in a written result.

`wrong_name` answers with what is wrong about a name and where to look for a right one. It stays
silent wherever the definition does not say what there is: a reply's body, a schema left open.
"""

from dataclasses import dataclass, replace

from sagactl.definition.expression import Member, Name
from sagactl.definition.kept import kept
from sagactl.definition.model import Saga, Sleep, Step, SubSaga
from sagactl.definition.synonym import VALUES
from sagactl.definition.template import Hole
from sagactl.lint.rule import meant
from sagactl.lint.spot import Part, Phase, Spot
from sagactl.source.node import Json, List, Map, Node
from sagactl.source.place import Place

Path = tuple[str | int, ...]

REPLY_PARTS = (Part.RESULT, Part.SUCCESS, Part.FAIL_WHEN, Part.FOUND)
MEMBERS: dict[str, tuple[str, ...]] = {
    "saga": ("id", "name", "started_at"),
    "step": ("name", "attempt", "idempotency_key", "action_key"),
    "response": ("status", "headers", "body"),
}
STEP_MEMBERS = ("result", "status", "error")
ELSEWHERE = {
    "input": "who sends is the same for every saga; only env and secrets say it",
    "saga": "a saga has its own names only once it has its id",
    "steps": "it is known once the saga runs: in steps and in the saga's output",
    "step": "it is known in the steps' own expressions",
    "response": 'a reply is known in "result", "success", "fail_when" and "found"',
    "result": "it is the step's own result, known in its compensation",
    "item": "it is an element of for_each, known in the step's own requests",
    "index": "it is the place of an element of for_each, known in the step's own requests",
}
# Below these a schema may name what `properties` does not.
OPEN_KEYWORDS = (
    "allOf", "anyOf", "oneOf", "if", "dependentSchemas", "patternProperties", "$dynamicRef",
)  # fmt: skip

MAX_REFS = 16


@dataclass(frozen=True, slots=True)
class Wrong:
    """What is wrong about a name; `place` is where what there is was written, if it was.

    `at` is the first part of the path that is wrong, `allowed` what could stand there instead.
    """

    message: str
    place: Place | None = None
    at: int = 0
    allowed: tuple[str, ...] = ()


def roots_at(spot: Spot) -> tuple[str, ...]:
    """The names an expression at this spot can begin with, `secrets` apart."""
    if spot.part in (Part.AUTH, Part.TOKEN_URL):
        return ("env",)
    known = ["input", "env"]
    if spot.part is not Part.ID:
        known.append("saga")
    if spot.step is not None or spot.part is Part.OUTPUT:
        known.append("steps")
    if spot.step is not None:
        known.append("step")
    if spot.part in REPLY_PARTS:
        known.append("response")
    if spot.phase is Phase.COMPENSATION:
        known.append("result")
    if _is_of_an_instance(spot):
        known += ["item", "index"]
    return tuple(known)


def _is_of_an_instance(spot: Spot) -> bool:
    """Whether the spot is read once for each element, and not once for all of them."""
    if spot.step is None or spot.step.for_each is None:
        return False
    return spot.part not in (Part.WHEN, Part.FOR_EACH)


def wrong_name(saga: Saga, spot: Spot, path: Path) -> Wrong | None:
    """What is wrong about a name read at a spot, or None."""
    root, below = str(path[0]), path[1:]
    if root == "secrets":
        return _unnamed(root) if not below and spot.part in (Part.HEADERS, Part.AUTH) else None
    known = roots_at(spot)
    if root not in known:
        if root in ELSEWHERE:
            return Wrong(f'"{root}" is not known in {spot}: {ELSEWHERE[root]}')
        right = f'; did you mean "{VALUES[root]}"?' if root in VALUES else meant(root, known)
        message = f'"{root}" is no name in expressions{right}'
        return Wrong(message, allowed=known)
    match root:
        case "env":
            return None if below else _unnamed(root)
        case "input":
            return _input(saga.input_schema, saga.input_schema, below, "input")
        case "steps":
            return _step(saga, spot, below)
        case "item":
            return _item(saga, spot.step, below)
        case "index":
            return Wrong('"index" is a number, and has nothing below it') if below else None
        case "result":
            found = _result(spot.step, below) if spot.step is not None else None
            return _further(found, 1)
    return _member(root, below, MEMBERS[root], 1)


def _unnamed(root: str) -> Wrong:
    # What is missing is to be found before anything is sent, so it must stand in the text.
    return Wrong(f'"{root}" is read by a name that is written out, as in "{root}.NAME"')


def _member(above: str, below: Path, members: tuple[str, ...], at: int) -> Wrong | None:
    if not below or below[0] in members:
        return None
    message = f'"{above}" has no "{below[0]}"{meant(str(below[0]), members)}'
    return Wrong(message, at=at, allowed=members)


def _step(saga: Saga, spot: Spot, below: Path) -> Wrong | None:
    if not below:
        return None
    names = _step_names(saga)
    if below[0] not in names:
        message = f'no step is called "{below[0]}"{meant(str(below[0]), names)}'
        return Wrong(message, at=1, allowed=names)
    name = str(below[0])
    if below[1:2] == ("result",):
        step, path = saga.step(name), below[2:]
        if step.for_each is None or (step is spot.step and _is_of_an_instance(spot)):
            return _further(_result(step, path), 3)
        if path and isinstance(path[0], str):
            message = f'the result of step "{name}" is a list, one for each element'
            return Wrong(f"{message}: write result[0].{path[0]}, or result.map(…)")
        return _further(_result(step, path[1:]), 4)
    return _member(f"steps.{name}", below[1:], STEP_MEMBERS, 2)


@kept
def _step_names(saga: Saga) -> tuple[str, ...]:
    return tuple(step.name for step in saga.steps)


def _further(wrong: Wrong | None, depth: int) -> Wrong | None:
    """The same, found in a path that begins `depth` parts further on."""
    return None if wrong is None else replace(wrong, at=wrong.at + depth)


def _result(step: Step, below: Path) -> Wrong | None:
    """What is wrong where the result is a written map: the action's, or its lookup's."""
    if isinstance(step.action, Sleep):
        return Wrong(f'step "{step.name}" is a sleep, whose result is null') if below else None
    if isinstance(step.action, SubSaga):
        return _child_result(step, step.action.saga, below)
    asked = [("", step.action)]
    if step.lookup is not None:
        asked.append((" when its lookup finds it", step.lookup.request))
    for manner, request in asked:
        if request.result is None:
            continue
        absent = _absent(request.result.node, below)
        if absent is not None:
            at, name, names = absent
            message = f'the result of step "{step.name}" has no "{name}"{manner}'
            # A name that only one of two results has is no right one either.
            allowed = names if len({id(one.result) for _, one in asked}) == 1 else ()
            return Wrong(message + meant(name, names), request.result.node.place, at, allowed)
    return None


def _child_result(step: Step, child: Saga, below: Path) -> Wrong | None:
    if not below:
        return None
    if child.output is None:
        return Wrong(f'the sub-saga of step "{step.name}" has no output', child.place)
    absent = _absent(child.output.node, below)
    if absent is None:
        return None
    at, name, names = absent
    message = f'the output of the sub-saga of step "{step.name}" has no "{name}"'
    return Wrong(message + meant(name, names), child.output.node.place, at, names)


def _absent(node: Node, below: Path) -> tuple[int, str, tuple[str, ...]] | None:
    """The first part of a path that a written value lacks, and what stands there instead."""
    for at, part in enumerate(below):
        if isinstance(node, Map) and isinstance(part, str):
            value = node.get(part)
            if value is None:
                return at, part, tuple(entry.name for entry in node)
        elif isinstance(node, List) and isinstance(part, int) and part < len(node.items):
            value = node.items[part]
        else:
            return None
        node = value
    return None


def _item(saga: Saga, step: Step | None, below: Path) -> Wrong | None:
    """What is wrong about a part of an element, where `for_each` goes over a list of the input."""
    each = None if step is None else step.for_each
    if each is None or not isinstance(each.items.compiled, Hole):
        return None
    tree, names = each.items.compiled.tree, list[str]()
    while isinstance(tree, Member) and not tree.optional:
        names.append(tree.name)
        tree = tree.target
    if not isinstance(tree, Name) or tree.name != "input":
        return None
    schema: Json = saga.input_schema
    for name in reversed(names):
        schema = resolved(saga.input_schema, schema)
        properties = schema.get("properties") if isinstance(schema, dict) else None
        schema = properties.get(name) if isinstance(properties, dict) else None
    schema = resolved(saga.input_schema, schema)
    # What stands in front of the others is of another schema.
    if not isinstance(schema, dict) or "prefixItems" in schema:
        return None
    return _input(saga.input_schema, schema.get("items"), below, "item")


def _input(root: Json, schema: Json, below: Path, above: str) -> Wrong | None:
    for at, part in enumerate(below):
        schema = resolved(root, schema)
        if not isinstance(schema, dict):
            return None
        if isinstance(part, int):
            schema, above = schema.get("items"), f"{above}[{part}]"
            continue
        properties = schema.get("properties")
        if not isinstance(properties, dict):
            return None
        if part not in properties:
            if _names_more(schema):
                return None
            message = f'the input\'s schema has no "{above}.{part}"'
            return Wrong(message + meant(part, tuple(properties)), None, at + 1, tuple(properties))
        schema, above = properties[part], f"{above}.{part}"
    return None


def resolved(root: Json, schema: Json) -> Json:
    """The schema behind a `$ref`; None where `properties` beside it say more, and for circles.

    Others than "#/…" are refused when the definition is read.
    """
    for _ in range(MAX_REFS):
        if not isinstance(schema, dict) or "$ref" not in schema:
            return schema
        pointer, beside = str(schema["$ref"]), "properties" in schema
        schema = None if beside else root
        for part in pointer.split("/")[1:]:
            name = part.replace("~1", "/").replace("~0", "~")
            schema = schema.get(name) if isinstance(schema, dict) else None
    return None


def _names_more(schema: dict[str, Json]) -> bool:
    """Whether the schema says itself that there may be more than its `properties`."""
    more = schema.get("additionalProperties", False)
    return more is not False or any(keyword in schema for keyword in OPEN_KEYWORDS)
