"""What a request sends, held against the schemas of its operation.

What is written out is judged as it is, an expression by the types it may have. Where a schema has
several forms, the one that fits best is meant.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from sagactl.definition.model import Saga
from sagactl.definition.openapi.form import Form, forms
from sagactl.definition.openapi.page import Piece
from sagactl.definition.shape import TYPES
from sagactl.definition.template import Compiled, Fields, Fixed, Hole, Items
from sagactl.definition.value import as_text
from sagactl.lint.documented import Known, parts
from sagactl.lint.known_type import compiled_types, type_name
from sagactl.lint.rule import meant
from sagactl.source.node import List, Map, Node
from sagactl.source.place import Place
from sagactl.source.problem import Related

# In which way a value does not fit.
Kind: TypeAlias = Literal["missing", "type", "unknown"]


@dataclass(frozen=True, slots=True)
class Misfit:
    """A value that its schema does not take; `message` says what is allowed."""

    kind: Kind
    place: Place
    message: str
    schema: Piece = field(repr=False)

    @property
    def related(self) -> tuple[Related, ...]:
        return (Related(self.schema.place, "the document says so here"),)


@dataclass(frozen=True, slots=True)
class Value:
    """A written value: what it is called, where it stands, and what comes of it."""

    name: str
    place: Place
    node: Node
    compiled: Compiled


def body_misfits(saga: Saga, one: Known) -> Iterator[Misfit]:
    """What does not fit in a JSON body."""
    schema, template = one.operation.request_schema, one.request.json
    if schema is None or template is None:
        return
    judging = _Judging(saga, one)
    value = Value("", one.call.place, template.node, template.compiled)
    yield from judging.misfits(value, (schema,))


def parameter_misfits(saga: Saga, one: Known) -> Iterator[Misfit]:
    """What does not fit in query, headers and path."""
    judging = _Judging(saga, one)
    for where, value in _bound(one):
        parameter = one.operation.parameter(where, value.name)
        if parameter is not None and parameter.schema is not None:
            yield from judging.as_text(where, value, parameter.schema)


def _bound(one: Known) -> Iterator[tuple[str, Value]]:
    """Every value that is bound to a parameter, with where that stands."""
    query = one.request.query
    if query is not None and isinstance(query.node, Map):
        for entry in query.node:
            value = _part(query.compiled, entry.name)
            if value is not None:
                yield "query", Value(entry.name, entry.value.place, entry.value, value)
    for name, template in one.request.headers:
        node = template.node
        yield "header", Value(name, node.place, node, template.compiled)
    yield from _path_values(one)


def _path_values(one: Known) -> Iterator[tuple[str, Value]]:
    """Lone expressions in the path, each with the parameter that it is the whole segment of."""
    found: list[str | Hole] = []
    for part in parts(one.request.url):
        for at, text in enumerate(part.split("/") if isinstance(part, str) else ()):
            found.extend(["/", text] if at else [text])
        if isinstance(part, Hole):
            found.append(part)
    segments: list[list[str | Hole]] = [[]]
    for piece in found:
        if piece == "/":
            segments.append([])
        elif piece:
            segments[-1].append(piece)
    template = one.operation.path.split("/")
    for segment, name in zip(reversed(segments), reversed(template), strict=False):
        if len(segment) == 1 and name.startswith("{") and name.endswith("}"):
            piece = segment[0]
            compiled = piece if isinstance(piece, Hole) else Fixed(piece.partition("?")[0])
            node = piece.scalar if isinstance(piece, Hole) else one.request.url.node
            yield "path", Value(name[1:-1], node.place, node, compiled)


class _Judging:
    """One request, and the saga it stands in."""

    def __init__(self, saga: Saga, one: Known) -> None:
        self._saga = saga
        self._one = one

    def misfits(self, value: Value, schemas: tuple[Piece, ...]) -> list[Misfit]:
        best: list[Misfit] | None = None
        for form in forms(schemas, is_3_0=self._one.is_3_0):
            if form.is_vague:
                return []
            found = list(self._in_form(value, form))
            if not found:
                return []
            if best is None or len(found) < len(best):
                best = found
        return best or []

    def _in_form(self, value: Value, form: Form) -> Iterator[Misfit]:
        if isinstance(value.node, Map):
            yield from self._type(value, form, frozenset(("object",)))
            yield from self._map(value, value.node, form)
        elif isinstance(value.node, List):
            yield from self._type(value, form, frozenset(("array",)))
            for index, node in enumerate(value.node.items):
                below = _part(value.compiled, index)
                if below is not None and form.items:
                    name = f"{value.name}[{index}]"
                    yield from self.misfits(Value(name, node.place, node, below), form.items)
        else:
            yield from self._scalar(value, form)

    def _scalar(self, value: Value, form: Form) -> Iterator[Misfit]:
        types = compiled_types(self._saga, self._one.call.step, value.compiled)
        wrong = list(self._type(value, form, types))
        yield from wrong
        if wrong or not isinstance(value.compiled, Fixed) or form.words is None:
            return
        said = value.compiled.value
        if said is None or any(type(said) is type(word) and said == word for word in form.words):
            return
        words = tuple(str(word) for word in form.words)
        message = f"{self._thing(value)} has not the value {_shown(said)}"
        yield Misfit("type", value.place, message + meant(str(said), words), form.pieces[0])

    def _type(self, value: Value, form: Form, types: frozenset[str] | None) -> Iterator[Misfit]:
        if types is None or form.types is None:
            return
        if _agree(types, form.types, is_exact=isinstance(value.compiled, Fixed)):
            return
        found = _found(types, value.compiled)
        message = f"{self._thing(value)} must be {_worded(form.types)}, and this is {found}"
        yield Misfit("type", value.place, message, _saying(form, "type"))

    def _map(self, value: Value, node: Map, form: Form) -> Iterator[Misfit]:
        given = {entry.name for entry in node}
        for name, piece in form.required:
            if name not in given and not self._is_read_only(form, name):
                slip = any(form.forbids(other) for other in given)
                thing = f'"{_joined(value.name, name)}"'
                message = (
                    f"{self._one.call} does not send {thing}, which {self._one.operation} needs"
                )
                if not slip or not meant(name, tuple(given)).startswith("; did"):
                    yield Misfit("missing", value.place, message, piece)
        for entry in node:
            below = _part(value.compiled, entry.name)
            schemas = form.named(entry.name)
            forbidding = form.forbids(entry.name)
            name = _joined(value.name, entry.name)
            if forbidding is not None:
                message = f'{self._one.operation} takes no "{name}"'
                missing = tuple(other for other in form.names if other not in given)
                message += meant(entry.name, missing or form.names)
                yield Misfit("unknown", entry.key.place, message, forbidding)
            elif schemas and below is not None:
                inner = Value(name, entry.value.place, entry.value, below)
                yield from self.misfits(inner, schemas)

    def _is_read_only(self, form: Form, name: str) -> bool:
        # What only a reply has is required of a reply only (OpenAPI 3.0.3, 4.7.24.1).
        return any(
            isinstance(piece.followed().value, dict)
            and piece.followed().value.get("readOnly") is True
            for piece in form.named(name)
        )

    def as_text(self, where: str, value: Value, schema: Piece) -> Iterator[Misfit]:
        """A value that is sent as text: a number in digits is a text as well."""
        if isinstance(value.node, Map | List):
            return
        found: list[Misfit] = []
        for form in forms((schema,), is_3_0=self._one.is_3_0):
            if form.is_vague:
                return
            found = list(self._text_in_form(where, value, form))
            if not found:
                return
        yield from found

    def _text_in_form(self, where: str, value: Value, form: Form) -> Iterator[Misfit]:
        thing = f'the {where} parameter "{value.name}" of {self._one.operation}'
        types = compiled_types(self._saga, self._one.call.step, value.compiled)
        said = None
        if isinstance(value.compiled, Fixed):
            said = as_text(value.compiled.value)
            types = _types_of_text(value.compiled.value)
        elif types is not None and "string" in types:
            return
        # Whatever is sent as text is a text.
        wanted = None if form.types is None or "string" in form.types else form.types
        if types is not None and wanted is not None and not _agree(types, wanted, is_exact=True):
            found = _found(types, value.compiled)
            message = f"{thing} must be {_worded(wanted)}, and this is {found}"
            yield Misfit("type", value.place, message, _saying(form, "type"))
            return
        words = None if form.words is None else tuple(as_text(word) or "" for word in form.words)
        if said is not None and words is not None and said not in words:
            message = f'{thing} has not the value "{said}"{meant(said, words)}'
            yield Misfit("type", value.place, message, form.pieces[0])

    def _thing(self, value: Value) -> str:
        if not value.name:
            return f"the body of {self._one.operation}"
        return f'"{value.name}" of {self._one.operation}'


def _part(compiled: Compiled, step: str | int) -> Compiled | None:
    """What stands at a name or an index of a written value."""
    match compiled:
        case Fields(fields):
            return dict(fields).get(str(step))
        case Items(items) if isinstance(step, int):
            return items[step]
        case Fixed(value=dict() as value) if step in value:
            return Fixed(value[step])
        case Fixed(value=list() as value) if isinstance(step, int):
            return Fixed(value[step])
    return None


def _agree(types: frozenset[str], wanted: frozenset[str], *, is_exact: bool) -> bool:
    if types & wanted or ("integer" in types and "number" in wanted):
        return True
    # A number that an expression gives may turn out to be whole.
    return not is_exact and "number" in types and "integer" in wanted


def _types_of_text(value: object) -> frozenset[str]:
    text = value if isinstance(value, str) else None
    if text is None:
        return frozenset((type_name(value),))
    found = {"string"}
    if text.lstrip("-").isdecimal():
        found |= {"integer", "number"}
    elif text.replace(".", "", 1).lstrip("-").isdecimal():
        found.add("number")
    if text in ("true", "false"):
        found.add("boolean")
    return frozenset(found)


def _worded(types: frozenset[str]) -> str:
    return " or ".join(words for name, words in TYPES.items() if name in types)


def _found(types: frozenset[str], compiled: Compiled) -> str:
    is_fraction = types == {"number"} and isinstance(compiled, Fixed)
    return "a fraction" if is_fraction else _worded(types)


def _shown(value: object) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value).lower()


def _joined(above: str, name: str) -> str:
    return f"{above}.{name}" if above else name


def _saying(form: Form, keyword: str) -> Piece:
    """The schema that says a keyword."""
    said = (p for p in form.pieces if isinstance(p.value, dict) and keyword in p.value)
    return next(said, form.pieces[0])
