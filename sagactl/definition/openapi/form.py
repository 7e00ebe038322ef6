"""The forms that a schema leaves open to a value: names, types, items. Careful rather than clever.

A schema with `oneOf` has several forms, one with `allOf` puts them together. Where a schema says
more than this can tell (`if`, `not`, too many forms), the form is *vague*: nothing is concluded.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import product

from sagactl.definition.openapi.page import Broken, Piece, reference_of
from sagactl.source.node import Json

MAX_FORMS = 64
MAX_DEPTH = 24
TYPES = frozenset(("string", "integer", "number", "boolean", "array", "object", "null"))
VAGUE = ("if", "not", "dependentSchemas", "$dynamicRef", "$recursiveRef")


@dataclass(frozen=True, slots=True)
class Form:
    """One form that a value may have; `pieces` are the schemas that say so."""

    pieces: tuple[Piece, ...] = ()
    types: frozenset[str] | None = None  # None: nothing is said
    properties: tuple[tuple[str, Piece], ...] = ()
    required: tuple[tuple[str, Piece], ...] = ()
    closed: tuple[tuple[frozenset[str], Piece], ...] = ()  # no names but these, and who says so
    items: tuple[Piece, ...] = ()
    words: tuple[Json, ...] | None = None
    is_open: bool = False  # it says itself that there may be more names
    is_vague: bool = False

    def named(self, name: str) -> tuple[Piece, ...]:
        """The schemas of a property."""
        return tuple(piece for other, piece in self.properties if other == name)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(name for name, _ in self.properties))

    def forbids(self, name: str) -> Piece | None:
        """The schema that does not let a name in."""
        return next((piece for names, piece in self.closed if name not in names), None)


def forms(schemas: Iterable[Piece], *, is_3_0: bool = False) -> tuple[Form, ...]:
    """The forms of a value that all of these schemas hold for."""
    return _together([_forms(schema, is_3_0, MAX_DEPTH) for schema in schemas])


def _forms(schema: Piece, is_3_0: bool, depth: int) -> tuple[Form, ...]:
    value = schema.value
    if not isinstance(value, dict) or depth == 0:
        return (Form(is_vague=True, is_open=True),)
    reference = reference_of(value)
    if reference is not None:
        found = schema.referred(reference)
        if isinstance(found, Broken):
            return (Form(is_vague=True, is_open=True),)
        referred = _forms(found, is_3_0, depth - 1)
        # In 3.0 nothing beside a reference counts (3.0.3, 4.7.23).
        return referred if is_3_0 else _together([referred, (_own(schema, is_3_0),)])
    parts: list[tuple[Form, ...]] = [(_own(schema, is_3_0),)]
    for piece in _listed(schema, "allOf"):
        parts.append(_forms(piece, is_3_0, depth - 1))
    for keyword in ("oneOf", "anyOf"):
        several = [_forms(piece, is_3_0, depth - 1) for piece in _listed(schema, keyword)]
        if several:
            parts.append(tuple(form for some in several for form in some))
    together = _together(parts)
    if value.get("unevaluatedProperties") is False:
        return tuple(
            replace(form, closed=(*form.closed, (frozenset(form.names), schema)))
            for form in together
        )
    return together


def _listed(schema: Piece, keyword: str) -> Iterator[Piece]:
    listed = schema.raw(keyword)
    if listed is None or not isinstance(listed.value, list):
        return
    for index, value in enumerate(listed.value):
        yield Piece(schema.pages, schema.page, (*listed.path, index), value)


def _together(parts: list[tuple[Form, ...]]) -> tuple[Form, ...]:
    count = 1
    for part in parts:
        count *= len(part)
    if count > MAX_FORMS:
        return (Form(is_vague=True, is_open=True),)
    return tuple(_merged(some) for some in product(*parts))


def _merged(several: tuple[Form, ...]) -> Form:
    merged = Form()
    for form in several:
        types = form.types if merged.types is None else merged.types
        if form.types is not None and merged.types is not None:
            types = _of_both(merged.types, form.types)
        words = form.words if merged.words is None else merged.words
        if form.words is not None and merged.words is not None:
            words = tuple(word for word in merged.words if word in form.words)
        merged = Form(
            pieces=(*merged.pieces, *form.pieces),
            types=types,
            properties=(*merged.properties, *form.properties),
            required=(*merged.required, *form.required),
            closed=(*merged.closed, *form.closed),
            items=(*merged.items, *form.items),
            words=words,
            is_open=merged.is_open or form.is_open,
            is_vague=merged.is_vague or form.is_vague,
        )
    return merged


def _of_both(one: frozenset[str], other: frozenset[str]) -> frozenset[str]:
    both = one & other
    for a, b in ((one, other), (other, one)):
        if "number" in a and "integer" in b:
            both |= {"integer"}
    return both


def _own(schema: Piece, is_3_0: bool) -> Form:
    """What a schema says itself, apart from its parts."""
    value = schema.value
    own = tuple(_properties(schema))
    required = value.get("required")
    patterns = value.get("patternProperties")
    more = value.get("additionalProperties")
    closed: tuple[tuple[frozenset[str], Piece], ...] = ()
    if more is False and not patterns:
        closed = ((frozenset(name for name, _ in own), schema),)
    items = schema.raw("items")
    words = value.get("enum")
    if "const" in value and not is_3_0:
        words = [value["const"]]
    return Form(
        pieces=(schema,),
        types=_types(value, is_3_0),
        properties=own,
        required=tuple(
            (name, schema)
            for name in (required if isinstance(required, list) else ())
            if isinstance(name, str)
        ),
        closed=closed,
        items=() if items is None or "prefixItems" in value else (items,),
        words=tuple(words) if isinstance(words, list) else None,
        is_open=bool(patterns) or more not in (None, False),
        is_vague=any(keyword in value for keyword in VAGUE),
    )


def _properties(schema: Piece) -> Iterator[tuple[str, Piece]]:
    listed = schema.raw("properties")
    if listed is not None and isinstance(listed.value, dict):
        for name, value in listed.value.items():
            yield name, Piece(schema.pages, schema.page, (*listed.path, name), value)


def _types(value: dict[str, Json], is_3_0: bool) -> frozenset[str] | None:
    said = value.get("type")
    if isinstance(said, str):
        types = frozenset((said,))
    elif isinstance(said, list):
        types = frozenset(word for word in said if isinstance(word, str))
    else:
        return None
    if is_3_0 and value.get("nullable") is True:
        types |= {"null"}
    return types if types <= TYPES else None


# Schemas that hold together, once for each form in which a value can be met.
Alternatives = tuple[tuple[Piece, ...], ...]


@dataclass(frozen=True, slots=True)
class Absent:
    """A name that no form has: what it is looked for in, and what is there instead."""

    name: str | int
    above: tuple[str | int, ...]
    names: tuple[str, ...]
    piece: Piece


def look_up(
    schema: Piece, path: tuple[str | int, ...], *, is_3_0: bool
) -> "Alternatives | Absent | None":
    """The schemas of what stands at a path in a value; None where the schema leaves it open."""
    alternatives: Alternatives = ((schema,),)
    for at, part in enumerate(path):
        there = [form for some in alternatives for form in forms(some, is_3_0=is_3_0)]
        if any(form.is_vague for form in there):
            return None
        below = [form.named(part) if isinstance(part, str) else form.items for form in there]
        alternatives = tuple(pieces for pieces in below if pieces)
        if alternatives:
            continue
        if any(_may_have(form, part) for form in there):
            return None
        names = tuple(dict.fromkeys(name for form in there for name in form.names))
        return Absent(part, path[:at], names, there[0].pieces[0])
    return alternatives


def _may_have(form: Form, part: str | int) -> bool:
    """Whether a form that does not name a part leaves it open all the same."""
    wanted = "object" if isinstance(part, str) else "array"
    if form.types is not None and wanted not in form.types:
        return False
    if isinstance(part, int):
        return form.types is None or not form.items
    # As everywhere here, a schema that lists names means these, unless it says otherwise.
    return form.is_open or not form.properties


def types_of(alternatives: Alternatives, *, is_3_0: bool) -> frozenset[str] | None:
    """The types a value of these schemas may have, or None."""
    found: frozenset[str] = frozenset()
    for form in (form for some in alternatives for form in forms(some, is_3_0=is_3_0)):
        if form.types is None or form.is_vague:
            return None
        found |= form.types
    return found or None
