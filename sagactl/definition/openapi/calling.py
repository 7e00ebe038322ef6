"""`operation: reserveItems` in place of a request line: method and path come from the document.

A path parameter is bound under `path`, and is one segment or a part of one like all data in a URL;
what is written out there is encoded, so that a "/" in it adds no segment.
"""

from collections.abc import Iterator
from urllib.parse import quote

from sagactl.definition.openapi.document import Document, Operation
from sagactl.definition.openapi.route import parameter_names
from sagactl.definition.template import (
    Fixed,
    Hole,
    Mixed,
    Template,
    evaluate_holes,
    join_parts,
    parse_template,
)
from sagactl.definition.value import as_text
from sagactl.source.node import Json, Map, Scalar, plain
from sagactl.source.problem import Problem, Related, nearest

MOST_SHOWN = 8
MAX_COMPARED = 300


def named_operation(document: Document, name: Scalar) -> tuple[Operation | None, list[Problem]]:
    """The operation that a scalar names, or None and why."""
    found = document.called(str(name.value))
    if len(found) == 1:
        return found[0], []
    if found:
        related = tuple(Related(one.piece.place, f"it is {one}") for one in found)
        message = f'"{name.value}" is the name of {len(found)} operations in {document.name}'
        way_out = "an operationId names one: mend the document, or write the request itself"
        return None, [Problem("duplicate-operation", name.place, message, way_out, related=related)]
    ids = [operation.id for operation in document.operations if operation.id is not None]
    message = f'{document.name} has no operation called "{name.value}"'
    close = nearest(str(name.value), ids[:MAX_COMPARED])
    if close is not None:
        message += f'; did you mean "{close}"?'
    hint = None if close else _there_are(ids)
    return None, [Problem("unknown-operation-id", name.place, message, hint)]


def _there_are(ids: list[str]) -> str:
    if not ids:
        return "none of its operations has an operationId: write the request itself"
    return f"there are {', '.join(ids[:MOST_SHOWN])}" + (", …" if len(ids) > MOST_SHOWN else "")


def operation_url(
    operation: Operation, name: Scalar, bound: Map | None
) -> tuple[Template, list[Problem]]:
    """The address of an operation with its path parameters bound, and what is wrong with them."""
    wanted = parameter_names(operation.path)
    given = {entry.name: entry for entry in bound} if bound is not None else {}
    problems = list(_unknown(operation, wanted, bound))
    parts: list[str | Hole] = []
    text = ""
    for literal, parameter in _pieces(operation.path):
        parts.append(literal)
        text += literal
        if parameter is None:
            continue
        entry = given.get(parameter)
        if entry is None:
            if not any(nearest(other, [parameter]) for other in given if other not in wanted):
                message = f'the path of "{name.value}" ({operation}) needs "{parameter}"'
                hint = f'add "path: {{{parameter}: …}}"'
                related = (Related(operation.piece.place, "the operation"),)
                problem = Problem("missing-path", name.place, message, hint, related=related)
                problems.append(problem)
            continue
        template, wrong = parse_template(entry.value)
        problems.extend(wrong)
        parts.extend(_encoded(template))
        text += as_text(plain(entry.value)) or ""
    node = Scalar(name.place, text, text)
    return join_parts(node, [part for part in parts if part != ""]), problems


def _unknown(operation: Operation, wanted: tuple[str, ...], bound: Map | None) -> Iterator[Problem]:
    for entry in bound if bound is not None else ():
        if entry.name in wanted:
            continue
        close = nearest(entry.name, wanted)
        message = f'the path "{operation.path}" has no "{entry.name}"'
        if close is not None:
            message += f'; did you mean "{close}"?'
        shown = ", ".join(f'"{name}"' for name in wanted) or "nothing"
        hint = None if close else f"it has {shown}"
        related = (Related(operation.piece.place, "the operation"),)
        yield Problem("unknown-path", entry.key.place, message, hint, related=related)


def _pieces(template: str) -> Iterator[tuple[str, str | None]]:
    """The literal texts of a path template, each with the parameter behind it."""
    rest = template
    for name in parameter_names(template):
        literal, _, rest = rest.partition(f"{{{name}}}")
        yield literal, name
    if rest:
        yield rest, None


def _encoded(template: Template) -> tuple[str | Hole, ...]:
    match template.compiled:
        case Fixed(value):
            return (_segment(value),)
        case Hole() | Mixed():
            parts = evaluate_holes(Scalar(template.node.place, None, ""), template.compiled)
            return tuple(_segment(part) if isinstance(part, str) else part for part in parts)
    return ()


def _segment(value: Json) -> str:
    return quote(as_text(value) or "", safe="-._~")
