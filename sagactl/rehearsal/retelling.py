"""What a lookup must answer so that its result is what the action had answered.

Action and lookup each say how their result is taken from their own reply; read side by side, the
two tell where in the lookup's reply each part of the action's belongs.
"""

from collections.abc import Iterator, Mapping

from sagactl.definition.expression import ExpressionFailed
from sagactl.definition.template import Fields, Template, evaluate
from sagactl.rehearsal.operation import Operation
from sagactl.rehearsal.reading import source_of
from sagactl.rehearsal.shape import Path, Wish, pinned
from sagactl.rehearsal.wire import Reply
from sagactl.source.node import Json


def retold(operation: Operation, names: Mapping[str, Json], told: Reply) -> Iterator[Wish]:
    """The wishes that make a lookup's result what the action had answered."""
    step = operation.step
    headers: Json = {name.lower(): value for name, value in told.headers.items()}
    response: Json = {"status": told.status, "headers": headers, "body": told.body}
    scope = {**names, "response": response}
    asked = operation.request.result
    result = None if step.request is None else step.request.result
    if asked is None:
        yield from pinned(("body",), told.body)
        return
    for path in _leaf_paths(asked):
        place = source_of(asked, path)
        known, value = _at(result, path, scope)
        if place is not None and known:
            yield from pinned(place, value)


def _leaf_paths(template: Template) -> list[Path]:
    compiled = template.compiled
    return [(name,) for name, _ in compiled.fields] if isinstance(compiled, Fields) else [()]


def _at(template: Template | None, path: Path, scope: Mapping[str, Json]) -> tuple[bool, Json]:
    """Whether the part of a result at `path` can be told, and its value."""
    value: Json = scope["response"]["body"]
    if template is not None:
        compiled = template.compiled
        if path and isinstance(compiled, Fields):
            fields = dict(compiled.fields)
            if path[0] not in fields:
                return False, None
            part = Template(template.node, (), fields[str(path[0])])
            return _at(part, path[1:], scope)
        try:
            value = evaluate(template, scope)
        except ExpressionFailed:
            return False, None
    for name in path:
        if not isinstance(value, dict) or name not in value:
            return False, None
        value = value[name]
    return True, value
