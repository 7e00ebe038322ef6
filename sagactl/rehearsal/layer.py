"""All the schemas that hold for one value, references followed and branches taken.

Of `oneOf` and `anyOf` the first branch counts that is not merely null, unless another is picked.
Whoever makes a value asks for the choices that there were, and comes back with other picks.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import isfinite
from typing import TypeAlias

from sagactl.definition.openapi.form import TYPES
from sagactl.definition.openapi.page import MAX_REFS, Broken, Piece, reference_of
from sagactl.definition.value import same
from sagactl.source.node import Json

# Where a choice stands: the schema, and the keyword.
Crossing: TypeAlias = tuple[tuple[str, tuple[str | int, ...]], str]
CHOOSING = ("oneOf", "anyOf")
# What a schema without a type speaks of tells which one is meant.
TELLING = {
    "object": ("properties", "required", "additionalProperties", "minProperties"),
    "array": ("items", "prefixItems", "minItems", "contains"),
    "string": ("pattern", "minLength", "maxLength", "format"),
    "number": ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
}


class Ungrowable(Exception):
    """No value was found that the schema allows."""


@dataclass(frozen=True, slots=True)
class Layers:
    """The schemas of one value. `tags` are properties that say which branch was taken."""

    pieces: tuple[Piece, ...]
    crossings: tuple[tuple[Crossing, int], ...]
    tags: Mapping[str, str]
    is_3_0: bool

    def said(self, keyword: str) -> Iterator[tuple[Piece, Json]]:
        """What each schema says under a keyword, and which one."""
        for piece in self.pieces:
            if keyword in piece.value:
                yield piece, piece.value[keyword]

    def numbers(self, keyword: str) -> list[float | int]:
        return [value for _, value in self.said(keyword) if is_number(value)]

    def names(self, keyword: str) -> list[str]:
        """The texts of lists, each once, in their order."""
        lists = [value for _, value in self.said(keyword) if isinstance(value, list)]
        return list(dict.fromkeys(name for some in lists for name in some if isinstance(name, str)))

    def below(self, keyword: str) -> list[Piece]:
        """The schemas right under a keyword."""
        found = (piece.raw(keyword) for piece, _ in self.said(keyword))
        return [piece for piece in found if piece is not None]

    @property
    def words(self) -> list[Json] | None:
        """What `const` and `enum` of all the schemas leave; None where nobody says any."""
        lists = [value for _, value in self.said("enum") if isinstance(value, list)]
        if not self.is_3_0:
            lists += [[value] for _, value in self.said("const")]
        if not lists:
            return None
        return [w for w in lists[0] if all(any(same(w, o) for o in other) for other in lists[1:])]

    @property
    def types(self) -> tuple[str, ...]:
        """The types that are left open, as they are listed, null last; () where nothing is said."""
        found: tuple[str, ...] | None = None
        for types in filter(None, map(self._own_types, self.pieces)):
            found = types if found is None else _of_both(found, types)
        if found is None:
            return self._told()
        if not found:
            raise Ungrowable
        return tuple(sorted(found, key=lambda word: word == "null"))

    @property
    def allows_null(self) -> bool:
        words = self.words
        return "null" in self.types and (words is None or None in words)

    def _own_types(self, piece: Piece) -> tuple[str, ...]:
        said = piece.value.get("type")
        listed = [said] if isinstance(said, str) else said if isinstance(said, list) else []
        types = tuple(word for word in listed if isinstance(word, str) and word in TYPES)
        is_nullable = self.is_3_0 and piece.value.get("nullable") is True
        return (*types, "null") if types and is_nullable else types

    def _told(self) -> tuple[str, ...]:
        for word, keywords in TELLING.items():
            if any(True for keyword in keywords for _ in self.said(keyword)):
                return (word,)
        return ()


def layers(schemas: "list[Piece]", picks: Mapping[Crossing, int], *, is_3_0: bool) -> Layers:
    """The schemas that hold for a value of all of these; raises Ungrowable where none can."""
    walk = _Walk(picks, is_3_0)
    for schema in schemas:
        walk.through(schema, 0)
    return Layers(tuple(walk.pieces), tuple(walk.crossings.items()), walk.tags, is_3_0)


class _Walk:
    def __init__(self, picks: Mapping[Crossing, int], is_3_0: bool) -> None:
        self.pieces: list[Piece] = []
        self.crossings: dict[Crossing, int] = {}
        self.tags: dict[str, str] = {}
        self._picks = picks
        self._is_3_0 = is_3_0
        self._seen: set[object] = set()

    def through(self, schema: Piece, depth: int) -> None:
        if schema.value is False:
            raise Ungrowable
        if not isinstance(schema.value, dict) or schema.spot in self._seen or depth > MAX_REFS:
            return
        self._seen.add(schema.spot)
        reference = reference_of(schema.value)
        if reference is not None:
            found = schema.referred(reference)
            if not isinstance(found, Broken):
                self.through(found, depth + 1)
            if self._is_3_0:  # nothing beside a reference counts there (3.0.3, 4.7.23)
                return
        self.pieces.append(schema)
        for part in _listed(schema, "allOf"):
            self.through(part, depth + 1)
        for keyword in CHOOSING:
            self._choose(schema, keyword, depth)

    def _choose(self, schema: Piece, keyword: str, depth: int) -> None:
        # A branch that is merely null is the last one taken.
        options = sorted(_listed(schema, keyword), key=_is_null)
        if not options:
            return
        crossing = (schema.spot, keyword)
        self.crossings[crossing] = len(options)
        option = options[self._picks.get(crossing, 0)]
        self._tag(schema, option)
        self.through(option, depth + 1)

    def _tag(self, schema: Piece, option: Piece) -> None:
        """What a discriminator says of a branch that was taken (OpenAPI 3.1.1, 4.8.25)."""
        said, reference = schema.value.get("discriminator"), reference_of(option.value)
        if not isinstance(said, dict) or reference is None:
            return
        name, mapping = said.get("propertyName"), said.get("mapping")
        if isinstance(name, str):
            known = mapping.items() if isinstance(mapping, dict) else ()
            implied = reference.rpartition("/")[2]
            tag = next((tag for tag, to in known if to in (reference, implied)), implied)
            self.tags.setdefault(name, str(tag))


def _listed(schema: Piece, keyword: str) -> list[Piece]:
    listed = schema.raw(keyword)
    if listed is None or not isinstance(listed.value, list):
        return []
    return [
        Piece(schema.pages, schema.page, (*listed.path, index), value)
        for index, value in enumerate(listed.value)
    ]


def _is_null(schema: Piece) -> bool:
    return isinstance(schema.value, dict) and schema.value.get("type") in ("null", ["null"])


def _of_both(one: tuple[str, ...], other: tuple[str, ...]) -> tuple[str, ...]:
    both = [word for word in one if word in other]
    for a, b in ((one, other), (other, one)):
        if "number" in a and "integer" in b and "integer" not in both:
            both.append("integer")
    return tuple(both)


def is_number(value: Json) -> bool:
    """Whether it is a number that can be reckoned with."""
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)
